"""The text of one look at a host: ten lines at most. Pure."""

from __future__ import annotations

from openclaw_install.common.shown_text import neutral
from openclaw_install.setup.status import HostStatus
from openclaw_install.surfaces.views import view
from openclaw_install.surfaces.views.text import Text


@view.register
def host_status(found: HostStatus) -> Text:
    """One line a part, what waits for a person, and the one next command."""
    looked = f", last full look {found.looked}" if found.looked else ""
    head = f"openclaw-install {found.version}{looked}"
    rows = [f"{line.area:<9} {line.state:<8} {line.message}" for line in found.lines]
    waits = f"{'waits':<9} {'; '.join(found.waits) or 'nothing waits for you'}"
    step = f"{'next':<9} {found.next_step or 'nothing has to be done'}"
    return Text([neutral(head)], [neutral(row) for row in rows], [neutral(waits), neutral(step)])

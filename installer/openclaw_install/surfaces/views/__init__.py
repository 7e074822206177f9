"""One text for each kind of answer, shared by the command line and the MCP servers."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from openclaw_install.surfaces.views.text import Text


@singledispatch
def view(answer: Any) -> Text:
    """The text of an answer.

    Raises:
        TypeError: no view is registered for this kind of answer; add one beside those of its family.
    """
    raise TypeError(f"there is no view of a {type(answer).__name__}")


from openclaw_install.surfaces.views import bindings, contacts, trust  # noqa: E402, F401 - each registers its views

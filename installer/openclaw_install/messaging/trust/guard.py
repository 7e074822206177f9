"""What an agent may not do by itself: give another agent more than it has (pure)."""

from __future__ import annotations

from openclaw_install.common.errors import InstallError
from openclaw_install.messaging.untrusted import is_person

# Who decided about a contact that an agent wrote to first: nobody but that agent.
OUTBOUND = "outbound"


class TrustRefusedError(InstallError):
    """Somebody asked for a change of trust that only a person may make."""

    code = "trust.needs_a_person"


def is_agent(caller: str) -> bool:
    """Whether an agent asks, through the tools, and no person."""
    return not is_person(caller)


def require_a_person(caller: str, what: str) -> None:
    """Refuses an agent what could give another agent more than it has.

    Args:
        what: as a sentence begins with it, such as `this decision about a contact`.

    Raises:
        TrustRefusedError: an agent asks.
    """
    if is_agent(caller):
        raise TrustRefusedError(
            f"{what} could give another agent more than it has, and that is a person's to decide",
            next_step="ask your person; the commands are pingagent contacts approve and pingagent trust set",
        )

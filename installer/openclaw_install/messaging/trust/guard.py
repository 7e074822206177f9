"""What an agent may not do by itself: give another agent more than it has (pure)."""

from __future__ import annotations

from openclaw_install.common.errors import InstallError
from openclaw_install.messaging.trust.policy import Section
from openclaw_install.messaging.untrusted import is_person

# Who decided about a contact that an agent wrote to first: nobody but that agent.
OUTBOUND = "outbound"


class TrustRefusedError(InstallError):
    """Somebody asked for a change of trust that only a person may make."""

    code = "trust.needs_a_person"


def is_agent(caller: str) -> bool:
    """Whether an agent asks, through the tools, and no person."""
    return not is_person(caller)


def require_may_widen(caller: str, section: Section, *, widens: bool) -> None:
    """Refuses an agent a change that could widen trust.

    Raises:
        TrustRefusedError: so it is.
    """
    if widens and is_agent(caller):
        raise refused(f"this change of the {section} policy")


def require_may_approve(caller: str) -> None:
    """Refuses an agent a decision that lets more of a contact in.

    Raises:
        TrustRefusedError: so it is.
    """
    if is_agent(caller):
        raise refused("this decision about a contact")


def refused(what: str) -> TrustRefusedError:
    """The refusal of something that is a person's to decide."""
    return TrustRefusedError(
        f"{what} could give another agent more than it has, and that is a person's to decide",
        next_step="ask your person; the commands are pingagent contacts approve and pingagent trust set",
    )

"""How many agents an agent of ours may write to without being asked, over all of them (pure)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OpeningLimits:
    """How far an agent may reach out by itself; a person may always write.

    Attributes:
        per_hour, per_day: contacts that it may open.
        open: contacts that may await a reply at a time.
        unanswered: messages to one contact before its first reply.
    """

    per_hour: int = 10
    per_day: int = 30
    open: int = 20
    unanswered: int = 5


@dataclass(frozen=True)
class Opened:
    """What agents have opened on this host so far.

    Attributes:
        last_hour, last_day: contacts, by when their first message was queued.
        awaiting: contacts that await a reply.
    """

    last_hour: int
    last_day: int
    awaiting: int


def why_not_open(opened: Opened, limits: OpeningLimits) -> str | None:
    """Why an agent may not open one more contact now; None where it may."""
    if opened.awaiting >= limits.open:
        return (
            f"{opened.awaiting} contacts that agents opened await a reply, and no more than {limits.open} may"
        )
    if opened.last_hour >= limits.per_hour:
        return f"agents opened {opened.last_hour} contacts within an hour, and may open {limits.per_hour}"
    if opened.last_day >= limits.per_day:
        return f"agents opened {opened.last_day} contacts within a day, and may open {limits.per_day}"
    return None


def why_not_write(sent: int, limits: OpeningLimits) -> str | None:
    """Why an agent may not write once more to a contact that has not replied yet; None where it may."""
    if sent < limits.unanswered:
        return None
    return f"it has {sent} messages of yours and has not replied to any"

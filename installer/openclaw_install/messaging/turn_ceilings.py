"""Ceilings of turns: how many one contact, and all together, may begin in a minute, hour and day. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

from openclaw_install.protocol.times import iso

Scope = Literal["contact", "host"]
_SECONDS = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}
MOST = 1_000_000


class Ceiling(NamedTuple):
    """One ceiling.

    Attributes:
        scope: whose turns are counted: those of one contact, or those of all.
        most: so many turns.
        per: in so long.
    """

    scope: Scope
    most: int
    per: str

    @property
    def seconds(self) -> float:
        return _SECONDS[self.per]


@dataclass(frozen=True, kw_only=True)
class TurnCeilings:
    """How many turns messages may begin; each is one that this host's owner pays for. 0 sets no ceiling.

    Attributes:
        contact_minute: Turns of one contact in a minute.
        contact_hour: Turns of one contact in an hour.
        contact_day: Turns of one contact in a day.
        host_minute: Turns of all contacts together in a minute.
        host_hour: Turns of all contacts together in an hour.
        host_day: Turns of all contacts together in a day.
    """

    contact_minute: int = 10
    contact_hour: int = 120
    contact_day: int = 600
    host_minute: int = 40
    host_hour: int = 600
    host_day: int = 3000

    def each(self) -> Iterator[Ceiling]:
        """Those that are set."""
        for name, most in asdict(self).items():
            scope, _, per = name.partition("_")
            if most:
                yield Ceiling("contact" if scope == "contact" else "host", most, per)


NO_CEILINGS = TurnCeilings(
    contact_minute=0, contact_hour=0, contact_day=0, host_minute=0, host_hour=0, host_day=0
)


class Reached(NamedTuple):
    """A ceiling that holds the next turn back.

    Attributes:
        until: when its oldest turn that counts is over; seconds since the epoch.
    """

    ceiling: Ceiling
    until: float

    @property
    def reason(self) -> str:
        """Why a message waits, in words."""
        one = self.ceiling
        whose = "this contact" if one.scope == "contact" else "all contacts"
        return f"{one.most} turns of {whose} per {one.per}; goes on at {iso(self.until)}"


def reached(oldest: Mapping[Ceiling, float | None], now: float) -> Reached | None:
    """The ceiling that holds the next turn back for longest; None where it may begin.

    A turn that lies ahead of `now`, because the clock was set back, does not count.

    Args:
        oldest: by ceiling, when the `most`-th turn, counted from the newest, was begun; None where there were
            fewer.
        now: seconds since the epoch.
    """
    found = [
        Reached(ceiling, at + ceiling.seconds)
        for ceiling, at in oldest.items()
        if at is not None and at <= now < at + ceiling.seconds
    ]
    return max(found, key=lambda one: one.until, default=None)

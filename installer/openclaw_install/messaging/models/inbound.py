"""Whether messages that come in become turns: the pause of all, ceilings, and what waits for them."""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_install.common.jsonable import Timestamp
from openclaw_install.messaging.turn_ceilings import TurnCeilings
from openclaw_install.protocol.times import iso


@dataclass(frozen=True, kw_only=True)
class Pause:
    """The pause of all that comes in: it is received, and begins no turn.

    Attributes:
        by: who asked for it.
        reason: as that person gave it; may be empty.
    """

    at: Timestamp
    by: str
    reason: str

    @property
    def words(self) -> str:
        """That it is so, in words."""
        why = f" ({self.reason})" if self.reason else ""
        return f"all inbound is paused since {iso(self.at)} by {self.by}{why}: messages come in and wait"


@dataclass(frozen=True, kw_only=True)
class TurnsBegun:
    """Turns that messages of all contacts began, in the minute, hour and day that have just passed."""

    minute: int
    hour: int
    day: int


@dataclass(frozen=True, kw_only=True)
class HeldContact:
    """A contact whose messages wait for a ceiling of turns.

    Attributes:
        waiting: Its messages that are to become turns.
        reason: Which ceiling it is, and until when.
        until: When its next message becomes a turn.
    """

    did: str
    waiting: int
    reason: str
    until: Timestamp


@dataclass(frozen=True, kw_only=True)
class InboundState:
    """Whether messages that come in become turns, and how many may.

    Attributes:
        pause: All inbound is paused by a person: messages come in and wait. Null where it is not.
        ceilings: How many turns may begin.
        begun: How many began.
        waiting: Messages of approved contacts that are to become turns.
        held: Contacts whose messages wait for a ceiling, the longest line first; at most 10.
    """

    pause: Pause | None
    ceilings: TurnCeilings
    begun: TurnsBegun
    waiting: int
    held: tuple[HeldContact, ...]

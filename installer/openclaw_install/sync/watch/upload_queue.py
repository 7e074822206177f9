"""The upload queue of one agent: what waits, what is in flight, and what waits for a pause to end. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from openclaw_install.common import backoff

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
# A refusal seldom passes by itself, but a quota may be raised.
REFUSED_PAUSE = 600.0


@dataclass
class PendingUpload:
    saved_at: float | None
    not_before: float = 0.0
    tried: int = 0


class UploadQueue:
    """The skills to be sent to one agent, by name. One push is in flight at a time.

    A skill that is added while it is in flight is sent again afterwards: only the newest content counts.
    """

    def __init__(self) -> None:
        self._pending: dict[str, PendingUpload] = {}
        self._in_flight: dict[str, PendingUpload] = {}
        self._down_until = 0.0
        self._down_tried = 0

    def add(self, name: str, saved_at: float | None = None) -> None:
        """Queues a skill to be sent now.

        Args:
            name: the skill.
            saved_at: when it was saved; the oldest save that was not sent counts. None if it is not known.
        """
        known = self._pending.get(name)
        if known is None:
            self._pending[name] = PendingUpload(saved_at)
        else:
            known.saved_at = saved_at if known.saved_at is None else known.saved_at
            known.not_before = 0.0

    def reconcile(self, names: Collection[str]) -> None:
        """Replaces the queue by what the ledger says is pending after a full scan.

        What waits for the end of a pause keeps waiting.
        """
        for name in names:
            if name not in self._pending and name not in self._in_flight:
                self._pending[name] = PendingUpload(None)
        self._pending = {name: pending for name, pending in self._pending.items() if name in names}

    def take(self, now: float, most: int) -> tuple[str, ...]:
        """The skills to be sent now, at most `most`; none while others are in flight."""
        if self._in_flight or now < self._down_until:
            return ()
        names = [name for name, pending in self._pending.items() if pending.not_before <= now][:most]
        self._in_flight = {name: self._pending.pop(name) for name in names}
        return tuple(names)

    def next_at(self) -> float | None:
        """When `take` will have something; None if that needs a new skill or the end of what is in flight."""
        if self._in_flight or not self._pending:
            return None
        return max(self._down_until, min(pending.not_before for pending in self._pending.values()))

    def settled(self, name: str) -> float | None:
        """Removes a skill that need not be sent any more; returns when it was saved, if that is known."""
        return self._in_flight.pop(name).saved_at

    def failed(self, name: str, now: float, jitter: float) -> float:
        """Queues a skill again after a failure; returns the pause in seconds. A newer save does not wait."""
        pending = self._in_flight.pop(name)
        pending.tried += 1
        return self._again(name, pending, now, _pause(pending.tried, jitter))

    def refused(self, name: str, now: float) -> None:
        """Queues a refused content again for much later; a newer one is sent at once."""
        self._again(name, self._in_flight.pop(name), now, REFUSED_PAUSE)

    def back(self, names: Iterable[str]) -> None:
        """Puts back skills that were not tried."""
        for name in names:
            self._again(name, self._in_flight.pop(name), 0.0, 0.0)

    def down(self, now: float, jitter: float) -> float:
        """Pauses the whole queue, since the service cannot be reached; returns the pause in seconds."""
        self._down_tried += 1
        pause = _pause(self._down_tried, jitter)
        self._down_until = now + pause
        return pause

    def up(self) -> bool:
        """Ends the queue's pause after a success; returns whether there was one."""
        was_down = self._down_tried > 0
        self._down_tried, self._down_until = 0, 0.0
        return was_down

    def wake(self) -> None:
        """Ends all pauses, as after a suspend."""
        self._down_until = 0.0
        for pending in self._pending.values():
            pending.not_before = 0.0

    @property
    def pending(self) -> int:
        """How many skills the agent has not acknowledged."""
        return len(self._pending.keys() | self._in_flight.keys())

    def waiting(self, now: float) -> int:
        """How many of them wait for the end of a pause."""
        if now < self._down_until:
            return len(self._pending)
        return sum(pending.not_before > now for pending in self._pending.values())

    def _again(self, name: str, pending: PendingUpload, now: float, pause: float) -> float:
        newer = self._pending.get(name)
        if newer is None:
            pending.not_before = now + pause
            self._pending[name] = pending
        else:
            newer.saved_at = newer.saved_at if pending.saved_at is None else pending.saved_at
            newer.tried = pending.tried
        return pause


def _pause(tried: int, jitter: float) -> float:
    return backoff.pause(tried, jitter, base=FIRST_PAUSE, most=LONGEST_PAUSE)

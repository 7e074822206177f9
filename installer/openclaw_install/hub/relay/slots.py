"""Concurrency limits of the relay: requests and body bytes in progress, by agent, by address and in all."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from openclaw_install.hub.relay.errors import refused
from openclaw_install.hub.relay.limits import RelayLimits


@dataclass(eq=False)
class Slot:
    """One request in progress.

    Attributes:
        who: the agent that signed it, or an address where that is not proven yet.
        party: the network address that it counts for.
        size: the most that its body can have, in bytes.
        begun: when its body began to be read, in monotonic seconds; None while it is not.
    """

    who: str
    party: str
    size: int
    begun: float | None = None
    limit: asyncio.Timeout | None = None
    ended: bool = field(default=False)


class Slots:
    """Limits what is in progress at the relay; used from one event loop.

    A slow body holds its slot only as long as nobody else needs it: where there is no room, the one
    that is being read for the longest is given up, of the same address where that has its share, else of the
    address that has most of them.

    Args:
        monotonic: seconds.
    """

    def __init__(self, limits: RelayLimits, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._now = limits, monotonic
        self._agents: Counter[str] = Counter()
        self._parties: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._reading: dict[Slot, None] = {}

    @contextlib.contextmanager
    def acquire(self, who: str, party: str, size: int = 0) -> Iterator[Slot]:
        """Counts a request while it is in progress.

        Raises:
            HttpRefusedError: 429 or 503: there are too many, and none of them can be given up.
        """
        if self._agents[who] >= self._limits.requests_per_agent:
            raise refused("too_many_at_once", retry_after=1)
        while self._is_full(party, size):
            if not self._give_up_one(party):
                raise refused("too_many_at_once", retry_after=1)
        while self._is_full(None, size):
            if not self._give_up_one(self._slowest_party()):
                raise refused("busy", retry_after=1)
        slot = Slot(who, party, size)
        self._count(slot, 1)
        try:
            yield slot
        finally:
            self._end(slot)

    @contextlib.contextmanager
    def reading(self, slot: Slot, limit: asyncio.Timeout) -> Iterator[None]:
        """Marks a slot whose body is being read; `limit` ends the reading when it has to make room."""
        slot.begun, slot.limit = self._now(), limit
        self._reading[slot] = None
        try:
            yield
        finally:
            self._reading.pop(slot, None)

    def _is_full(self, party: str | None, size: int) -> bool:
        limits = self._limits
        if party is None:
            return (
                self._parties.total() >= limits.requests_in_all
                or self._bytes.total() + size > limits.body_bytes_in_all
            )
        return (
            self._parties[party] >= limits.requests_per_address
            or self._bytes[party] + size > limits.body_bytes_per_address
        )

    def _slowest_party(self) -> str | None:
        slow = Counter(slot.party for slot in self._reading)
        return max(slow, key=lambda party: slow[party], default=None)

    def _give_up_one(self, party: str | None) -> bool:
        slow = next((slot for slot in self._reading if slot.party == party), None)
        if slow is None or slow.begun is None or slow.limit is None:
            return False
        if self._now() - slow.begun < self._limits.body_grace_seconds:
            return False
        del self._reading[slow]
        self._end(slow)
        slow.limit.reschedule(asyncio.get_running_loop().time())
        return True

    def _end(self, slot: Slot) -> None:
        if not slot.ended:
            slot.ended = True
            self._count(slot, -1)

    def _count(self, slot: Slot, step: int) -> None:
        for counter, name, amount in (
            (self._agents, slot.who, step),
            (self._parties, slot.party, step),
            (self._bytes, slot.party, step * slot.size),
        ):
            counter[name] += amount
            if not counter[name]:
                del counter[name]

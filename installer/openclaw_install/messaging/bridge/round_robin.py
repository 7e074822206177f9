"""Which threads get the places that are free: each in its turn, nobody passed over for long."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from typing import Protocol


class Look(Protocol):
    """Finds threads that have something due, in the order of their names."""

    def __call__(self, *, after: str = "", limit: int) -> Awaitable[Sequence[str]]:
        """At most `limit` threads behind the thread `after`."""
        ...


class FairTurns:
    """Goes round the threads: each choice begins behind the last thread that got its turn."""

    def __init__(self) -> None:
        self._after = ""

    async def choose(self, look: Look, active: Collection[str], free: int) -> list[str]:
        """Threads for the free places.

        Args:
            look: what is due now.
            active: threads that have a place already.
            free: how many places there are besides.
        """
        if free <= 0:
            return []
        limit = free + len(active)
        found = list(await look(after=self._after, limit=limit))
        if self._after and len(found) < limit:
            found += await look(limit=limit)
        chosen = [one for one in dict.fromkeys(found) if one not in active][:free]
        self._after = chosen[-1] if chosen else ""
        return chosen

"""Remembers the tokens of the last minutes, in bounded memory; tokens older than this process are refused."""

from __future__ import annotations

import heapq

from openclaw_install.hub.relay.answers import refused


class ReplayGuard:
    """Which tokens were used.

    It forgets a token when it has expired, and never earlier: when it is full it refuses instead. What it
    forgets at a restart is not accepted either, because `too_old` refuses what was signed before.

    Args:
        most: tokens that are remembered at once.
        started: seconds since 1970 when this process began to serve.
    """

    def __init__(self, most: int, started: float) -> None:
        self._most = most
        # Tokens have whole seconds. One that was signed in the second of the start may be from before it.
        self._started = int(started)
        self._seen: set[str] = set()
        self._ends: list[tuple[float, str]] = []

    def too_old(self, issued_at: int) -> bool:
        """Whether a token may have been used before the restart."""
        return issued_at < self._started

    def first_time(self, token_id: str, expires_at: float, now: float) -> bool:
        """Whether the token is new; it is remembered until `expires_at`.

        Raises:
            HttpRefusedError: 503 `busy`: there is no room to remember it.
        """
        while self._ends and self._ends[0][0] <= now:
            self._seen.discard(heapq.heappop(self._ends)[1])
        if token_id in self._seen:
            return False
        if len(self._seen) >= self._most:
            raise refused("busy", retry_after=30)
        self._seen.add(token_id)
        heapq.heappush(self._ends, (expires_at, token_id))
        return True

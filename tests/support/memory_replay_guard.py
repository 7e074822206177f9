"""A replay guard in memory, for tests of tokens."""

from __future__ import annotations

from collections.abc import Callable

from openclaw_install.protocol.tokens import LIFETIME


class MemoryReplayGuard:
    """A guard for one process; after a restart, tokens of the last minute could count once more.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: dict[str, float] = {}
        self._sweep_at = 0.0

    def first_time(self, jti: str, expires_at: float) -> bool:
        """Whether `jti` is new; it is remembered until `expires_at`."""
        now = self._clock()
        if now >= self._sweep_at:
            self._seen = {key: until for key, until in self._seen.items() if until > now}
            self._sweep_at = now + LIFETIME
        if jti in self._seen:
            return False
        self._seen[jti] = expires_at
        return True

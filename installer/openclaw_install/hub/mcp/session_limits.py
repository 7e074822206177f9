"""Limits how many MCP sessions each key has open, beside the SDK's own count of all. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class _Session:
    key_id: str
    last_seen: float
    in_flight: int = 0


class SessionLimiter:
    """Counts sessions by key.

    Args:
        per_key: how many a key may have.
        idle_seconds: when the SDK closes a session that nobody uses; it is forgotten here then too.
    """

    def __init__(self, per_key: int, idle_seconds: float) -> None:
        self._per_key = per_key
        self._idle = idle_seconds
        self._sessions: dict[str, _Session] = {}
        self._opening: dict[str, int] = {}

    def admit(self, key_id: str, now: float) -> int | None:
        """Reserves room for one more session; every admission must be settled.

        Returns:
            None when there is room, else seconds until the longest-idle session ends.
        """
        self._forget_idle(now)
        mine = [session for session in self._sessions.values() if session.key_id == key_id]
        opening = self._opening.get(key_id, 0)
        if len(mine) + opening < self._per_key:
            self._opening[key_id] = opening + 1
            return None
        idle = [session.last_seen for session in mine if not session.in_flight]
        return max(1, math.ceil(min(idle, default=now) + self._idle - now))

    def settle(self, key_id: str, session_id: str | None, now: float) -> None:
        """Ends an admission: with the session that was opened, or None."""
        self._opening[key_id] -= 1
        if session_id is not None:
            self._sessions[session_id] = _Session(key_id, now)

    def begin(self, session_id: str) -> None:
        """A request in the session has come: it is not idle while it is served."""
        if session_id in self._sessions:
            self._sessions[session_id].in_flight += 1

    def end(self, session_id: str, now: float) -> None:
        """The request was answered."""
        if session_id in self._sessions:
            self._sessions[session_id].in_flight -= 1
            self._sessions[session_id].last_seen = now

    def close(self, session_id: str) -> None:
        """The session is no more."""
        self._sessions.pop(session_id, None)

    def _forget_idle(self, now: float) -> None:
        for session_id, session in list(self._sessions.items()):
            if not session.in_flight and now - session.last_seen >= self._idle:
                del self._sessions[session_id]

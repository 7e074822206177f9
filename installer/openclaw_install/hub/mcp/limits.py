"""Every limit of MCP, with the defaults that a small team needs, and what counts against them."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from openclaw_install.hub.http_errors import retry_later

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What one request, one key and the whole hub may use.

    Attributes:
        body_bytes: largest request body; more is answered with 413 before it is read.
        body_seconds: how long a body may take to arrive; longer is answered with 408.
        content_bytes: largest SKILL.md, as UTF-8.
        skills_per_call: skills in one `mysta_sync_all_skills`.
        skills_per_agent: skills that an agent may hold.
        requests_per_second, burst: the token bucket of each key; an empty one is answered with 429.
        sessions_per_key: open MCP sessions of one key.
        session_idle_seconds: a session without a request for so long is closed.
        key_check_seconds: how often an open stream's key is looked up; it ends soon after the key does.
        requests_per_key: requests of one key in progress at once; more is answered with 429.
        requests_in_all: requests in progress at once; more is answered with 503.
        bytes_per_key, bytes_in_all: the same for the bytes of their bodies. While it is served, a body takes
            up to five times its size in memory.
    """

    body_bytes: int = 4 * MIB
    body_seconds: float = 30.0
    content_bytes: int = MIB
    skills_per_call: int = 500
    skills_per_agent: int = 5000
    requests_per_second: float = 50.0
    burst: int = 200
    sessions_per_key: int = 50
    session_idle_seconds: float = 600.0
    key_check_seconds: float = 2.0
    requests_per_key: int = 64
    requests_in_all: int = 256
    bytes_per_key: int = 32 * MIB
    bytes_in_all: int = 128 * MIB


class ConcurrencyLimiter:
    """Limits what is in progress at one endpoint; used from one event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    @contextlib.contextmanager
    def acquire(self, key_id: str, body_bytes: int) -> Iterator[None]:
        """Counts a request while it is in progress.

        Args:
            body_bytes: the most that its body can have; one that is refused for its size has 0.

        Raises:
            HttpRefusedError: 429 when the key has too much in progress already, 503 when all have.
        """
        limits = self._limits
        if self._requests.total() >= limits.requests_in_all:
            raise retry_later(503, "busy", "the hub has as much to do as it can", 1)
        if self._requests[key_id] >= limits.requests_per_key:
            raise retry_later(429, "too_many_at_once", "too many requests of this key at once", 1)
        if body_bytes and self._bytes.total() + body_bytes > limits.bytes_in_all:
            raise retry_later(503, "busy", "the hub holds as much as it can", 1)
        if body_bytes and self._bytes[key_id] + body_bytes > limits.bytes_per_key:
            raise retry_later(429, "too_much_at_once", "too many bytes from this key at once", 1)
        self._requests[key_id] += 1
        self._bytes[key_id] += body_bytes
        try:
            yield
        finally:
            self._requests[key_id] -= 1
            self._bytes[key_id] -= body_bytes


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

"""Every limit of the hub in one place, with the defaults that a small team needs."""

from __future__ import annotations

from dataclasses import dataclass

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

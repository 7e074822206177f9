"""Concurrency limits of MCP: requests and body bytes in progress, for each key and in all."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from openclaw_install.hub.http_errors import retry_later
from openclaw_install.hub.limits import Limits


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


def expected_bytes(announced: str | None, limit: int) -> int:
    """What a body may take in memory.

    Args:
        announced: the Content-Length header; without one the body may be as large as is allowed.
        limit: the most that is read; a larger announcement is refused unread.
    """
    if announced is None or not (announced.isascii() and announced.isdigit()):
        return limit
    size = int(announced)
    return size if size <= limit else 0

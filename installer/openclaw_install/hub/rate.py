"""A token bucket for each key: pure, with the time given."""

from __future__ import annotations

import math
from dataclasses import dataclass

_MANY = 20_000


@dataclass
class _Bucket:
    tokens: float
    at: float


class RateLimiter:
    """Lets `burst` requests through at once and `per_second` in the long run, for each key by itself.

    Args:
        per_second: how fast a bucket fills.
        burst: how much it holds.
    """

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key_id: str, now: float) -> int | None:
        """Takes one token.

        Args:
            key_id: whose bucket.
            now: monotonic seconds.

        Returns:
            None when there was one, else whole seconds until there is.
        """
        if len(self._buckets) >= _MANY and key_id not in self._buckets:
            self._forget_full(now)
        bucket = self._buckets.setdefault(key_id, _Bucket(self._burst, now))
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._per_second)
        bucket.at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return None
        return max(1, math.ceil((1 - bucket.tokens) / self._per_second))

    def _forget_full(self, now: float) -> None:
        """A full bucket is as good as a new one; the names of some buckets are of their users' choice."""
        long_ago = now - self._burst / self._per_second
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if bucket.at > long_ago}

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

    def take(self, key_id: str, now: float, cost: float = 1.0) -> int | None:
        """Takes one token, or several for what costs more.

        Args:
            key_id: whose bucket.
            now: monotonic seconds.
            cost: how many; never more than a full bucket holds.

        Returns:
            None when they were there, else whole seconds until they are.
        """
        cost = min(cost, self._burst)
        if len(self._buckets) >= _MANY and key_id not in self._buckets:
            self._forget_full(now)
        bucket = self._buckets.setdefault(key_id, _Bucket(self._burst, now))
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._per_second)
        bucket.at = now
        if bucket.tokens >= cost:
            bucket.tokens -= cost
            return None
        return max(1, math.ceil((cost - bucket.tokens) / self._per_second))

    def give_back(self, key_id: str, cost: float = 1.0) -> None:
        """Puts back what was taken in vain."""
        if (bucket := self._buckets.get(key_id)) is not None:
            bucket.tokens = min(self._burst, bucket.tokens + cost)

    def _forget_full(self, now: float) -> None:
        """A full bucket is as good as a new one; the names of some buckets are of their users' choice."""
        long_ago = now - self._burst / self._per_second
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if bucket.at > long_ago}

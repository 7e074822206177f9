"""Circuit breaker: open while the other side fails (no requests), half-open after a pause. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_install.common.backoff import pause


@dataclass
class CircuitBreaker:
    """Whether one other side (the gateway, the relay) is asked at all, for all threads together.

    Closed: requests go out. Open: none until `retry_at`. Half-open: one thread tries, and only its success
    closes the breaker for the others.

    Attributes:
        most: the longest pause, in seconds.
        failures: failed tries since the last success.
        retry_at: when the next try may be made, in seconds since the epoch.
    """

    most: float = 30.0
    failures: int = 0
    retry_at: float = 0.0

    def is_open(self, now: float) -> bool:
        """Whether no request may go out."""
        return now < self.retry_at

    def width(self, now: float, concurrency: int) -> int:
        """How many threads may have requests under way."""
        if self.is_open(now):
            return 0
        return 1 if self.failures else concurrency

    def trip(self, now: float, jitter: float, at_least: float | None) -> None:
        """Opens after a failure of the other side; requests that were under way together count once.

        Args:
            now: seconds since the epoch.
            jitter: from 0 up to 1.
            at_least: seconds that the other side asked for, if it did.
        """
        if self.is_open(now):
            self.retry_at = max(self.retry_at, now + (at_least or 0.0))
            return
        self.failures += 1
        self.retry_at = now + max(pause(self.failures, jitter, most=self.most), at_least or 0.0)

    def close(self) -> None:
        """The other side answered as it should."""
        self.failures, self.retry_at = 0, 0.0

    def try_now(self, now: float) -> None:
        """Half-open at once: something changed that may have helped."""
        self.retry_at = min(self.retry_at, now)

"""How often and after which pauses a request is tried again. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_install.common import backoff


@dataclass(frozen=True)
class RetryPolicy:
    """Bounds on trying again.

    Attributes:
        tries: how often a request is sent at most.
        first_pause: seconds before the second try; each further pause is twice as long, and each is cut by
            up to half of it, by chance.
        longest_pause: seconds; what the service asks for in `Retry-After` is kept to within it.
        call_seconds: how long one try may take, from the first byte sent to the last one read.
    """

    tries: int = 4
    first_pause: float = 0.3
    longest_pause: float = 30.0
    call_seconds: float = 60.0

    def pause(self, tried: int, asked: float | None, jitter: float) -> float | None:
        """Seconds to wait before the next try; None when there is to be none.

        Args:
            tried: how many tries were made.
            asked: what the service asked for, if it did.
            jitter: a random number from 0 to 1, by which the pauses of many clients differ.
        """
        if tried >= self.tries:
            return None
        if asked is not None:
            return None if asked > self.longest_pause else asked + 0.1 * jitter
        return backoff.pause(tried, jitter, base=self.first_pause, most=self.longest_pause)

"""Whether the gateway is asked at all now: closed while it is down or refuses everybody, half open after."""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_install.common.backoff import pause


@dataclass
class GatewayGate:
    """The state of the one gateway that all threads share.

    While it is closed nothing is sent. When the pause is over one thread tries, and only its success lets
    the others follow.

    Attributes:
        most: the longest pause, in seconds.
        failures: tries that failed since the last success.
        open_at: seconds since the epoch.
    """

    most: float = 30.0
    failures: int = 0
    open_at: float = 0.0

    def width(self, now: float, concurrency: int) -> int:
        """How many threads may be under way."""
        if now < self.open_at:
            return 0
        return 1 if self.failures else concurrency

    def close(self, now: float, jitter: float, at_least: float | None) -> None:
        """The gateway refused everybody; those that were under way at that time count once."""
        if now < self.open_at:
            self.open_at = max(self.open_at, now + (at_least or 0.0))
            return
        self.failures += 1
        self.open_at = now + max(pause(self.failures, jitter, most=self.most), at_least or 0.0)

    def succeeded(self) -> None:
        """The gateway took a turn, or refused a single one for reasons of its own."""
        self.failures, self.open_at = 0, 0.0

    def hurry(self, now: float) -> None:
        """Something changed that may have mended it: try at once."""
        self.open_at = min(self.open_at, now)

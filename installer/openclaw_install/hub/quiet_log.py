"""Warnings that others can provoke: one line a minute for each kind, with how many there were."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

EVERY_SECONDS = 60.0


@dataclass
class Quiet:
    """Lets one event of each kind through a minute, and counts the rest."""

    monotonic: Callable[[], float] = time.monotonic
    _last: dict[str, float] = field(default_factory=dict)
    _held: dict[str, int] = field(default_factory=dict)

    def count(self, kind: str) -> int | None:
        """How many there were since the last one that was let through, this one included; None: say nothing.

        Args:
            kind: one of a few names of ours; never text that others chose.
        """
        held, now = self._held.get(kind, 0) + 1, self.monotonic()
        if kind in self._last and now - self._last[kind] < EVERY_SECONDS:
            self._held[kind] = held
            return None
        self._last[kind], self._held[kind] = now, 0
        return held

    def warn(self, log: logging.Logger, kind: str, message: str) -> None:
        """Logs the message, with a count, unless there was one of its kind in the last minute."""
        if (count := self.count(kind)) is not None:
            log.warning("%s (%d times since the last such line)", message, count)

"""When the next full rescan is due, whatever the clocks do. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from openclaw_install.common.clock import Known, Reading, first_known, judged, wall_time


@dataclass(frozen=True)
class Clock:
    """The clocks: one that only goes forward, for pauses, and the one on the wall, for what is recorded."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = wall_time


class Rhythm:
    """Says when a pass is due: every `period` seconds, and at once after a suspend or a jump of the clock.

    Args:
        period: seconds on the clock that only goes forward, which may stand still while the machine sleeps.
    """

    def __init__(self, period: float) -> None:
        self._period = period
        self._last: float | None = None
        self._known: Known | None = None

    def jumped(self, now: float, wall: float) -> bool:
        """Whether the clocks came apart since the last look; to be asked every second or so."""
        reading, before = Reading(wall, now, now), self._known
        self._known = first_known(reading) if before is None else judged(before, reading)
        return before is not None and self._known.breaks > before.breaks

    def due(self, now: float) -> bool:
        """Whether the period is over since the last pass, or there was none."""
        return self._last is None or now - self._last >= self._period

    def passed(self, now: float) -> None:
        """A pass was made."""
        self._last = now

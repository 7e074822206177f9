"""When things are due: a save after a short quiet, a rescan after a period, whatever the clocks do. Pure."""

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


# The source of events has waited for about 10 ms of quiet already.
QUIET = 0.010
BURST_QUIET = 0.030
BURST = 0.060
LONGEST = 0.500


@dataclass
class _Waiting:
    first: float
    due: float


class Debounce:
    """Collects touches by key and says which keys have been quiet for long enough.

    A first touch after calm needs `QUIET` seconds of quiet. One that follows another of the same key within
    `BURST` seconds needs `BURST_QUIET`, so that a file that is saved all the time is sent now and then rather
    than at each save. No key waits over `LONGEST` seconds from its first touch on.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiting] = {}
        self._touched: dict[str, float] = {}

    def touch(self, key: str, now: float) -> None:
        """Notes that something was changed.

        Args:
            key: what was.
            now: seconds on a clock that only goes forward.
        """
        last = self._touched.get(key)
        quiet = BURST_QUIET if last is not None and now - last < BURST else QUIET
        self._touched[key] = now
        waiting = self._waiting.setdefault(key, _Waiting(now, now))
        waiting.due = min(now + quiet, waiting.first + LONGEST)

    def due(self, now: float) -> tuple[str, ...]:
        """The keys whose time has come, in the order of their first touch; they count as handed over."""
        ready = tuple(key for key, waiting in self._waiting.items() if waiting.due <= now)
        for key in ready:
            del self._waiting[key]
        if not self._waiting:
            self._touched = {key: at for key, at in self._touched.items() if now - at < BURST}
        return ready

    def next_at(self) -> float | None:
        """When the next key will be due; None while there is none."""
        return min((waiting.due for waiting in self._waiting.values()), default=None)

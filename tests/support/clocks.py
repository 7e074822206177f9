"""Clocks that a test sets: one that stands until it is moved, and one that goes on by itself as well."""

from __future__ import annotations

import time
from dataclasses import dataclass

from openclaw_install.common.clock import Reading, WatchedClock

START = 1_800_000_000.0
"""Where the wall clock of a `HandClock` stands at first."""


@dataclass
class Hands:
    """What a test has done to a clock: seconds beyond where it would stand."""

    stepped: float = 0.0
    elapsed: float = 0.0
    slept: float = 0.0


class _Set(WatchedClock):
    def __init__(self, *, wall: float | None = None) -> None:
        self._at, self.hands = wall, Hands()
        super().__init__(self._set)

    def __call__(self) -> float:
        """The wall time, for whoever takes no more than that."""
        return self.wall()

    def go(self, seconds: float) -> None:
        """Time goes by."""
        self.hands.elapsed += seconds

    def step(self, seconds: float) -> None:
        """Somebody sets the wall clock ahead; or back, with less than 0."""
        self.hands.stepped += seconds

    def sleep(self, seconds: float) -> None:
        """The machine sleeps for so long."""
        self.hands.elapsed += seconds
        self.hands.slept += seconds

    def _set(self) -> Reading:
        real_wall, real_awake = (time.time(), time.monotonic()) if self._at is None else (self._at, 0.0)
        went = self.hands.elapsed
        return Reading(
            real_wall + went + self.hands.stepped, real_awake + went, real_awake + went - self.hands.slept
        )


class HandClock(_Set):
    """Stands until a test moves it."""

    def __init__(self, wall: float = START) -> None:
        super().__init__(wall=wall)


class GoingClock(_Set):
    """Goes on by itself, and can be moved besides."""

    def __init__(self) -> None:
        super().__init__()

"""The process's clock: wall time held against monotonic time, so that a clock that was set is noticed.

Whoever dates, expires or forgets something reads the wall clock here and nowhere else. Somebody can set that
clock, or a service can that found it wrong; so each reading is held against the time that went by meanwhile.
`judged` is pure: plain numbers in, what is known afterwards out. `SystemClock` is the thin part that reads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

STEP_SECONDS = 2.0
"""What the wall clock may differ by from the time that went by, before that counts as a step."""
SLEPT_SECONDS = 2.0
"""What a machine may have slept before that counts as a suspend."""
SLEW = 0.001
"""The part of a second by which a time service may stretch each one; the usual one takes half of it."""
_ATOMIC_SECONDS = 0.05
_TRIES = 3


@dataclass(frozen=True)
class Reading:
    """The clocks of a machine at one moment.

    Attributes:
        wall: seconds since 1970; anybody may set it.
        elapsed: seconds that went by, those of a suspend with them; nobody can set it.
        awake: the same without the time that the machine slept. Where a system cannot tell the two apart
            they are equal, and a suspend looks like a step of the wall clock.
    """

    wall: float
    elapsed: float
    awake: float


@dataclass(frozen=True)
class Step:
    """The wall clock was set.

    Attributes:
        seconds: by how much; negative when it was set back.
        at: when it was noticed, in `elapsed` seconds.
    """

    seconds: float
    at: float


@dataclass(frozen=True)
class Known:
    """What is known of the clocks after a reading.

    Attributes:
        began: `elapsed` at the first reading.
        now: the reading.
        apart: what `wall` and `elapsed` should differ by; it follows what a time service does slowly.
        step: the last step of the wall clock; None while there was none.
        slept_at: when the last suspend was noticed, in `elapsed` seconds; None while there was none.
        slept: how long that was.
        breaks: how many steps and suspends were noticed. Whoever remembers it sees that there was one more.
    """

    began: float
    now: Reading
    apart: float
    step: Step | None = None
    slept_at: float | None = None
    slept: float = 0.0
    breaks: int = 0

    @property
    def agreed(self) -> float:
        """Seconds for which the wall clock has gone along with the time that went by: since the last step, or
        since this process first looked."""
        since = self.began if self.step is None else self.step.at
        return self.now.elapsed - since

    def wall_of(self, elapsed: float) -> float:
        """The moment `elapsed`, as the wall clock of now dates it."""
        return self.now.wall - (self.now.elapsed - elapsed)


def first_known(reading: Reading) -> Known:
    """What is known after the first reading: nothing yet of how far to trust the wall clock. Pure."""
    return Known(reading.elapsed, reading, reading.wall - reading.elapsed)


def judged(before: Known, now: Reading) -> Known:
    """What is known after one more reading. Pure.

    The wall clock is held against where it should be, not against the last look: many small steps are one.
    """
    went = max(now.elapsed - before.now.elapsed, 0.0)
    apart = now.wall - now.elapsed
    off = apart - before.apart
    known = replace(before, now=now, apart=before.apart + _between(off, went * SLEW))
    if abs(off) > STEP_SECONDS + went * SLEW:
        known = replace(known, apart=apart, step=Step(off, now.elapsed), breaks=known.breaks + 1)
    slept = went - (now.awake - before.now.awake)
    if slept > SLEPT_SECONDS:
        known = replace(known, slept_at=now.elapsed, slept=slept, breaks=known.breaks + 1)
    return known


def _between(value: float, most: float) -> float:
    return max(-most, min(most, value))


class Clock(Protocol):
    """What tells the time. Safe to use from several threads."""

    def wall(self) -> float:
        """Seconds since 1970, for what is shown and recorded."""
        ...

    def monotonic(self) -> float:
        """Seconds that only go forward and stand still while the machine sleeps, for pauses and patience."""
        ...

    def look(self) -> Known:
        """All of it: reads the clocks, and says what came between them."""
        ...


class WatchedClock:
    """`Clock` over something that reads.

    Args:
        read: the clocks at this moment, as nearly at once as can be.
    """

    def __init__(self, read: Callable[[], Reading]) -> None:
        self._read = read
        self._known = first_known(read())

    def wall(self) -> float:
        return self.look().now.wall

    def monotonic(self) -> float:
        return self.look().now.awake

    def look(self) -> Known:
        # Without a lock, so that it may be asked under any: of two threads that look at once, each goes on
        # from a whole state, and what the state that stays has not noticed, the next look does.
        known = judged(self._known, self._read())
        self._known = known
        return known


def read_clocks() -> Reading:
    """The clocks of this machine."""
    for _ in range(_TRIES):
        before = _elapsed()
        reading = Reading(time.time(), before, time.monotonic())
        # A process that is held up in between would take that for a step.
        if _elapsed() - before < _ATOMIC_SECONDS:
            break
    return reading


def _elapsed() -> float:
    """Seconds that went by, those of a suspend with them where the system counts them."""
    return time.clock_gettime(_ELAPSED)


# Linux counts a suspend in a clock of its own. On macOS this one does, and `time.monotonic` does not.
_ELAPSED: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

SYSTEM: Clock = WatchedClock(read_clocks)
"""The clock of this process. What it says of steps holds from when it was first needed."""


def wall_time() -> float:
    """Seconds since 1970 by the clock of this process: for whoever dates something, and needs no more."""
    return SYSTEM.wall()

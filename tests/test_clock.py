"""The clock of a process: what it takes for a step, for a suspend and for time that went by."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.common.clock import (
    SLEW,
    STEP_SECONDS,
    SYSTEM,
    Reading,
    first_known,
    judged,
    read_clocks,
    wall_time,
)
from tests.support.clocks import HandClock

HOUR = 3600.0
DAY = 24 * HOUR


@pytest.mark.parametrize("seconds", [STEP_SECONDS + 0.5, -STEP_SECONDS - 0.5, HOUR, -30 * DAY, 30 * DAY])
def test_a_wall_clock_that_was_set_is_noticed_at_the_next_look_by_how_much_and_when(seconds: float) -> None:
    clock = HandClock()
    clock.go(100.0)
    clock.look()
    clock.step(seconds)
    clock.go(10.0)
    known = clock.look()
    assert known.step is not None
    assert known.step.seconds == pytest.approx(seconds)
    assert known.step.at == known.now.elapsed == 110.0
    assert (known.agreed, known.breaks) == (0.0, 1)
    clock.go(60.0)
    assert clock.look().agreed == 60.0


def test_time_that_goes_by_is_no_step_however_rarely_somebody_looks() -> None:
    clock = HandClock()
    for seconds in (0.1, 10.0, DAY, 90 * DAY):
        clock.go(seconds)
        assert clock.look().step is None
    assert clock.look().agreed == pytest.approx(91 * DAY + 10.1)


def test_a_suspend_is_no_step_of_the_wall_clock_and_is_told_apart_from_time_awake() -> None:
    clock = HandClock()
    before = clock.monotonic()
    clock.sleep(8 * HOUR)
    known = clock.look()
    assert known.step is None
    assert known.agreed == 8 * HOUR
    assert (known.slept, known.slept_at, known.breaks) == (8 * HOUR, known.now.elapsed, 1)
    assert clock.monotonic() == before


def test_a_clock_that_is_set_while_the_machine_sleeps_is_both() -> None:
    clock = HandClock()
    clock.sleep(HOUR)
    clock.step(-DAY)
    known = clock.look()
    assert known.step is not None
    assert known.step.seconds == pytest.approx(-DAY)
    assert (known.slept, known.breaks) == (HOUR, 2)


def test_many_small_steps_are_one() -> None:
    clock = HandClock()
    for _ in range(10):
        clock.step(STEP_SECONDS / 4)
        clock.go(1.0)
        clock.look()
    assert clock.look().step is not None


@given(st.floats(-SLEW / 2, SLEW / 2), st.lists(st.floats(0.0, 1000.0), max_size=50))
def test_what_a_time_service_does_slowly_is_no_step(rate: float, pauses: list[float]) -> None:
    clock = HandClock()
    for seconds in pauses:
        clock.go(seconds)
        clock.step(seconds * rate)
        assert clock.look().step is None


def test_a_reading_that_stands_before_the_one_before_is_no_time_that_went_by() -> None:
    known = judged(first_known(Reading(1000.0, 50.0, 50.0)), Reading(999.9, 49.9, 49.9))
    assert (known.step, known.slept_at) == (None, None)


def test_an_earlier_moment_is_dated_by_the_wall_clock_of_now() -> None:
    clock = HandClock(wall=5000.0)
    began = clock.look().began
    clock.go(10.0)
    clock.step(-HOUR)
    assert clock.look().wall_of(began) == 5000.0 - HOUR


def test_two_threads_that_look_notice_one_step_once() -> None:
    clock = HandClock()
    clock.step(HOUR)
    gate = threading.Barrier(4)

    def look() -> None:
        gate.wait()
        for _ in range(200):
            clock.look()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.look().breaks == 1


def test_the_clock_of_this_process_reads_this_machine() -> None:
    first, second = read_clocks(), read_clocks()
    assert second.elapsed >= first.elapsed
    assert second.awake >= first.awake
    known = SYSTEM.look()
    assert known.now.elapsed >= second.elapsed
    assert wall_time() == pytest.approx(known.now.wall, abs=DAY)

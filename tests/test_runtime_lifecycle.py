"""When components start, back off and are tried again: the pure rules."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.common.problems import Problem
from openclaw_install.runtime import lifecycle
from openclaw_install.runtime.lifecycle import FIRST_PAUSE, LONGEST_PAUSE, STEADY_SECONDS, Life

PROBLEM = Problem("sync.key", "the key is rejected", "make another")
_times = st.floats(0, 1e9)
_chances = st.floats(0, 1)


@given(st.integers(1, 10_000), _chances)
def test_a_pause_lies_between_one_second_and_sixty(failures: int, chance: float) -> None:
    assert FIRST_PAUSE <= lifecycle.pause_after(failures, chance) <= LONGEST_PAUSE


@given(st.integers(1, 100), _chances)
def test_a_pause_does_not_shrink_when_failures_go_on(failures: int, chance: float) -> None:
    assert lifecycle.pause_after(failures + 1, chance) >= lifecycle.pause_after(failures, chance)


def test_components_that_failed_together_do_not_return_together() -> None:
    assert lifecycle.pause_after(5, 0.9) < lifecycle.pause_after(5, 0.1)


@given(_times, st.lists(st.tuples(st.floats(0, 120), _chances), min_size=1, max_size=20))
def test_a_failed_component_waits_for_its_time_and_not_longer(
    start: float, failures: list[tuple[float, float]]
) -> None:
    life, now = Life("one", since=start), start
    for lived, chance in failures:
        life = lifecycle.looked(life, now, "inputs", configured=True)
        now += lived
        life = lifecycle.failed(life, now, "boom", chance)
        assert life.retry_at is not None
        assert lifecycle.due_of(life, now, "inputs") == "wait"
        assert lifecycle.due_of(life, life.retry_at, "inputs") == "look"
        assert life.retry_at - now <= LONGEST_PAUSE + 1e-3
        now = life.retry_at
    assert life.failures == len(failures)


def test_an_edit_ends_the_wait_but_not_the_shortest_one() -> None:
    life = lifecycle.failed(Life("one", inputs="before", failures=5), 100.0, "boom", 1.0)
    assert lifecycle.due_of(life, 100.5, "after") == "wait"
    assert lifecycle.due_of(life, 101.0, "after") == "look"
    assert lifecycle.due_of(life, 101.0, "before") == "wait"


@given(_times, st.floats(0, 1e9))
def test_a_blocked_component_is_left_alone_until_its_inputs_change(now: float, later: float) -> None:
    life = lifecycle.blocked(Life("one"), now, PROBLEM, "inputs")
    assert lifecycle.due_of(life, now + later, "inputs") == "watch"
    assert lifecycle.due_of(life, now + later, "others") == "look"


@given(_times, st.floats(0, 1e9))
def test_a_component_that_is_not_configured_is_left_alone_until_it_is(now: float, later: float) -> None:
    life = lifecycle.looked(Life("one", figures={"sent": 1}), now, "inputs", configured=False)
    assert (life.phase, life.figures) == ("off", {})
    assert lifecycle.due_of(life, now + later, "inputs") == "watch"
    assert lifecycle.due_of(life, now + later, "others") == "look"


def test_a_component_that_worked_for_a_while_fails_as_for_the_first_time() -> None:
    ready = lifecycle.said(Life("one", failures=7), 10.0, "ready")
    assert lifecycle.failed(ready, 10.0 + STEADY_SECONDS, "boom", 1.0).failures == 1
    assert lifecycle.failed(ready, 9.0 + STEADY_SECONDS, "boom", 1.0).failures == 8


def test_a_phase_begins_once_and_a_repeated_word_does_not_begin_it_again() -> None:
    ready = lifecycle.said(Life("one"), 10.0, "ready")
    assert lifecycle.said(ready, 20.0, "ready").since == 10.0
    assert lifecycle.said(ready, 20.0, "degraded", "slow").since == 20.0


def test_what_a_component_says_fits_into_a_small_document() -> None:
    long = "x" * 100_000
    life = lifecycle.failed(Life("one"), 0.0, long, 0.5)
    life = lifecycle.counted(life, {f"figure_{n}": long for n in range(1000)})
    problem = lifecycle.blocked(life, 0.0, replace(PROBLEM, message=long), None).problem
    assert problem is not None
    assert len(life.message) + len(problem.message) + len(str(life.figures)) < 50_000


def test_the_report_tells_how_long_it_will_wait() -> None:
    life = lifecycle.failed(Life("one"), 100.0, "boom", 0.0)
    assert life.report(100.4, 1.0).retry_seconds == 1.6
    assert life.report(500.0, 1.0).retry_seconds == 0.0
    assert lifecycle.stopped(life, 100.0).report(100.0, 1.0).retry_seconds is None

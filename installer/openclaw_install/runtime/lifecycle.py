"""Rules for when a component starts, backs off, is blocked, is tried again, or has stalled. Pure.

A worker has stalled when it has done nothing for too long: round trips count, not an event loop's beat.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from openclaw_install.common.backoff import pause
from openclaw_install.common.problems import Problem
from openclaw_install.runtime.report import ComponentPhase, ComponentReport, Figure

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
STEADY_SECONDS = 60.0
_LONGEST_TEXT = 500
_MOST_FIGURES = 40
# sysexits.h EX_TEMPFAIL: no supervisor takes it for a clean end, nor for something that another start leaves.
STALLED_EXIT = 75

Due = Literal["look", "wait", "watch"]


@dataclass(frozen=True)
class Life:
    """One component's state.

    Attributes:
        name: the component.
        phase: as in `ComponentReport`.
        since: when the phase began, in seconds of the clock that the caller uses.
        message: one sentence of the component's own.
        problem: why it is blocked.
        failures: how often in a row it ended with an error.
        retry_at: when it is to be started again.
        inputs: what its configuration looked like when it was last looked at.
        figures: what it counts.
    """

    name: str
    phase: ComponentPhase = "starting"
    since: float = 0.0
    message: str = ""
    problem: Problem | None = None
    failures: int = 0
    retry_at: float | None = None
    inputs: object = None
    figures: Mapping[str, Figure] = field(default_factory=dict)

    def report(self, now: float, since: float) -> ComponentReport:
        """The same for others; `since` is when the phase began, by the wall clock."""
        pause = None if self.retry_at is None else round(max(0.0, self.retry_at - now), 3)
        return ComponentReport(
            self.name, self.phase, self.message, since, self.failures, pause, self.problem, dict(self.figures)
        )


def looked(life: Life, now: float, inputs: object, *, configured: bool) -> Life:
    """It was looked at: it starts, or is off."""
    phase: ComponentPhase = "starting" if configured else "off"
    failures = life.failures if configured else 0
    return replace(
        _turned(life, phase, now),
        inputs=inputs,
        failures=failures,
        figures=life.figures if configured else {},
    )


def said(life: Life, now: float, phase: Literal["ready", "degraded"], message: str = "") -> Life:
    """It says that it works, with or without limits."""
    return replace(_turned(life, phase, now), message=short(message))


def blocked(life: Life, now: float, problem: Problem, inputs: object) -> Life:
    """It needs a person; only a change of what it depends on starts it again."""
    shown = Problem(problem.code, short(problem.message), short(problem.next_step))
    return replace(_turned(life, "blocked", now), problem=shown, failures=0, inputs=inputs)


def failed(life: Life, now: float, message: str, jitter: float) -> Life:
    """It ended with an error.

    Args:
        life: before.
        now: seconds.
        message: what is said about it.
        jitter: from 0 up to 1, drawn afresh: components that failed together do not return together.
    """
    steady = life.phase in ("ready", "degraded") and now - life.since >= STEADY_SECONDS
    failures = 1 if steady else life.failures + 1
    return replace(
        _turned(life, "failing", now),
        message=short(message),
        failures=failures,
        retry_at=now + pause_after(failures, jitter),
    )


def stopped(life: Life, now: float) -> Life:
    """It was told to stop, and did."""
    return _turned(life, "stopped", now)


def counted(life: Life, figures: Mapping[str, Figure]) -> Life:
    """Some of its figures changed; what does not fit into a small document is left out."""
    cut = {name: short(value) if isinstance(value, str) else value for name, value in figures.items()}
    merged = {**life.figures, **cut}
    return replace(life, figures=dict(list(merged.items())[:_MOST_FIGURES]))


def due_of(life: Life, now: float, inputs: object) -> Due:
    """What is to be done with a component that does not run at the moment.

    Returns:
        `look`: look at its configuration, and start it; `wait`: until `retry_at`; `watch`: until its inputs
        change.
    """
    if life.phase == "failing":
        due = life.retry_at is None or now >= life.retry_at
        # An edit may be the repair, but a file that changes all the time must not undo the backing off.
        mended = inputs != life.inputs and now - life.since >= FIRST_PAUSE
        return "look" if due or mended else "wait"
    if life.phase in ("blocked", "off"):
        return "look" if inputs != life.inputs else "watch"
    return "look"


def pause_after(failures: int, jitter: float) -> float:
    """Seconds until the next start: doubled with each failure, from 1 s to 60 s."""
    return pause(failures, jitter, base=2 * FIRST_PAUSE, most=LONGEST_PAUSE)


def short(text: str) -> str:
    """A text that fits into a small document."""
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 3] + "..."


def _turned(life: Life, phase: ComponentPhase, now: float) -> Life:
    since = life.since if life.phase == phase else now
    return replace(life, phase=phase, since=since, message="", problem=None, retry_at=None)


@dataclass(frozen=True)
class WorkerProgress:
    """What one worker shows of itself.

    Attributes:
        component: whose worker it is.
        worker: its name.
        rounds: how many round trips it has made through what it depends on.
        within: seconds in which it has to make another.
    """

    component: str
    worker: str
    rounds: int
    within: float


@dataclass(frozen=True)
class WatchedWorker:
    """A worker, and for how long it has made no round trip.

    Attributes:
        waited: seconds, as far as they were watched.
    """

    progress: WorkerProgress
    waited: float = 0.0

    @property
    def is_stalled(self) -> bool:
        return self.waited > self.progress.within


Watch = Mapping[tuple[str, str], WatchedWorker]


def watched(before: Watch, progress: Iterable[WorkerProgress], elapsed: float, most: float) -> Watch:
    """The watch after another look.

    Args:
        before: after the look before.
        progress: of the workers that are at work now; others are not watched any more.
        elapsed: seconds since the look before.
        most: what one look can count. A machine that slept, or a process that was stopped, shows a long time
            in which nobody could work, the watcher as little as the workers: that is held against nobody.
    """
    passed = max(0.0, min(elapsed, most))
    after = {}
    for one in progress:
        name = (one.component, one.worker)
        known = before.get(name)
        idle = known is not None and known.progress.rounds == one.rounds
        after[name] = WatchedWorker(one, known.waited + passed if known is not None and idle else 0.0)
    return after


def stalled(watch: Watch) -> tuple[WatchedWorker, ...]:
    """The workers that have made no round trip within their bounds."""
    return tuple(one for one in watch.values() if one.is_stalled)

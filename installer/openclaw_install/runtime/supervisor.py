"""Supervises the components, each by itself: one that fails or is blocked does not hold up the others."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import InstallError
from openclaw_install.common.library_log import frames_of
from openclaw_install.common.problems import Problem
from openclaw_install.runtime import lifecycle
from openclaw_install.runtime.component import Component, Context
from openclaw_install.runtime.lifecycle import Life, WatchedWorker, WorkerProgress
from openclaw_install.runtime.report import ComponentReport, Figure

WriteLog = Callable[..., None]
LOOK_SECONDS = 3.0


@dataclass(frozen=True)
class Seams:
    """What the supervisor has from outside.

    Attributes:
        log: writes an event with facts.
        changed: is called when a report is new.
        clock: seconds, monotonic.
        chance: 0 to 1, by luck.
        look_seconds: how often the inputs of a component that is blocked, off or failing are looked at.
    """

    log: WriteLog
    changed: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    look_seconds: float = LOOK_SECONDS


class Supervisor:
    """The components of one runtime.

    Args:
        components: the table.
        context: what each is given.
        seams: the log, the clock and the like.
    """

    def __init__(self, components: Sequence[Component], context: Context, seams: Seams) -> None:
        self._seams = seams
        self._runners = [_ComponentRunner(component, context, seams) for component in components]
        self._tasks: list[asyncio.Task[None]] = []

    def reports(self) -> tuple[ComponentReport, ...]:
        """Each component as it last said, in the table's order."""
        return tuple(runner.report() for runner in self._runners)

    def progress(self) -> tuple[WorkerProgress, ...]:
        """What the workers of all components show of themselves."""
        return tuple(progress for runner in self._runners for progress in runner.progress())

    def stalled(self, found: Sequence[WatchedWorker]) -> None:
        """Says which workers have done nothing for too long; the reports tell it from now on."""
        for runner in self._runners:
            runner.stalled([one for one in found if one.progress.component == runner.name])

    def start(self) -> None:
        """Begins; from inside a running event loop."""
        self._tasks = [asyncio.create_task(runner.run()) for runner in self._runners]

    async def stop(self, grace_seconds: float) -> tuple[str, ...]:
        """Cancels all, and waits for them.

        Returns:
            the names of those that did not end in time.
        """
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_seconds)
        pairs = zip(self._tasks, self._runners, strict=True)
        return tuple(runner.name for task, runner in pairs if not task.done())


class _ComponentRunner:
    """Keeps one component going; it is the component's `Reporter` too."""

    def __init__(self, component: Component, context: Context, seams: Seams) -> None:
        self._component = component
        self._context = context
        self._seams = seams
        self._life = Life(component.name, since=seams.clock())
        self._since_wall = wall_time()
        self._rounds: dict[str, tuple[int, float]] = {}
        self._stalled: Sequence[WatchedWorker] = ()

    @property
    def name(self) -> str:
        return self._component.name

    def report(self) -> ComponentReport:
        report = self._life.report(self._seams.clock(), self._since_wall)
        return stalled_report(report, self._stalled) if self._stalled else report

    def progress(self) -> list[WorkerProgress]:
        return [WorkerProgress(self.name, worker, *shown) for worker, shown in self._rounds.items()]

    def stalled(self, found: Sequence[WatchedWorker]) -> None:
        self._stalled = found

    async def run(self) -> None:
        """Starts the component, and starts it again, until this is cancelled."""
        try:
            while True:
                await self._one_life()
                await self._until_due()
        except asyncio.CancelledError:
            self._turn(lifecycle.stopped(self._life, self._now()))
            raise

    async def _one_life(self) -> None:
        """Looks at the configuration and runs the component; whatever it raises ends in a state, not here."""
        inputs = await asyncio.to_thread(self._inputs)
        work = asyncio.create_task(self._look_and_run(inputs))
        try:
            await asyncio.wait({work})
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait({work})
            self._rounds.clear()
        error = None if work.cancelled() else work.exception()
        if isinstance(error, InstallError):
            self._block(error, inputs)
        elif error is not None or work.cancelled():
            self._fail(error)

    async def _look_and_run(self, inputs: object) -> None:
        configured = await asyncio.to_thread(self._component.configured, self._context)
        self._turn(lifecycle.looked(self._life, self._now(), inputs, configured=configured))
        if configured:
            await self._component.run(self._context, self)
            raise _EndedError

    async def _until_due(self) -> None:
        while True:
            inputs = await asyncio.to_thread(self._inputs)
            due = lifecycle.due_of(self._life, self._now(), inputs)
            if due == "look":
                return
            pause = self._seams.look_seconds
            if due == "wait" and self._life.retry_at is not None:
                pause = min(pause, max(0.0, self._life.retry_at - self._now()))
            await asyncio.sleep(pause)

    def _inputs(self) -> object:
        try:
            return self._component.inputs(self._context)
        except (OSError, InstallError) as error:
            # What cannot be looked at changes when it can be again.
            return str(error)

    def _fail(self, error: BaseException | None) -> None:
        name = "cancelled from inside" if error is None else type(error).__name__
        if isinstance(error, _EndedError):
            name = "it ended by itself"
        where = [] if error is None else frames_of(error.__traceback__)
        self._turn(lifecycle.failed(self._life, self._now(), name, self._seams.chance()))
        pause = round((self._life.retry_at or 0.0) - self._now(), 1)
        self._log("component_failed", "error", error=name, where=where, retry_seconds=pause)

    def _block(self, error: InstallError, inputs: object) -> None:
        problem = error.problem
        if problem != self._life.problem:
            self._log("component_blocked", "error", code=problem.code, message=problem.message)
        self._turn(lifecycle.blocked(self._life, self._now(), problem, inputs))

    def ready(self, message: str = "") -> None:
        if self._life.phase != "ready":
            self._log("component_ready", "info", message=message)
        self._turn(lifecycle.said(self._life, self._now(), "ready", message))

    def degraded(self, message: str) -> None:
        if (self._life.phase, self._life.message) != ("degraded", lifecycle.short(message)):
            self._log("component_degraded", "warning", message=message)
        self._turn(lifecycle.said(self._life, self._now(), "degraded", message))

    def blocked(self, error: InstallError) -> None:
        self._block(error, self._life.inputs)

    def figures(self, **figures: Figure) -> None:
        self._turn(lifecycle.counted(self._life, figures))

    def worked(self, worker: str, within: float) -> None:
        rounds, _ = self._rounds.get(worker, (0, 0.0))
        self._rounds[worker] = (rounds + 1, within)

    def event(self, event: str, /, **facts: object) -> None:
        # A fact of the component's own must not pass for one of ours.
        own = {"component": self.name, "level": "info"}
        self._seams.log(event, **{**facts, **own})

    def _log(self, event: str, level: str, **facts: Any) -> None:
        self._seams.log(event, component=self.name, level=level, **facts)

    def _now(self) -> float:
        return self._seams.clock()

    def _turn(self, life: Life) -> None:
        if life == self._life:
            return
        if life.phase != self._life.phase:
            self._since_wall = wall_time()
        self._life = life
        self._seams.changed()


def stalled_report(report: ComponentReport, found: Sequence[WatchedWorker]) -> ComponentReport:
    """A component's report with the workers that have done nothing for too long."""
    words = [f"{one.progress.worker} has done nothing for {one.waited:.0f} s" for one in found]
    message = f"{report.name} stands still: {', '.join(words)}"
    problem = Problem("runtime.stalled", message, "openclaw-install runtime restart")
    return replace(report, phase="stalled", message="", problem=problem)


class _EndedError(Exception):
    """A component came to an end of its own."""

"""The long-lived process: whether it runs where it has work, and how its components do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from openclaw_install.common.problems import Problem
from openclaw_install.messaging.transport_health import GOES_ON
from openclaw_install.runtime.report import ComponentPhase, ComponentReport, RuntimeReport, RuntimeState
from openclaw_install.setup.facts import PROGRAM, Facts

IDS = ("runtime",)
CURE = f"{PROGRAM} runtime status"
_LOGS = f"{PROGRAM} runtime logs"
_NEXT_STEPS: Mapping[RuntimeState, str] = {
    "stopped": f"{PROGRAM} runtime start",
    "stale": f"{PROGRAM} runtime restart",
    "failing": _LOGS,
}
_BLOCKING: tuple[ComponentPhase, ...] = ("blocked", "failing", "stalled")


def look(facts: Facts) -> Iterator[Problem]:
    """What is wrong with it; nothing where no component is configured."""
    runtime = facts.runtime
    if runtime is None:
        return
    if runtime.problem is not None:
        problem = runtime.problem
        word = problem.code.replace(".", "_").removeprefix("runtime_")
        yield replace(problem, code=f"runtime.{word}")
    elif runtime.status is not None and runtime.wanted:
        yield from _of_process(runtime.status, facts)


def _of_process(report: RuntimeReport, facts: Facts) -> Iterator[Problem]:
    path = report.log.path
    if report.state in _NEXT_STEPS and not report.components:
        step = report.problem.next_step if report.problem else _NEXT_STEPS[report.state]
        yield Problem(f"runtime.{report.state}", report.message, step, path=path)
        return
    for part in report.components:
        if part.phase in _BLOCKING:
            step = part.problem.next_step if part.problem else _LOGS
            yield Problem(f"runtime.{part.name}_{part.phase}", _in_words(part), step, path=path)
        elif part.phase == "degraded":
            code = f"runtime.{part.name}_degraded"
            yield Problem(code, _in_words(part), _helps(part, facts), severity="warn", path=path)
    if report.state == "starting":
        yield Problem("runtime.starting", "the runtime is starting", CURE, severity="warn", path=path)
    if report.state == "stale":
        yield Problem("runtime.stale", report.message, _NEXT_STEPS["stale"], path=path)


def _helps(part: ComponentReport, facts: Facts) -> str:
    """What helps a component that works with limits; empty where it goes on by itself."""
    transport = facts.agent.transport if facts.agent else None
    if part.name != "bridge" or transport is None or transport.next_step == GOES_ON:
        return ""
    return transport.next_step


def _in_words(part: ComponentReport) -> str:
    message = part.problem.message if part.problem else part.message
    return f"{part.name}: {message or part.phase}"

"""The runtime's part in setup and report: started where it has work, a blocker where it does not do it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from openclaw_install.common.errors import InstallError
from openclaw_install.common.problems import Problem
from openclaw_install.host.locate import HostLocation
from openclaw_install.runtime.report import ComponentReport, RuntimeReport, RuntimeState
from openclaw_install.setup.activation import PROGRAM, ActivationReport, as_typed, blockers_from
from openclaw_install.setup.verify import RunResult

SETTLE_SECONDS = 20.0
_PAUSE_SECONDS = 0.1


class RuntimeSeam(Protocol):
    """The runtime of one host, as the setup sees it."""

    def wanted(self) -> Sequence[str]:
        """The components that are configured; with none of them the runtime has no work here."""

    def report(self) -> RuntimeReport:
        """How it is; quick, and changes nothing."""

    def start(self) -> RuntimeReport:
        """Starts it where it does not run, and tells how it is then."""

    def remove(self, *, forget: bool = False) -> tuple[str, ...]:
        """Stops it and removes what it has, with `forget` also what it was to do; the paths that are gone."""


@dataclass(frozen=True)
class HostRuntime:
    """The real one.

    Attributes:
        location: the host.
        env: the environment that a started runtime gets.
    """

    location: HostLocation
    env: Mapping[str, str] = field(repr=False)

    def wanted(self) -> Sequence[str]:
        from openclaw_install.runtime.components import configured_components

        return configured_components(self.location, self.env)

    def report(self) -> RuntimeReport:
        from openclaw_install.runtime.control import runtime_report

        return runtime_report(self.location, self.env)

    def start(self) -> RuntimeReport:
        from openclaw_install.runtime.control import start_runtime

        return start_runtime(self.location, self.env).report

    def remove(self, *, forget: bool = False) -> tuple[str, ...]:
        from openclaw_install.runtime.components import forget_configured
        from openclaw_install.runtime.control import remove_runtime

        removed = remove_runtime(self.location, self.env).removed
        if forget:
            # Else the next report would miss the runtime, and the next setup would send again by itself.
            forget_configured(self.location)
        return removed


def with_runtime(
    result: RunResult, runtime: RuntimeSeam | None, *, start: bool, invocation: str = PROGRAM
) -> RunResult:
    """The result with the runtime's section in its report, and with its blockers.

    Args:
        result: what the run on the host came to.
        runtime: the runtime; None leaves the result as it is.
        start: start it where it has work and does not run.
        invocation: how this program is called for this host.
    """
    if runtime is None:
        return result
    try:
        wanted = runtime.wanted()
        idle = runtime.report()
        report = idle
        if start and wanted:
            report = runtime.start() if idle.state == "stopped" else idle
            report = _settled(runtime, report, wanted)
    except InstallError as error:
        finding = Problem(f"runtime.{_word(error)}", error.message, error.next_step)
        return replace(result, report=with_findings(result.report, (finding,), (), invocation))
    blocking, warnings = runtime_findings(report, wanted)
    told = replace(result.report, runtime={"wanted": list(wanted), **report.to_json()})
    return replace(result, report=with_findings(told, blocking, warnings, invocation))


def _settled(runtime: RuntimeSeam, report: RuntimeReport, wanted: Sequence[str]) -> RuntimeReport:
    """The report once every wanted component has said how it is for good, or the patience has ended."""
    end = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < end and not _is_settled(report, wanted):
        time.sleep(_PAUSE_SECONDS)
        report = runtime.report()
    return report


def _is_settled(report: RuntimeReport, wanted: Sequence[str]) -> bool:
    if report.state not in ("running", "starting", "failing"):
        return True
    phases = {part.name: part.phase for part in report.components}
    return all(phases.get(name) in ("ready", "blocked") for name in wanted)


def _word(error: InstallError) -> str:
    return error.error_code.replace(".", "_").removeprefix("runtime_")


def with_findings(
    report: ActivationReport, blocking: Sequence[Problem], warnings: Sequence[Problem], invocation: str
) -> ActivationReport:
    more = [Problem(f.code, f.message, as_typed(f.next_step, invocation)) for f in warnings]
    return replace(
        report,
        blockers=(*report.blockers, *blockers_from(blocking, invocation)),
        warnings=(*report.warnings, *more),
        findings=(*report.findings, *blocking, *warnings),
    )


_CURES: Mapping[RuntimeState, str] = {
    "stopped": f"{PROGRAM} runtime start",
    "stale": f"{PROGRAM} runtime restart",
    "failing": f"{PROGRAM} runtime logs",
}


def runtime_findings(
    report: RuntimeReport, wanted: Sequence[str]
) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """What the runtime's report means for the host (pure): what blocks it, and what is worth a look.

    Args:
        report: how the runtime is.
        wanted: the components that are configured; with none of them nothing blocks.
    """
    if not wanted:
        return (), ()
    place = report.log.path
    if report.state in _CURES and not report.components:
        cure = report.problem.next_step if report.problem else _CURES[report.state]
        return (Problem(f"runtime.{report.state}", report.message, cure, path=place),), ()
    blocking = [_component_finding(part, place) for part in report.components if part.phase in _BLOCKS]
    degraded = [
        Problem(
            f"runtime.{part.name}_degraded",
            _said(part),
            f"{PROGRAM} runtime status",
            severity="warn",
            path=place,
        )
        for part in report.components
        if part.phase == "degraded"
    ]
    if report.state == "starting":
        message = "the runtime is starting"
        degraded.append(
            Problem("runtime.starting", message, f"{PROGRAM} runtime status", severity="warn", path=place)
        )
    if report.state == "stale":
        blocking.append(Problem("runtime.stale", report.message, _CURES["stale"], path=place))
    return tuple(blocking), tuple(degraded)


_BLOCKS = ("blocked", "failing", "stalled")


def _component_finding(part: ComponentReport, place: str) -> Problem:
    cure = part.problem.next_step if part.problem else f"{PROGRAM} runtime logs"
    return Problem(f"runtime.{part.name}_{part.phase}", _said(part), cure, path=place)


def _said(part: ComponentReport) -> str:
    message = part.problem.message if part.problem else part.message
    return f"{part.name}: {message or part.phase}"

"""Derives the runtime's state from its locks and heartbeat, never from a PID alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from openclaw_install.common.problems import Problem
from openclaw_install.runtime.document import GuardianStatus, ProcessPhase, Status, Unreadable
from openclaw_install.runtime.lifecycle import STALLED_EXIT
from openclaw_install.runtime.process_id import Moment
from openclaw_install.runtime.report import ComponentReport, LogReport, RuntimeReport, RuntimeState

BEATS_MISSED = 5
_STARTING_SECONDS = 60.0
# A process that is ending counts as stopped; it holds its lock for a moment longer.
_PASSING: Mapping[ProcessPhase, RuntimeState] = {
    "starting": "starting",
    "stopping": "stopped",
    "stopped": "stopped",
}


@dataclass(frozen=True)
class ProbeResult:
    """What a look at the machine found.

    Attributes:
        lock_held: somebody holds the runtime's lock.
        lock_age: seconds since the lock's file was last taken hold of; None when not known.
        guardian_held: somebody holds the guardian's lock.
        status: the status document.
        holder_alive: the process that wrote it lives (pid and birth).
        guardian: the guardian's document.
        enabled: a service's file is installed.
        disk_full: no space is left for the status document.
        now: the present moment.
        log_path: where the log is, for the time that the document does not say.
        invocation: how this program is called for this host.
    """

    lock_held: bool
    lock_age: float | None
    guardian_held: bool
    status: Status | Unreadable
    holder_alive: bool
    guardian: GuardianStatus | Unreadable
    enabled: bool
    disk_full: bool
    now: Moment
    log_path: str
    invocation: str = "openclaw-install"

    @property
    def is_held(self) -> bool:
        """Whether a runtime, or what starts it again, is there."""
        return self.lock_held or self.guardian_held


def runtime_status(facts: ProbeResult) -> RuntimeReport:
    """What the facts mean."""
    report = _report_held(facts) if facts.lock_held else _report_free(facts)
    restarts = facts.guardian.restarts if isinstance(facts.guardian, GuardianStatus) else 0
    return replace(report, enabled=facts.enabled, restarts=restarts if report.kept_by == "guardian" else 0)


def _report_held(facts: ProbeResult) -> RuntimeReport:
    status = facts.status
    if isinstance(status, Status) and facts.holder_alive:
        return _report_alive(facts, status)
    # The holder has not written yet, or cannot.
    fresh = facts.lock_age is None or abs(facts.lock_age) < _STARTING_SECONDS
    if status == "newer":
        next_step = "pip install --upgrade openclaw-install, or restart the runtime with this version: "
        return _stale(
            facts,
            "status_newer",
            "a newer openclaw-install runs here, and this one cannot read its status",
            next_step=f"{next_step}{facts.invocation} runtime restart",
        )
    if fresh and not facts.disk_full:
        return RuntimeReport("starting", "it has begun and has not said anything yet", _log(facts))
    if status == "damaged":
        return _stale(facts, "status_damaged", "it holds its lock, and its status document is damaged")
    return _stale(facts, "stale", "it holds its lock and says nothing")


def _report_alive(facts: ProbeResult, status: Status) -> RuntimeReport:
    age = facts.now.since(status.heartbeat)
    if age is None or age > status.every * BEATS_MISSED:
        silence = "for an unknown time" if age is None else f"for {age:.0f} s"
        found = _stale(facts, "stale", f"it holds its lock, and gave no sign {silence}")
    else:
        state, message, problem = _of_components(facts, status)
        found = RuntimeReport(state, message, status.log, problem)
    kept_by = status.kept_by
    if kept_by == "guardian" and not facts.guardian_held:
        kept_by = "nobody"
    return replace(
        found,
        pid=status.process.pid,
        kept_by=kept_by,
        version=status.program,
        started_at=status.started.at,
        heartbeat_age=None if age is None else round(age, 3),
        components=status.components,
        log=status.log,
    )


def _of_components(facts: ProbeResult, status: Status) -> tuple[RuntimeState, str, Problem | None]:
    if status.phase != "running":
        return _PASSING[status.phase], f"it is {status.phase}", None
    parts = status.components
    if still := _in(parts, "stalled"):
        own = still[0].problem
        message = f"it runs, and {_names(still)} does no work" if own is None else own.message
        problem = Problem("runtime.stalled", message, f"{facts.invocation} runtime restart")
        return "stale", message, problem
    if blocked := _in(parts, "blocked"):
        own = blocked[0].problem
        return "blocked", f"{_names(blocked)} cannot go on without you", own
    if failing := _in(parts, "failing"):
        names = _names(failing)
        problem = Problem(
            "runtime.component_failing",
            f"{names} ended with an error, {failing[0].failures} times in a row: {failing[0].message}",
            f"{facts.invocation} runtime logs",
        )
        return "failing", f"{names} failed and will be started again", problem
    if starting := _in(parts, "starting"):
        return "starting", f"{_names(starting)} starts", None
    return "running", _running(parts), None


def _running(parts: Sequence[ComponentReport]) -> str:
    if degraded := _in(parts, "degraded"):
        return f"it runs; {_names(degraded)} with limits"
    idle = all(part.phase == "off" for part in parts)
    return "it runs, and nothing is configured for it to do" if idle else "it runs"


def _report_free(facts: ProbeResult) -> RuntimeReport:
    log = _log(facts)
    crashed = isinstance(facts.status, Status) and facts.status.phase != "stopped"
    guardian = facts.guardian if isinstance(facts.guardian, GuardianStatus) else None
    # One that has said that this was the last start is about to let its lock go.
    if facts.guardian_held and not (guardian is not None and (guardian.gave_up or guardian.last_exit == 0)):
        if guardian is None or (guardian.restarts == 0 and guardian.last_exit is None):
            return RuntimeReport("starting", "it is being started", log, kept_by="guardian")
        problem = Problem(
            "runtime.crashed",
            f"the process ended with {_ending(guardian.last_exit)} and will be started again",
            f"{facts.invocation} runtime logs",
        )
        return RuntimeReport(
            "failing", "it crashed and will be started again", log, problem, kept_by="guardian"
        )
    start = f"{facts.invocation} runtime start"
    if guardian is not None and guardian.gave_up:
        problem = Problem(
            "runtime.gave_up",
            f"the process ended with {_ending(guardian.last_exit)}; starting it again would not change that",
            f"{facts.invocation} runtime logs, then: {start}",
        )
        return RuntimeReport("stopped", "it could not work, and is stopped", log, problem)
    if crashed:
        problem = Problem(
            "runtime.died", "the process ended without a word: a crash, a kill or a reboot", start
        )
        return RuntimeReport("stopped", "it ended without a word", log, problem)
    return RuntimeReport(
        "stopped", "it does not run", log, Problem("runtime.stopped", "it does not run", start)
    )


def _stale(
    facts: ProbeResult,
    code: Literal["stale", "status_damaged", "status_newer"],
    message: str,
    *,
    next_step: str = "",
) -> RuntimeReport:
    next_step = next_step or f"{facts.invocation} runtime restart"
    if facts.disk_full:
        message += "; the disk is full, so it could not say anything"
        next_step = f"free some disk space; if it stays stale: {next_step}"
    return RuntimeReport("stale", message, _log(facts), Problem(f"runtime.{code}", message, next_step))


def _log(facts: ProbeResult) -> LogReport:
    return LogReport(facts.log_path)


def _in(parts: Sequence[ComponentReport], phase: str) -> list[ComponentReport]:
    return [part for part in parts if part.phase == phase]


def _names(parts: Sequence[ComponentReport]) -> str:
    return ", ".join(part.name for part in parts)


def _ending(code: int | None) -> str:
    if code is None:
        return "an unknown exit code"
    if code == STALLED_EXIT:
        return f"exit code {code}, because a worker stood still"
    return f"signal {-code}" if code < 0 else f"exit code {code}"

"""Turns what is known about the runtime into lines for a person; every word of others is made safe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openclaw_install.common.jsonable import iso_time
from openclaw_install.common.shown_text import neutral as plain

if TYPE_CHECKING:
    from openclaw_install.runtime.log_reader import LogLine
    from openclaw_install.runtime.report import ComponentReport, Result, RuntimeReport

_HEAD = ("at", "level", "event", "component")


def status_lines(report: RuntimeReport, *, verbose: bool = False) -> list[str]:
    """The state, what is in the way, and each component."""
    lines = [f"runtime {report.state}: {report.message}"]
    facts = _facts(report)
    if facts:
        lines.append(f"  {'; '.join(facts)}")
    for component in report.components:
        lines += _component_lines(component, verbose=verbose)
    told = {component.problem for component in report.components}
    if report.problem is not None and report.problem not in told:
        lines += [f"  problem: {report.problem.message}", f"  next: {report.problem.next_step}"]
    lines.append(f"  log: {report.log.path}")
    if report.log.dropped_lines:
        why = report.log.last_error or "it works again"
        lines.append(f"  {report.log.dropped_lines} log lines were lost ({why})")
    return [plain(line) for line in lines]


def result_lines(result: Result, did: str, *, verbose: bool = False) -> list[str]:
    """What a command did, and how the runtime is now."""
    lines = [did]
    if result.killed:
        lines.append("it did not end when asked, and was ended by force")
    if result.env_file and result.variables:
        lines.append(f"its variables ({', '.join(result.variables)}) are in {result.env_file}")
    lines += [f"removed {path}" for path in result.removed]
    lines += [f"note: {note}" for note in result.notes]
    report = result.runtime
    if report.problem is not None and report.problem.code == "runtime.stopped":
        report = replace(report, problem=None)  # that is what was asked for
    return [*(plain(line) for line in lines), *status_lines(report, verbose=verbose)]


def log_line(line: LogLine) -> str:
    """One line of the log."""
    entry = line.entry
    if entry is None:
        return plain(line.text)
    head = [str(entry[name]) for name in _HEAD if entry.get(name)]
    rest = {name: value for name, value in entry.items() if name not in _HEAD}
    return plain("  ".join([*head, *_pairs(rest)]))


def _facts(report: RuntimeReport) -> list[str]:
    facts = []
    if report.pid is not None:
        facts.append(f"pid {report.pid}")
    if report.started_at is not None:
        facts.append(f"since {iso_time(report.started_at)}")
    if report.kept_by is not None:
        nobody = "nobody restarts it after a crash"
        facts.append(nobody if report.kept_by == "nobody" else f"kept by {report.kept_by}")
    if report.restarts:
        facts.append(f"restarted {report.restarts} times")
    if report.heartbeat_age is not None:
        facts.append(f"last sign {report.heartbeat_age:.0f} s ago")
    return facts


def _component_lines(component: ComponentReport, *, verbose: bool) -> list[str]:
    phase = "not configured" if component.phase == "off" else component.phase
    line = f"  {component.name}: {phase}"
    if component.message:
        line += f", {component.message}"
    if component.retry_seconds is not None:
        line += f" (failed {component.failures} times; again in {component.retry_seconds:.0f} s)"
    lines = [line]
    if component.problem is not None:
        lines += [f"    problem: {component.problem.message}", f"    next: {component.problem.next_step}"]
    if component.figures and (verbose or component.phase not in ("off", "stopped")):
        lines.append(f"    {'  '.join(_pairs(component.figures))}")
    return lines


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}={value if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)}"
        for name, value in values.items()
    ]

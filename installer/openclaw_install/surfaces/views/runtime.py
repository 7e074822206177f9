"""Texts of what the runtime's commands answer; every word of others is made safe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from openclaw_install import __version__
from openclaw_install.common.jsonable import iso_time
from openclaw_install.common.shown_text import neutral
from openclaw_install.runtime.log_reader import LogLine
from openclaw_install.runtime.report import ComponentReport, Result, RuntimeReport
from openclaw_install.surfaces.views import view
from openclaw_install.surfaces.views.text import Text

_HEAD = ("at", "level", "event", "component")


@view.register
def _report(report: RuntimeReport) -> Text:
    """The state, what is in the way, and each component."""
    lines = [f"runtime {report.state}: {report.message}"]
    facts = _facts(report)
    if facts:
        lines.append(f"  {'; '.join(facts)}")
    for component in report.components:
        lines += _component_lines(component)
    shown = {component.problem for component in report.components}
    if report.problem is not None and report.problem not in shown:
        lines += [f"  problem: {report.problem.message}", f"  next: {report.problem.next_step}"]
    elif report.version not in (None, __version__):
        lines.append("  next: openclaw-install runtime restart")
    lines.append(f"  log: {report.log.path}")
    if report.log.dropped_lines:
        why = report.log.last_error or "it works again"
        lines.append(f"  {report.log.dropped_lines} log lines were lost ({why})")
    return Text([neutral(line) for line in lines])


@view.register
def _result(result: Result) -> Text:
    """What a command did, and how the runtime is now."""
    lines = [result.message]
    if result.killed:
        lines.append("it did not end when asked, and was ended by force")
    if result.env_file and result.variables:
        lines.append(f"its variables ({', '.join(result.variables)}) are in {result.env_file}")
    lines += [f"removed {path}" for path in result.removed]
    lines += [f"note: {note}" for note in result.notes]
    report = result.runtime
    if report.problem is not None and report.problem.code == "runtime.stopped":
        report = replace(report, problem=None)  # that is what was asked for
    return Text([*map(neutral, lines), *_report(report).head])


def log_line(line: LogLine) -> str:
    """One line of the log."""
    entry = line.entry
    if entry is None:
        return neutral(line.text)
    head = [str(entry[name]) for name in _HEAD if entry.get(name)]
    rest = {name: value for name, value in entry.items() if name not in _HEAD}
    return neutral("  ".join([*head, *_pairs(rest)]))


def _facts(report: RuntimeReport) -> list[str]:
    facts = []
    if report.pid is not None:
        facts.append(f"pid {report.pid}")
    if report.version is not None:
        differs = "" if report.version == __version__ else f", and {__version__} is installed"
        facts.append(f"version {report.version}{differs}")
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


def _component_lines(component: ComponentReport) -> list[str]:
    phase = "not configured" if component.phase == "off" else component.phase
    line = f"  {component.name}: {phase}"
    if component.message:
        line += f", {component.message}"
    if component.retry_seconds is not None:
        line += f" (failed {component.failures} times; again in {component.retry_seconds:.0f} s)"
    lines = [line]
    if component.problem is not None:
        lines += [f"    problem: {component.problem.message}", f"    next: {component.problem.next_step}"]
    if component.figures:
        lines.append(f"    {'  '.join(_pairs(component.figures))}")
    return lines


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}={value if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)}"
        for name, value in values.items()
    ]

"""What the setup needs of the runtime of one host, and how it waits for the components to be ready."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from openclaw_install.common.errors import InstallError
from openclaw_install.runtime.report import Result, RuntimeReport
from openclaw_install.setup.facts import RuntimeFacts

SETTLE_SECONDS = 20.0
_PAUSE_SECONDS = 0.1


class RuntimeSeam(Protocol):
    """The runtime of one host, as the setup sees it."""

    def wanted(self) -> Sequence[str]:
        """The components that are configured; with none of them the runtime has no work here."""

    def report(self) -> RuntimeReport:
        """How it is; quick, and changes nothing."""

    def start(self) -> Result:
        """Starts it where it does not run, and tells how it is then."""

    def remove(self, *, forget: bool = False) -> Result:
        """Stops it and removes what it has, with `forget` also what it was to do."""


def look_at_runtime(runtime: RuntimeSeam, *, start: bool) -> RuntimeFacts:
    """How the runtime is; started first where it has work and does not run.

    Args:
        runtime: the runtime of the host.
        start: whether it may be started.
    """
    try:
        wanted = tuple(runtime.wanted())
        report = runtime.report()
        if start and wanted:
            report = runtime.start().runtime if report.state == "stopped" else report
            report = _settled(runtime, report, wanted)
    except InstallError as error:
        return RuntimeFacts(problem=error.problem)
    return RuntimeFacts(wanted, report)


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

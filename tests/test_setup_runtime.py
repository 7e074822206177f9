"""The runtime's part in setup, report and removal, over a twin of the runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.errors import HostError
from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.problems import Problem
from openclaw_install.runtime.report import (
    ComponentReport,
    LogReport,
    Result,
    RuntimeReport,
    RuntimeState,
)
from openclaw_install.setup.removal import undo, uninstall
from openclaw_install.setup.verify import RunResult
from tests.schemas import assert_valid
from tests.setup_rig import PLAIN, Operator, PlainHost, WholeHost

_LOG = LogReport("/var/log/runtime.log")
_STOPPED = RuntimeReport("stopped", "it does not run", _LOG)


def _running(*parts: ComponentReport, state: RuntimeState = "running") -> RuntimeReport:
    return RuntimeReport(state, "it runs", _LOG, components=parts)


@dataclass
class TwinRuntime:
    """A runtime in memory."""

    now: RuntimeReport = _STOPPED
    started: RuntimeReport = field(default_factory=lambda: _running(ComponentReport("sync", "ready")))
    work: Sequence[str] = ("sync",)
    error: HostError | None = None
    calls: list[str] = field(default_factory=list)

    def wanted(self) -> Sequence[str]:
        return self.work

    def report(self) -> RuntimeReport:
        return self.now

    def start(self) -> Result:
        self.calls.append("start")
        if self.error is not None:
            raise self.error
        self.now = self.started
        return Result("started", changed=True, runtime=self.now)

    def remove(self, *, forget: bool = False) -> Result:
        self.calls.append("remove")
        return Result("removed", changed=True, runtime=self.now, removed=("/state/runtime",))


@pytest.fixture
def host(tmp_path: Path) -> PlainHost:
    host = PlainHost(tmp_path)
    host.write(PLAIN)
    return host


def _set_up(
    host: PlainHost, runtime: TwinRuntime, operator: Operator | None = None, **said: Any
) -> RunResult:
    return WholeHost(host, runtime).set_up(operator, **said)


def _verify(host: PlainHost, runtime: TwinRuntime, **said: Any) -> RunResult:
    return WholeHost(host, runtime).verify(**said)


def _blockers(run: RunResult) -> dict[str, str]:
    return {blocker.code: blocker.next_step for blocker in run.report.blockers}


def test_the_setup_starts_a_runtime_that_has_work(host: PlainHost) -> None:
    runtime = TwinRuntime()
    run = _set_up(host, runtime)
    assert runtime.calls == ["start"]
    assert run.report.activation_state == "ready_waiting_inbound"
    assert run.report.runtime is not None
    assert run.report.runtime.status is not None
    assert (run.report.runtime.status.state, run.report.runtime.wanted) == ("running", ("sync",))
    assert _set_up(host, runtime).exit_code == 0
    assert runtime.calls == ["start"]  # it runs already


@pytest.mark.parametrize("said", [{"dry_run": True}, {}])
def test_a_runtime_is_left_alone_by_a_dry_run_and_where_it_has_no_work(
    host: PlainHost, said: dict[str, Any]
) -> None:
    runtime = TwinRuntime(work=("sync",) if said else ())
    run = _set_up(host, runtime, **said)
    assert runtime.calls == []
    assert not any(name.startswith("runtime.") for name in _blockers(run)) or said


def test_a_declined_setup_starts_nothing(host: PlainHost) -> None:
    runtime = TwinRuntime()
    assert _set_up(host, runtime, Operator(answers=[False])).exit_code == 1
    assert runtime.calls == []


@pytest.mark.parametrize(
    ("state", "name", "command"),
    [
        ("stopped", "runtime.stopped", "openclaw-install runtime start"),
        ("stale", "runtime.stale", "openclaw-install runtime restart"),
        ("failing", "runtime.failing", "openclaw-install runtime logs"),
    ],
)
def test_a_runtime_that_should_work_and_does_not_is_a_blocker_with_its_cure(
    host: PlainHost, state: RuntimeState, name: str, command: str
) -> None:
    _set_up(host, TwinRuntime())
    run = _verify(host, TwinRuntime(now=RuntimeReport(state, "it is so", _LOG)))
    assert _blockers(run) == {name: command}
    assert run.exit_code == 1
    assert _blockers(_verify(host, TwinRuntime(now=RuntimeReport(state, "it is so", _LOG), work=()))) == {}


def test_the_cure_names_the_host_that_is_meant(host: PlainHost) -> None:
    _set_up(host, TwinRuntime())
    run = _verify(host, TwinRuntime(), invocation="openclaw-install --profile two")
    assert _blockers(run) == {"runtime.stopped": "openclaw-install --profile two runtime start"}


def test_each_component_that_needs_a_person_is_a_blocker_of_its_own(host: PlainHost) -> None:
    _set_up(host, TwinRuntime())
    problem = Problem("sync.key_rejected", "the key is rejected", "make a new key")
    parts = (
        ComponentReport("sync", "blocked", problem=problem),
        ComponentReport("bridge", "failing", "it fell over"),
        ComponentReport("other", "degraded", "it polls"),
        ComponentReport("rest", "ready"),
    )
    run = _verify(host, TwinRuntime(now=_running(*parts, state="blocked")))
    assert _blockers(run) == {
        "runtime.sync_blocked": "make a new key",
        "runtime.bridge_failing": "openclaw-install runtime logs",
    }
    assert "runtime.other_degraded" in {warning.code for warning in run.report.warnings}


def test_a_runtime_that_hangs_or_still_starts_is_told_with_its_components(host: PlainHost) -> None:
    _set_up(host, TwinRuntime())
    ready = ComponentReport("sync", "ready")
    assert _blockers(_verify(host, TwinRuntime(now=_running(ready, state="stale")))) == {
        "runtime.stale": "openclaw-install runtime restart"
    }
    starting = _verify(host, TwinRuntime(now=_running(state="starting")))
    assert _blockers(starting) == {}
    assert "runtime.starting" in {warning.code for warning in starting.report.warnings}


def test_a_runtime_that_cannot_start_blocks_and_the_rest_of_the_setup_stands(host: PlainHost) -> None:
    error = HostError("it ended at once", next_step="look at its log", code="runtime.not_started")
    run = _set_up(host, TwinRuntime(error=error))
    assert _blockers(run) == {"runtime.not_started": "look at its log"}
    assert run.applied is not None
    assert run.applied.outcome == "applied"


def test_mending_the_hooks_reports_on_the_runtime_and_starts_nothing(host: PlainHost) -> None:
    runtime = TwinRuntime()
    run = WholeHost(host, runtime).fix_hooks()
    assert _blockers(run) == {"runtime.stopped": "openclaw-install runtime start"}
    assert runtime.calls == []


def test_undo_removes_the_runtime_with_the_last_run_of_the_setup(host: PlainHost) -> None:
    runtime = TwinRuntime()
    _set_up(host, runtime)
    host.edit('"hook:im:"', '"feishu:"')
    everything = WholeHost(host, runtime)
    everything.fix_hooks()
    first = undo(everything.context())
    assert (first.removed, runtime.calls) == ((), ["start"])
    host.edit('"feishu:"', '"hook:im:"')
    second = undo(everything.context())
    assert (second.removed, runtime.calls) == (("/state/runtime",), ["start", "remove"])
    assert_valid(jsonable(second), "undo-report")


def test_uninstall_removes_the_runtime_unless_nothing_is_to_be_done(host: PlainHost) -> None:
    runtime = TwinRuntime()
    _set_up(host, runtime)
    everything = WholeHost(host, runtime)
    for said, person in (({"dry_run": True}, Operator()), ({}, Operator(answers=[False]))):
        assert uninstall(everything.context(person, **said)).removed == ()
    assert runtime.calls == ["start"]
    done = uninstall(everything.context())
    assert_valid(jsonable(done), "undo-report")
    assert (done.removed, runtime.calls) == (("/state/runtime",), ["start", "remove"])

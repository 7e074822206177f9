"""What is said about the runtime, from what was found: locks, heartbeats, clocks, other people's pids."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.problems import Problem
from openclaw_install.runtime.document import (
    GuardianStatus,
    ProcessPhase,
    Status,
    read_guardian,
    read_status,
    write_document,
)
from openclaw_install.runtime.process_id import Moment, ProcessName
from openclaw_install.runtime.report import ComponentPhase, ComponentReport, LogReport
from openclaw_install.runtime.status import BEATS_MISSED, ProbeResult, runtime_status
from tests.schemas import assert_valid

NOW = Moment("boot", 1000.0, 1_800_000_000.0)
PROBLEM = Problem("sync.key", "the key is rejected", "make another")
STATUS = Status(
    process=ProcessName(4711, "boot:99"),
    phase="running",
    heartbeat=replace(NOW, awake=999.0),
    every=3.0,
    started=replace(NOW, awake=500.0),
    kept_by="guardian",
    program="1.0",
    log=LogReport("/logs/runtime.log"),
    components=(ComponentReport("skills", "ready", since=1.0, figures={"sent": 3, "rate": 0.5}),),
)
FACTS = ProbeResult(
    lock_held=True,
    lock_age=500.0,
    guardian_held=True,
    status=STATUS,
    holder_alive=True,
    guardian=GuardianStatus(ProcessName(4710, "boot:98")),
    enabled=False,
    disk_full=False,
    now=NOW,
    log_path="/logs/runtime.log",
)
FREE = replace(FACTS, lock_held=False, guardian_held=False, holder_alive=False)


def with_parts(*parts: ComponentReport) -> ProbeResult:
    return replace(FACTS, status=replace(STATUS, components=parts))


def test_a_held_lock_and_a_fresh_heartbeat_mean_running() -> None:
    report = runtime_status(FACTS)
    assert (report.state, report.pid, report.kept_by, report.ok) == ("running", 4711, "guardian", True)
    assert report.heartbeat_age == 1.0
    assert_valid(jsonable(report), "runtime-status")


@given(st.floats(-4e9, 4e9))
def test_a_wall_clock_that_jumps_changes_nothing(jump: float) -> None:
    jumped = replace(FACTS, now=replace(NOW, at=NOW.at + jump))
    assert runtime_status(jumped) == runtime_status(FACTS)
    silent = replace(jumped, now=replace(jumped.now, awake=NOW.awake + 100))
    assert runtime_status(silent).state == "stale"


@given(st.floats(0, 1e6))
def test_a_heartbeat_is_fresh_for_a_few_beats_and_stale_after(age: float) -> None:
    found = runtime_status(replace(FACTS, now=replace(NOW, awake=999.0 + age)))
    assert found.state == ("running" if age <= STATUS.every * BEATS_MISSED + 1e-6 else "stale")


def test_time_asleep_does_not_make_it_stale() -> None:
    # The monotonic clock stood still for eight hours; the wall clock did not.
    woken = replace(NOW, awake=1000.5, at=NOW.at + 8 * 3600)
    assert runtime_status(replace(FACTS, now=woken)).state == "running"


def test_a_heartbeat_of_another_boot_or_of_the_future_says_nothing() -> None:
    for now in (replace(NOW, boot="other"), replace(NOW, awake=1.0)):
        report = runtime_status(replace(FACTS, now=now))
        assert (report.state, report.heartbeat_age) == ("stale", None)


def test_a_document_whose_process_is_gone_does_not_count_for_the_new_holder() -> None:
    recycled = replace(FACTS, holder_alive=False)
    assert runtime_status(replace(recycled, lock_age=1.0)).state == "starting"
    report = runtime_status(recycled)
    assert (report.state, report.pid, report.components) == ("stale", None, ())


@given(st.sampled_from([STATUS, "missing", "damaged", "newer"]), st.booleans(), st.booleans())
def test_without_a_lock_nothing_runs_whatever_the_document_and_the_pid_say(
    status: Any, alive: bool, full: bool
) -> None:
    report = runtime_status(replace(FREE, status=status, holder_alive=alive, disk_full=full))
    assert report.state == "stopped"
    assert report.problem is not None
    assert report.problem.next_step.endswith("runtime start")


def test_an_end_without_a_word_is_told_from_a_clean_one() -> None:
    died, clean = runtime_status(FREE), runtime_status(replace(FREE, status=replace(STATUS, phase="stopped")))
    assert died.problem is not None
    assert clean.problem is not None
    assert (died.problem.code, clean.problem.code) == ("runtime.died", "runtime.stopped")


def test_between_a_crash_and_the_next_start_it_is_failing() -> None:
    between = replace(FREE, guardian_held=True)
    assert runtime_status(between).state == "starting"
    crashed = replace(between, guardian=GuardianStatus(ProcessName(1, "x"), restarts=2, last_exit=-9))
    report = runtime_status(crashed)
    assert (report.state, report.restarts) == ("failing", 2)
    assert report.problem is not None
    assert report.problem.code == "runtime.crashed"
    assert re.search(r"\bsignal 9\b", report.problem.message)
    assert runtime_status(replace(between, guardian="damaged")).state == "starting"


def test_a_runtime_that_cannot_work_is_stopped_and_says_so() -> None:
    gave_up = GuardianStatus(ProcessName(1, "x"), last_exit=1, gave_up=True)
    report = runtime_status(replace(FREE, guardian=gave_up))
    assert report.problem is not None
    assert (report.state, report.problem.code) == ("stopped", "runtime.gave_up")
    assert re.search(r"\bexit code 1\b", report.problem.message)
    assert runtime_status(replace(FREE, guardian=gave_up, guardian_held=True)) == report


def test_a_runtime_whose_guardian_is_gone_is_kept_by_nobody() -> None:
    assert runtime_status(replace(FACTS, guardian_held=False)).kept_by == "nobody"
    service = replace(FACTS, guardian_held=False, status=replace(STATUS, kept_by="systemd"))
    assert runtime_status(service).kept_by == "systemd"


def test_the_worst_component_decides() -> None:
    ready = STATUS.components[0]
    failing = replace(ready, name="bridge", phase="failing", failures=3, message="OSError")
    blocked = replace(ready, name="relay", phase="blocked", problem=PROBLEM)
    starting = replace(ready, name="other", phase="starting")
    degraded = replace(ready, name="slow", phase="degraded", message="polls")
    off = replace(ready, name="idle", phase="off")
    assert runtime_status(with_parts(ready, degraded, starting, failing, blocked)).problem == PROBLEM
    states = [
        runtime_status(with_parts(ready, degraded, starting, failing, blocked)).state,
        runtime_status(with_parts(ready, degraded, starting, failing)).state,
        runtime_status(with_parts(ready, degraded, starting)).state,
        runtime_status(with_parts(ready, degraded)).state,
        runtime_status(with_parts(off)).state,
    ]
    assert states == ["blocked", "failing", "starting", "running", "running"]
    assert [runtime_status(with_parts(part)).exit_code for part in (ready, off, degraded)] == [0, 0, 1]


def test_a_process_that_is_ending_counts_as_stopped() -> None:
    phases: tuple[ProcessPhase, ...] = ("starting", "stopping", "stopped")
    states = [runtime_status(replace(FACTS, status=replace(STATUS, phase=phase))).state for phase in phases]
    assert states == ["starting", "stopped", "stopped"]


def test_a_damaged_or_newer_document_is_named_with_its_cure() -> None:
    damaged, newer = (runtime_status(replace(FACTS, status=status)) for status in ("damaged", "newer"))
    assert damaged.problem is not None
    assert newer.problem is not None
    assert (damaged.problem.code, newer.problem.code) == ("runtime.status_damaged", "runtime.status_newer")
    assert "upgrade" in newer.problem.next_step
    assert runtime_status(replace(FACTS, status="damaged", lock_age=1.0)).state == "starting"


def test_a_full_disk_is_named_where_it_explains_the_silence() -> None:
    silent = replace(FACTS, disk_full=True, now=replace(NOW, awake=2000.0))
    for facts in (silent, replace(silent, status="missing", lock_age=1.0)):
        report = runtime_status(facts)
        assert report.problem is not None
        assert "disk" in report.problem.message
        assert report.problem.next_step.startswith("free some disk space; ")
        assert report.state == "stale"


_texts = st.text(max_size=20)
_components = st.builds(
    ComponentReport,
    name=st.just("skills"),
    phase=st.sampled_from(get_args(ComponentPhase)),
    message=_texts,
    since=st.just(1.0),
    failures=st.integers(0, 9),
    retry_seconds=st.none() | st.floats(0, 60),
    problem=st.none() | st.just(PROBLEM),
    figures=st.dictionaries(_texts, st.none() | st.booleans() | st.integers() | _texts, max_size=3),
)


@given(st.lists(_components, max_size=3), st.booleans())
def test_a_document_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, parts: list[ComponentReport], failed: bool
) -> None:
    log = LogReport("/logs/runtime.log", 3, "No space left on device" if failed else None)
    status = replace(STATUS, components=tuple(parts), log=log)
    assert_valid(jsonable(status), "runtime-heartbeat")
    path = tmp_path_factory.getbasetemp() / "whole.json"
    write_document(path, status)
    assert read_status(path) == status


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_a_damaged_document_is_never_believed_and_never_raises(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = jsonable(STATUS)
    name = data.draw(st.sampled_from(sorted(whole)))
    broken = data.draw(_json)
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    path.write_text(json.dumps({**whole, name: broken}))
    found = read_status(path)
    assert found in ("damaged", "newer") or isinstance(found, Status)
    path.write_bytes(data.draw(st.binary(max_size=50)))
    assert read_status(path) == "damaged"
    assert read_guardian(path) == "damaged"


def test_a_newer_missing_or_odd_document_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    assert read_status(path) == "missing"
    path.write_text(json.dumps({"version": 2, "whatever": 1}))
    assert read_status(path) == "newer"
    path.unlink()
    path.mkdir()
    assert read_status(path) == "damaged"


def test_a_document_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    write_document(path, STATUS)
    odd: Any = object()
    with pytest.raises(TypeError):
        write_document(path, replace(STATUS, program=odd))
    assert read_status(path) == STATUS
    with pytest.raises(FileNotFoundError):
        write_document(tmp_path / "nowhere" / "status.json", STATUS)

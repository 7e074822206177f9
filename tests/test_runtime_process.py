"""The runtime as processes: starts at once, kills, stale locks, recycled pids, signals at bad moments."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import filelock
import pytest

from openclaw_install.common.boot import boot_id
from openclaw_install.common.errors import ConflictError, FileError, HostError
from openclaw_install.runtime import detached
from openclaw_install.runtime.control import RuntimeControl
from openclaw_install.runtime.detached import runtime_command
from openclaw_install.runtime.document import GuardianStatus, read_guardian, write_document
from openclaw_install.runtime.locks import age_of, held, is_held
from openclaw_install.runtime.process_id import ProcessName, birth_of, now
from openclaw_install.runtime.terminate import end_processes
from tests.runtime_rig import Bench, bench_in
from tests.support.waiting import until


@pytest.fixture
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Bench]:
    with bench_in(tmp_path, monkeypatch, capsys) as made:
        yield made


@contextlib.contextmanager
def a_stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with us."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def guardian_of(bench: Bench) -> GuardianStatus:
    status = read_guardian(bench.places.guardian_status)
    assert isinstance(status, GuardianStatus)
    return status


def test_start_waits_until_it_runs_and_a_second_start_finds_it_running(bench: Bench) -> None:
    assert bench.ask("status")["exit_code"] == 1
    started = bench.ask("start")
    assert (started["exit_code"], started["result"]["changed"]) == (0, True)
    assert started["result"]["runtime"]["kept_by"] == "guardian"
    again = bench.ask("start")
    assert (again["exit_code"], again["result"]["changed"]) == (0, False)
    assert again["result"]["runtime"]["pid"] == started["result"]["runtime"]["pid"]
    assert bench.ask("status")["exit_code"] == 0
    refused = bench.begin("run", "--json")
    out, _ = refused.communicate(timeout=60)
    assert (refused.returncode, json.loads(out)["errors"][0]["code"]) == (1, "runtime.already_running")
    stopped = bench.ask("stop")
    assert (stopped["exit_code"], stopped["result"]["killed"]) == (0, False)
    assert stopped["result"]["runtime"]["state"] == "stopped"
    assert bench.ask("stop")["result"]["changed"] is False


def test_two_starts_at_once_make_one_runtime(bench: Bench) -> None:
    location, env = bench.location, dict(os.environ)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _n: RuntimeControl(location, env).start(), range(4)))
    assert sorted(result.changed for result in results) == [False, False, False, True]
    assert len({result.runtime.pid for result in results}) == 1


def test_two_guardians_at_once_leave_one(bench: Bench) -> None:
    bench.places.make()
    for _ in range(2):
        detached.start_detached(bench.location, os.environ, bench.places)
    first = bench.pid()
    assert guardian_of(bench).restarts == 0
    assert bench.document().process.pid == first


def test_after_kill_9_the_guardian_starts_it_again_and_status_is_true_all_along(bench: Bench) -> None:
    bench.run("start")
    first = bench.pid()
    os.kill(first, signal.SIGKILL)
    seen = set()

    def is_back() -> bool:
        report = bench.report
        seen.add(report.state)
        return report.state == "running" and report.pid != first

    until(is_back, "a second runtime")
    # Until the kernel has taken the first one away, it is running still.
    assert seen <= {"running", "failing", "starting"}
    assert bench.report.restarts == 1
    assert bench.ask("stop")["exit_code"] == 0


def test_after_kill_9_of_the_guardian_the_runtime_goes_on_and_can_be_stopped(bench: Bench) -> None:
    bench.run("start")
    bench.pid()
    guardian = guardian_of(bench).process
    guardian.send(signal.SIGKILL)
    until(lambda: not is_held(bench.places.guardian_lock), "a free lock")
    assert (bench.report.state, bench.report.kept_by) == ("running", "nobody")
    assert bench.ask("status")["result"]["kept_by"] == "nobody"
    assert bench.ask("stop")["result"]["changed"] is True


def test_a_stale_lock_file_and_an_old_document_hold_nobody_up(bench: Bench) -> None:
    worker = bench.worker("steady")
    old = bench.pid()
    worker.kill()
    worker.communicate()
    assert bench.places.lock.exists()
    report = bench.report
    assert (report.state, report.pid) == ("stopped", None)
    assert report.problem is not None
    assert report.problem.code == "runtime.died"
    assert bench.ask("stop")["result"]["changed"] is False
    assert RuntimeControl(bench.location, os.environ).start().runtime.pid != old


def test_a_recycled_pid_is_neither_believed_nor_killed(bench: Bench) -> None:
    worker = bench.worker("steady")
    bench.pid()
    left = bench.document()
    worker.kill()
    worker.communicate()
    with a_stranger() as stranger, filelock.FileLock(bench.places.lock):
        # The pid was given to somebody else, and the lock is held by one that has not written yet.
        recycled = replace(left, process=ProcessName(stranger.pid, left.process.birth), heartbeat=now())
        write_document(bench.places.status, recycled)
        assert bench.report.state in ("starting", "stale")
        assert bench.report.pid is None
        with pytest.raises(ConflictError) as raised:
            end_processes(bench.places, "openclaw-install", 0.2, 0.2)
        assert raised.value.error_code == "runtime.holder_unknown"
        assert stranger.poll() is None
        assert not recycled.process.send(signal.SIGTERM)
    assert not is_held(bench.places.lock)


def test_what_does_not_end_when_asked_is_ended_by_force(bench: Bench) -> None:
    worker = bench.worker("deaf")
    try:
        until(lambda: bench.report.pid, "a document")
        os.kill(worker.pid, signal.SIGSTOP)
        assert end_processes(bench.places, "openclaw-install", 0.3, 60.0) is True
    finally:
        worker.kill()
        worker.communicate()
    assert worker.returncode == -signal.SIGKILL
    assert bench.report.problem is not None
    assert bench.report.problem.code == "runtime.stopped"


def test_one_whose_component_does_not_end_still_ends_cleanly(bench: Bench) -> None:
    worker = bench.worker("stubborn")
    bench.pid()
    stopped = RuntimeControl(bench.location, os.environ).stop()
    assert (stopped.changed, stopped.killed) == (True, False)
    worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert bench.log()[-1]["event"] == "stopped"


def test_one_whose_lock_file_was_removed_ends_before_there_are_two(bench: Bench) -> None:
    worker = bench.worker("steady")
    bench.pid()
    bench.places.lock.unlink()
    worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert "lock_lost" in [line["event"] for line in bench.log()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_ends_cleanly_at_a_signal(bench: Bench, number: signal.Signals) -> None:
    process = bench.begin("run", "--json")
    bench.pid()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(out)["command"] == "runtime run"
    assert "Ctrl-C" in err
    assert bench.document().phase == "stopped"


def test_a_signal_in_the_middle_of_the_start_leaves_nothing_running(bench: Bench) -> None:
    for look in (
        lambda: is_held(bench.places.guardian_lock),
        lambda: is_held(bench.places.lock),
    ):
        starting = bench.begin("start")
        until(look, "a beginning")
        until(lambda: isinstance(read_guardian(bench.places.guardian_status), GuardianStatus), "its name")
        until(lambda: guardian_of(bench).process.send(signal.SIGTERM), "a guardian to tell")
        starting.communicate(timeout=60)
        until(lambda: not (is_held(bench.places.lock) or is_held(bench.places.guardian_lock)), "free locks")
        assert bench.report.state == "stopped"
        for document in (bench.places.status, bench.places.guardian_status):
            document.unlink(missing_ok=True)


def test_a_runtime_that_cannot_work_is_given_up_and_says_why(bench: Bench) -> None:
    bench.places.logs.mkdir(parents=True)
    bench.places.logs.joinpath("x").touch()
    bench.places.make()
    bench.places.status.mkdir()  # no status can be written, and that alone does not end it
    assert RuntimeControl(bench.location, os.environ, 2.0).start().runtime.state in ("starting", "stale")
    # By its document nobody knows who it is, but the guardian's says who looks after it.
    assert RuntimeControl(bench.location, os.environ).stop().changed
    bench.places.status.rmdir()
    with filelock.FileLock(bench.places.lock):
        detached.start_detached(bench.location, os.environ, bench.places)
        until(lambda: guardian_of(bench).gave_up, "an end for good")
    report = bench.report
    assert (report.state, report.problem and report.problem.code) == ("stopped", "runtime.gave_up")
    assert "already" in detached.tail_of(bench.places.crash_log)


def test_a_guardian_that_cannot_come_up_is_an_error_with_its_words(bench: Bench) -> None:
    bench.places.make()
    bench.places.guardian_lock.mkdir()  # what no lock file can be made of
    with pytest.raises(HostError) as raised:
        detached.start_detached(bench.location, os.environ, bench.places)
    bench.places.guardian_lock.rmdir()
    assert raised.value.error_code == "runtime.not_started"
    assert "guardian.lock" in raised.value.message


def test_a_restart_gives_it_the_variables_of_now(bench: Bench) -> None:
    bench.run("start")
    first = bench.pid()
    bench.monkeypatch.setenv("OPENCLAW_MARK", "now")
    restarted = RuntimeControl(bench.location, os.environ).restart()
    assert restarted.runtime.pid not in (None, first)
    environment = Path(f"/proc/{restarted.runtime.pid}/environ").read_bytes()
    assert b"OPENCLAW_MARK=now" in environment
    arguments = Path(f"/proc/{restarted.runtime.pid}/cmdline").read_bytes()
    assert b"mysta_" not in arguments


def test_removal_stops_it_and_leaves_nothing_of_ours(bench: Bench) -> None:
    bench.run("start")
    bench.pid()
    kept = bench.places.folder.parent.parent / "ledger"
    kept.write_text("of somebody else")
    removed = RuntimeControl(bench.location, os.environ).remove()
    assert removed.runtime.state == "stopped"
    assert str(bench.places.log) in removed.removed
    assert not bench.places.folder.exists()
    assert not [path for path in bench.places.logs.iterdir() if path.name.startswith("runtime-")]
    assert kept.exists()
    again = RuntimeControl(bench.location, os.environ).remove()
    assert (again.changed, again.removed) == (False, ())


def test_a_pid_and_a_birth_name_one_process() -> None:
    own = ProcessName.own()
    assert own.is_alive
    assert not ProcessName(own.pid, own.birth + "0").is_alive
    assert not ProcessName(own.pid, "").is_alive
    assert birth_of(0) == birth_of(2**22 + 1) == ""
    assert not ProcessName(2**22 + 1, own.birth).send(0)
    with a_stranger() as stranger:
        name = ProcessName(stranger.pid, birth_of(stranger.pid))
        stranger.kill()
        until(lambda: not name.is_alive, "a process that ended and was not collected counts as gone")


def test_where_there_is_no_proc_the_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delattr(os, "pidfd_open")
    boot_id.cache_clear()
    try:
        assert isinstance(boot_id(), str)
        with a_stranger() as stranger:
            name = ProcessName(stranger.pid, birth_of(stranger.pid))
            assert name.is_alive
            assert not replace(name, birth="another day").send(signal.SIGKILL)
            assert name.send(signal.SIGTERM)
            assert stranger.wait(60) == -signal.SIGTERM
            assert not name.send(signal.SIGTERM)
    finally:
        boot_id.cache_clear()


def test_the_command_line_names_the_host_and_no_secret(bench: Bench) -> None:
    words = runtime_command(replace(bench.location, profile="two"), "systemd", Path("/x.env"))
    assert words[-8:] == [
        "--profile",
        "two",
        "runtime",
        "run",
        "--kept-by",
        "systemd",
        "--env-file",
        "/x.env",
    ]
    assert not any("mysta_" in word for word in words)


def test_what_cannot_be_looked_at_or_removed_is_an_error_with_its_path(bench: Bench) -> None:
    bench.places.make()
    loop = bench.places.folder / "loop"
    loop.symlink_to(loop)
    with pytest.raises(FileError, match="loop"):
        is_held(loop)
    with pytest.raises(FileError), held(bench.places.folder, "busy", "busy"):
        pass
    assert age_of(loop) is None
    bench.places.start_lock.touch()
    assert not is_held(bench.places.start_lock / "below")
    bench.places.log.mkdir(parents=True)
    with pytest.raises(FileError, match="remove"):
        RuntimeControl(bench.location, os.environ).remove()
    bench.places.log.rmdir()


def test_a_state_folder_of_another_user_is_refused(bench: Bench) -> None:
    with bench.monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 4711)
        with pytest.raises(FileError) as raised:
            bench.places.make()
    assert raised.value.error_code == "file.foreign_owner"


def test_one_that_was_removed_does_not_write_over_the_document_of_the_next(bench: Bench) -> None:
    worker = bench.worker("steady")
    bench.pid()
    shutil.rmtree(bench.places.folder)
    bench.places.make()
    bench.places.status.write_text("of the next one")
    worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert bench.places.status.read_text() == "of the next one"


def test_one_that_its_guardian_had_to_kill_did_not_crash(bench: Bench) -> None:
    worker = bench.worker("deaf")
    bench.pid()
    ending = threading.Timer(0.3, worker.kill)
    ending.start()
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        assert end_processes(bench.places, "openclaw-install", 60.0) is False
    finally:
        ending.join()
        worker.communicate()
    assert bench.report.problem is not None
    assert bench.report.problem.code == "runtime.stopped"

"""Liveness is work: a worker that makes no round trip is told by name, and ends a runtime that is kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.messaging.bridge import bridge, context
from openclaw_install.messaging.bridge.bridge import run_bridge
from openclaw_install.messaging.store.database import Database
from openclaw_install.runtime import worker
from openclaw_install.runtime.component import Context, Reporter
from openclaw_install.runtime.lifecycle import (
    STALLED_EXIT,
    Watch,
    WatchedWorker,
    WorkerProgress,
    stalled,
    watched,
)
from openclaw_install.runtime.report import ComponentReport, KeptBy, RuntimeState
from openclaw_install.runtime.supervisor import stalled_report
from tests.collab_rig import rig
from tests.runtime_rig import Bench, bench_in, component, end_here, run_here
from tests.support.waiting import until

_MOST = 6.0


@pytest.fixture
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Bench]:
    with bench_in(tmp_path, monkeypatch, capsys) as made:
        yield made


def _progress(rounds: int, name: str = "receiver") -> WorkerProgress:
    return WorkerProgress("bridge", name, rounds, 60.0)


def test_who_makes_no_round_trip_is_stalled_once_its_time_is_over_and_not_before() -> None:
    watch: Watch = {}
    for look in range(21):
        watch = watched(watch, [_progress(1), _progress(look, "outbox")], 3.0, _MOST)
        assert stalled(watch) == ()
    watch = watched(watch, [_progress(1), _progress(99, "outbox")], 3.0, _MOST)
    (one,) = stalled(watch)
    assert (one.progress.worker, one.waited) == ("receiver", 63.0)
    watch = watched(watch, [_progress(2), _progress(99, "outbox")], 3.0, _MOST)
    assert stalled(watch) == ()


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=9))
def test_no_jump_of_a_clock_and_no_sleep_of_the_machine_is_a_stall(jumps: list[float]) -> None:
    watch: Watch = watched({}, [_progress(1)], 0.0, _MOST)
    for jump in jumps:
        watch = watched(watch, [_progress(1)], jump, _MOST)
    assert stalled(watch) == ()
    assert watch["bridge", "receiver"].waited <= _MOST * len(jumps)


def test_a_component_that_has_ended_is_watched_no_more_and_begins_anew() -> None:
    watch: Watch = {("bridge", "receiver"): WatchedWorker(_progress(1), 59.0)}
    assert watched(watch, [], 3.0, _MOST) == {}
    assert watched({}, [_progress(1)], 3.0, _MOST)["bridge", "receiver"].waited == 0.0


def test_a_component_that_stands_still_is_told_by_the_names_of_its_workers() -> None:
    report = stalled_report(
        ComponentReport("bridge", "ready", "connected to the relay"), [WatchedWorker(_progress(1), 61.0)]
    )
    assert (report.phase, report.message) == ("stalled", "")
    assert report.problem is not None
    assert report.problem.message == "bridge stands still: receiver has done nothing for 61 s"
    assert report.problem.next_step == "openclaw-install runtime restart"


class _OutError(Exception):
    """The process would have ended here."""


def _kept(kept_by: KeptBy, codes: list[int]) -> dict[str, Any]:
    def abandon(code: int) -> None:
        codes.append(code)
        raise _OutError

    return {"kept_by": kept_by, "abandon": abandon, "beat_seconds": 0.05}


async def _idle(_context: Context, reporter: Reporter) -> None:
    reporter.ready("waiting for messages")
    reporter.worked("the receiver", 0.2)
    await asyncio.Event().wait()


@pytest.mark.parametrize("kept_by", ["systemd", "launchd", "guardian"])
def test_a_runtime_that_is_kept_ends_itself_so_that_it_is_started_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, kept_by: KeptBy
) -> None:
    told, codes = list[str](), list[int]()
    monkeypatch.setattr(worker, "notify_systemd", told.append)
    with pytest.raises(_OutError):
        run_here(bench.location, component("bridge", _idle), **_kept(kept_by, codes))
    assert codes == [STALLED_EXIT]
    (line,) = [one for one in bench.log() if one["event"] == "stalled"]
    assert line["workers"] == ["bridge the receiver"]
    # It did not stop as it was asked to: nobody takes that for a clean end.
    assert bench.document().phase != "stopped"
    assert told.index("STOPPING=1") > 0
    assert "WATCHDOG=1" not in told[told.index("STOPPING=1") :]


async def _until_it_is(bench: Bench, state: RuntimeState) -> None:
    while bench.report.state != state:
        await asyncio.sleep(0.02)


def test_without_anybody_to_start_it_again_it_stays_up_and_is_not_ready(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, fed = list[Any](), list[str]()
    monkeypatch.setattr(worker, "notify_systemd", fed.append)

    async def recovers(_context: Context, reporter: Reporter) -> None:
        reporter.ready("waiting for messages")
        reporter.worked("the receiver", 0.2)
        await _until_it_is(bench, "stale")
        found.append((bench.report, bench.run("status")))
        beats = fed.count("WATCHDOG=1")
        await asyncio.sleep(0.3)
        assert fed.count("WATCHDOG=1") == beats
        reporter.worked("the receiver", 60.0)
        await _until_it_is(bench, "running")
        end_here()
        await asyncio.Event().wait()

    codes: list[int] = []
    run_here(bench.location, component("bridge", recovers), **_kept("nobody", codes))
    assert codes == []
    report, (code, out, _) = found[0]
    assert not report.ok
    assert report.problem.code == "runtime.stalled"
    assert "the receiver has done nothing for" in report.message
    assert "runtime restart" in report.problem.next_step
    assert [part.phase for part in report.components] == ["stalled"]
    assert code == 1
    assert "ready" not in out
    assert bench.document().phase == "stopped"


def test_a_stores_thread_that_stands_still_is_told_by_worker_and_ends_the_runtime(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The whole way: the real bridge, its store stopped for good once it was ready."""
    stopped, let_go = threading.Event(), threading.Event()
    real = Database.data_version

    def stuck(self: Database) -> int:
        if stopped.is_set():
            let_go.wait()
        return real(self)

    monkeypatch.setattr(Database, "data_version", stuck)
    monkeypatch.setattr(context, "REST_SECONDS", 0.1)
    short = {part: (name, 1.0) for part, (name, _) in bridge._WORKERS.items()}
    monkeypatch.setattr(bridge, "_WORKERS", short)
    codes: list[int] = []
    with rig(tmp_path / "rig") as made:

        async def run(_context: Context, reporter: Reporter) -> None:
            def tell(event: Any) -> None:
                if event.kind == "ready":
                    reporter.ready(event.message)
                    stopped.set()

            await run_bridge(made.settings, tell, reporter.worked)

        try:
            with pytest.raises(_OutError):
                run_here(bench.location, component("bridge", run), **_kept("guardian", codes))
        finally:
            let_go.set()
    assert codes == [STALLED_EXIT]
    (line,) = [one for one in bench.log() if one["event"] == "stalled"]
    assert set(line["workers"]) & {f"bridge {name}" for name, _ in short.values()}
    assert [one["components"] for one in bench.log() if one["event"] == "left_behind"] == [["bridge"]]


def test_a_bridge_that_has_nothing_to_do_shows_each_worker_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("scheduler", "maintenance", "context"):
        monkeypatch.setattr(f"openclaw_install.messaging.bridge.{module}.REST_SECONDS", 0.05)
    counts: dict[str, int] = {}

    def worked(name: str, within: float) -> None:
        assert within >= 90.0
        counts[name] = counts.get(name, 0) + 1

    async def play(settings: bridge.BridgeSettings, done: Callable[[], bool]) -> None:
        task = asyncio.create_task(run_bridge(settings, lambda _event: None, worked))
        while not done():
            await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    names = {name for name, _ in bridge._WORKERS.values()}
    with rig(tmp_path) as made:
        asyncio.run(
            asyncio.wait_for(
                play(made.settings, lambda: all(counts.get(name, 0) >= 10 for name in names)), 60
            )
        )
    assert counts.keys() == names


def test_stop_ends_one_whose_stores_thread_stands_still_and_needs_no_force(bench: Bench) -> None:
    with bench.worker("stuck") as process:
        until(lambda: bench.report.state == "running", "a running runtime")
        document = bench.ask("stop")
        assert (document["exit_code"], document["result"]["killed"]) == (0, False)
        assert document["result"]["runtime"]["state"] == "stopped"
        assert process.wait(60) == 0
    assert [one["components"] for one in bench.log() if one["event"] == "left_behind"] == [["stuck"]]

"""What goes wrong around a watcher, and what it does then: no save is lost, and the newest content wins."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.errors import FileError
from openclaw_install.hub.server import running_hub
from openclaw_install.sync.consent import revoke
from openclaw_install.sync.errors import KeyRejectedError, SyncError
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.run import SyncOptions, SyncRun
from openclaw_install.sync.watch.index import View
from openclaw_install.sync.watch.ledger_thread import PendingSkills
from openclaw_install.sync.watch.source import EventSource, NoEventsError, PollingSource, Report
from openclaw_install.sync.watch.timing import Clock
from openclaw_install.sync.watch.watcher import WatchEvent, watch
from tests.support.waiting import PATIENCE
from tests.sync_rig import (
    Manners,
    ReadyOperator,
    Reply,
    ScriptedServer,
    Tool,
    skill_text,
    storing_tools,
)
from tests.watch_child import STEPS
from tests.watch_rig import FREE, Bench, bench_in

_REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as made:
        yield made


class JumpyClock:
    """Clocks that a test can set."""

    def __init__(self) -> None:
        self.real = Clock()
        self.apart = 0.0
        self.clock = Clock(self.real.monotonic, lambda: self.real.wall() + self.apart)


class Child:
    """A watcher as a process, whose events come line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, object]] = []

    def wait(self, kind: str, skill: str | None = None, after: int = 0) -> dict[str, object]:
        """The first event like this, from number `after` on."""
        assert self.process.stdout is not None
        while True:
            for event in self.events[after:]:
                if event["kind"] == kind and skill in (None, event["skill"]):
                    return event
            after = len(self.events)
            line = self.process.stdout.readline()
            assert line, (kind, skill, self.events)
            self.events.append(json.loads(line))


@contextmanager
def child(bench: Bench, *arguments: str, before: tuple[str, ...] = ()) -> Iterator[Child]:
    """A watcher as a process, killed at the end."""
    command = [*before, sys.executable, "-m", "tests.watch_child", str(bench.ledger_folder), *arguments]
    with subprocess.Popen(
        command, cwd=_REPOSITORY, env=bench.env, stdout=subprocess.PIPE, text=True
    ) as process:
        guard = threading.Timer(2 * PATIENCE, process.kill)
        guard.start()
        try:
            yield Child(process)
        finally:
            guard.cancel()
            process.kill()


@pytest.mark.parametrize("step", list(STEPS))
@pytest.mark.parametrize("when", ["before", "after"])
def test_after_a_kill_in_the_middle_of_a_push_the_save_arrives_and_goes_up_at_most_once_more(
    bench: Bench, step: str, when: str
) -> None:
    bench.choose(("alpha",))
    with child(bench, step, when) as killed:
        assert killed.process.wait(2 * PATIENCE) == -signal.SIGKILL
        bench.save("alpha", "saved while nobody ran\n")
        with bench.watching() as watched:
            watched.until(lambda: "nobody ran" in bench.stored("alpha"))
            watched.wait("acknowledged", "alpha")
    entries = [row.entry for row in bench.hub.admin.audit_rows()]
    assert 1 <= Counter(str(entry.skill) for entry in entries if entry.action == "upload")["alpha"] <= 2
    with Ledger(bench.ledger_folder) as ledger:
        assert not any(record.in_doubt for record in ledger.records(bench.hub.url).values())


def test_a_server_that_is_down_for_a_while_gets_the_newest_content_when_it_is_back(tmp_path: Path) -> None:
    with bench_in(tmp_path) as bench:
        port = int(bench.hub.url.split(":")[2].split("/")[0])
        data = bench.hub.data
        with bench.watching() as watched:
            watched.wait("acknowledged", "beta")
    clock = JumpyClock()
    with bench.watching(clock=clock.clock, check_seconds=0.05) as watched:
        for number in range(5):
            bench.save("alpha", f"offline {number}\n")
        event = watched.wait("waiting", code="sync.unreachable")
        assert event.milliseconds is not None
        assert watched.events[-1].pending == 1
        with running_hub(data, settings=replace(FREE, port=port)) as hub:
            bench.hub = hub
            clock.apart += 3600.0  # as after a suspend: no pause outlives it
            watched.wait("recovered")
            watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "offline 4\n"))
            watched.wait("acknowledged", "alpha")
            bench.save("alpha", "online\n")
            watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "online\n"))


@pytest.mark.parametrize("hours", [24 * 365, -24 * 365])
def test_a_clock_that_jumps_causes_an_early_look_and_nothing_else(bench: Bench, hours: int) -> None:
    clock = JumpyClock()
    with bench.watching(clock=clock.clock, check_seconds=0.02) as watched:
        watched.wait("acknowledged", "beta")
        after = len(watched.events)
        clock.apart += 3600.0 * hours
        watched.wait("reconciled", after=after)
        bench.save("alpha", "after the jump\n")
        watched.wait("acknowledged", "alpha", after)
        # Whether the save was seen by itself, or by a look that came first, is the machine's matter.
        kinds = Counter(event.kind for event in watched.events[after:] if event.kind != "changed")
        assert kinds == {"reconciled": 1, "acknowledged": 1}


def test_of_500_saves_of_one_file_the_last_one_wins(bench: Bench) -> None:
    with bench.watching() as watched:
        watched.wait("acknowledged", "beta")
        for number in range(500):
            bench.save("alpha", f"save {number}\n")
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "save 499\n"))
        watched.until(lambda: watched.events[-1].pending == 0)
        assert watched.kinds("alpha").count("acknowledged") < 500


def test_500_files_saved_at_once_all_arrive(bench: Bench) -> None:
    names = [f"skill-{number:03}" for number in range(500)]
    for name in names:
        bench.save(name)
    with bench.watching() as watched:
        watched.until(lambda: sum(event.kind == "acknowledged" for event in watched.events) >= 502)
        for name in names:
            bench.save(name, "all at once\n")
        watched.until(lambda: all("at once" in bench.stored(name) for name in names))


def test_a_rejected_key_ends_the_watcher_with_what_to_do(bench: Bench) -> None:
    with bench.watching() as watched:
        watched.wait("acknowledged", "beta")
        (key,) = bench.hub.admin.keys()
        bench.hub.admin.revoke_key(key.id)
        bench.save("alpha", "nobody may\n")
        error = watched.wait_end()
        assert isinstance(error, KeyRejectedError)
        assert [event.kind for event in watched.events[-2:]] == ["blocked", "stopped"]
    assert bench.stored("alpha") == skill_text("alpha")


def test_a_consent_that_is_taken_back_stops_the_pushes_at_once(bench: Bench) -> None:
    with bench.watching() as watched:
        watched.wait("acknowledged", "beta")
        with Ledger(bench.ledger_folder) as ledger:
            assert revoke(ledger, 2.0)
        bench.save("alpha", "not agreed\n")
        error = watched.wait_end()
        assert isinstance(error, SyncError)
        assert error.error_code == "sync.consent_missing"
    assert bench.stored("alpha") == skill_text("alpha")


def test_a_full_disk_makes_a_save_wait_and_loses_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = threading.Event()
    begin, facts = Ledger.begin, Ledger.records

    def failing(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if full.is_set():
                raise FileError("no space left", next_step="make space", code="file.no_space")
            return original(*arguments)

        return call

    monkeypatch.setattr(Ledger, "begin", failing(begin))
    monkeypatch.setattr(Ledger, "records", failing(facts))
    clock = JumpyClock()
    with bench.watching(clock=clock.clock, check_seconds=0.02) as watched:
        watched.wait("acknowledged", "beta")
        full.set()
        bench.save("alpha", "on a full disk\n")
        watched.wait("waiting", code="file.no_space")
        clock.apart += 60.0
        watched.wait("warning", code="file.no_space")
        full.clear()
        clock.apart += 60.0
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "on a full disk\n"))


def test_on_a_network_mount_it_looks_for_itself_from_the_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openclaw_install.sync.watch.change_monitor.silent_mount", lambda _paths: "nfs4")
    with bench.watching(polling=lambda: PollingSource(0.05)) as watched:
        assert "nfs4" in watched.wait("polling").reason
        bench.save("alpha", "by another machine\n")
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "by another machine\n"))


def test_a_kernel_without_watches_leaves_it_to_looking(bench: Bench) -> None:
    class Refused(EventSource):
        def start(self, roots: Sequence[str], report: Report) -> None:
            raise NoEventsError("the limit of inotify watches is reached")

    with bench.watching(events=Refused, polling=lambda: PollingSource(0.05)) as watched:
        assert "inotify" in watched.wait("polling").reason
        bench.save("alpha", "seen\n")
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "seen\n"))


def test_without_a_key_the_watcher_says_so(bench: Bench) -> None:
    bench.key = ""
    events: list[WatchEvent] = []
    with pytest.raises(SyncError) as raised:
        asyncio.run(watch(bench.settings(), events.append))
    assert raised.value.error_code == "sync.key_missing"
    assert [event.kind for event in events] == ["blocked", "stopped"]


def test_one_skill_that_the_service_cannot_take_does_not_hold_up_the_others(bench: Bench) -> None:
    stored: dict[tuple[str, str], str] = {}
    agent = bench.agents["main"]
    tools = storing_tools(stored, [{"id": agent, "name": "main"}])
    one = tools["mysta_sync_skill"]
    tools["mysta_sync_skill"] = lambda said: Reply(500) if said["skillName"] == "alpha" else one(said)
    tools["mysta_sync_all_skills"] = lambda _said: Reply(500)
    with ScriptedServer(Manners(tools=tools)).serving() as server:
        bench.hub = replace(bench.hub, url=server.url)
        bench.choose()
        with bench.watching() as watched:
            watched.wait("waiting", "alpha", code="sync.server_fault")
            watched.wait("acknowledged", "beta")
            bench.save("beta", "once more\n")
            watched.until(lambda: "once more" in stored[agent, "beta"])
            watched.until(lambda: watched.events[-1].pending == 1)


def test_a_watcher_that_is_stopped_during_a_silent_push_leaves_the_skill_pending(bench: Bench) -> None:
    def mute(_said: object) -> Reply:
        return Reply(silent=True)

    tools: dict[str, Tool] = dict.fromkeys(("mysta_sync_skill", "mysta_sync_all_skills"), mute)
    with ScriptedServer(Manners(tools=tools)).serving() as server:
        bench.hub = replace(bench.hub, url=server.url)
        bench.choose(("alpha",))
        with bench.watching() as watched:
            assert server.reached.wait(PATIENCE)
        assert watched.error is None
        assert watched.events[-1].kind == "stopped"
        with Ledger(bench.ledger_folder) as ledger:
            (record,) = ledger.records(server.url).values()
        assert record.in_doubt


def test_a_run_that_holds_the_lock_is_waited_for(bench: Bench) -> None:
    with bench.watching() as watched, Ledger(bench.ledger_folder) as ledger:
        watched.wait("acknowledged", "beta")
        with ledger.lock(bench.hub.url, PATIENCE):
            bench.save("alpha", "patient\n")
            watched.wait("waiting", code="conflict.sync_locked")
            assert bench.stored("alpha") == skill_text("alpha")
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "patient\n"))


def test_a_sync_works_beside_a_watcher(bench: Bench) -> None:
    with bench.watching() as watched, Ledger(bench.ledger_folder) as ledger:
        watched.wait("acknowledged", "beta")
        options = SyncOptions(everything=True, force=True)
        location = bench.settings().location
        for number in range(3):
            bench.save("alpha", f"beside {number}\n")
            report = SyncRun(location, bench.env, options, ReadyOperator(agreed=True), ledger).run()
            assert report.exit_code == 0, report
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "beside 2\n"))
        watched.until(lambda: watched.events[-1].pending == 0)


def _may_limit_watches() -> bool:
    """Whether this system lets a child have an inotify limit of its own (a user namespace)."""
    unshare = shutil.which("unshare")
    command = "echo 3 > /proc/sys/user/max_inotify_watches"
    return unshare is not None and (
        subprocess.run([unshare, "-Ur", "sh", "-c", command], capture_output=True, check=False).returncode
        == 0
    )


def _limited(watches: int) -> tuple[str, ...]:
    command = f'echo {watches} > /proc/sys/user/max_inotify_watches; exec "$@"'
    return ("unshare", "-Ur", "sh", "-c", command, "sh")


@pytest.mark.parametrize(("watches", "first"), [(1, "polling"), (4, "watching")])
def test_when_the_kernel_has_no_more_watches_it_looks_for_itself_and_says_so(
    bench: Bench, watches: int, first: str
) -> None:
    """At the start, or as skills are added; where no limit can be set, events go on."""
    limited = _may_limit_watches()
    with child(bench, before=_limited(watches) if limited else ()) as watcher:
        assert watcher.wait(first if limited else "watching")
        for name in ("gamma", "delta", "epsilon"):
            bench.save(name)
            watcher.wait("acknowledged", name)
        if limited:
            assert "watch" in str(watcher.wait("polling")["reason"])
        after = len(watcher.events)
        bench.save("epsilon", "seen all the same\n")
        watcher.wait("acknowledged", "epsilon", after)
    assert bench.stored("epsilon") == skill_text("epsilon", "seen all the same\n")


def test_a_name_that_is_no_text_ends_the_events_and_not_the_watching(bench: Bench) -> None:
    with bench.watching(check_seconds=0.05) as watched:
        watched.wait("watching")
        strange = os.fsencode(bench.skills) + b"/caf\xe9"
        os.mkdir(strange)  # noqa: PTH102 - a path cannot be made of such a name
        watched.wait("polling")
        bench.save("alpha", "after the strange name\n")
        watched.until(lambda: "after the strange name" in bench.stored("alpha"))


def test_a_ledger_that_could_not_be_read_at_the_start_is_read_again_soon(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, failures = PendingSkills.read, iter([True])

    async def failing(self: PendingSkills, view: View) -> Mapping[str, frozenset[str]]:
        if next(failures, False):
            raise FileError("the disk is full", next_step="free some space", code="file.enospc")
        return await read(self, view)

    monkeypatch.setattr(PendingSkills, "read", failing)
    with bench.watching(reconcile_seconds=3600.0) as watched:
        watched.wait("warning", code="file.enospc")
        watched.wait("acknowledged", "alpha")

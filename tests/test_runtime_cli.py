"""`openclaw-install runtime` at the terminal: what it shows, what it would do, and hostile text."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.errors import ConflictError
from openclaw_install.common.problems import Problem
from openclaw_install.host.locate import locate
from openclaw_install.runtime import skill_watch
from openclaw_install.runtime.component import Context, Reporter
from openclaw_install.runtime.components import COMPONENTS, configured_components
from openclaw_install.runtime.log_reader import LogLine
from openclaw_install.runtime.paths import invocation_for
from openclaw_install.runtime.report import (
    ComponentReport,
    LogReport,
    Result,
    RuntimeReport,
)
from openclaw_install.surfaces.views import view
from openclaw_install.surfaces.views.runtime import log_line
from openclaw_install.sync.watch.event import WatchEvent
from tests.runtime_rig import KEY, Bench, bench_in, component, end_here, run_here
from tests.schemas import assert_valid

HOSTILE = "\x1b[2J\x1b]0;owned\x07\nruntime running: all is well\u202e"


@pytest.fixture
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Bench]:
    with bench_in(tmp_path, monkeypatch, capsys) as made:
        yield made


def test_hostile_text_of_a_component_stays_text() -> None:
    part = ComponentReport(
        "skills",
        "blocked",
        HOSTILE,
        problem=Problem("code", HOSTILE, HOSTILE),
        figures={"name": HOSTILE, HOSTILE: 1},
    )
    failing = ComponentReport("bridge", "failing", HOSTILE, failures=2, retry_seconds=3.0)
    problem = Problem("other", HOSTILE, HOSTILE)
    report = RuntimeReport(
        "blocked", HOSTILE, LogReport(HOSTILE, 3, HOSTILE), problem, 1, components=(part, failing)
    )
    result = Result(
        HOSTILE, True, report, (HOSTILE,), killed=True, env_file=HOSTILE, variables=("X",), removed=(HOSTILE,)
    )
    shown = [*view(report).lines, *view(result).lines]
    shown += [
        log_line(LogLine(HOSTILE, None)),
        log_line(LogLine("", {"at": HOSTILE, HOSTILE: HOSTILE, "x": []})),
    ]
    for line in shown:
        assert line.isprintable(), line


def test_the_status_is_told_to_a_person() -> None:
    ready = ComponentReport("skills", "ready", figures={"acknowledged": 3})
    report = RuntimeReport(
        "running",
        "it runs",
        LogReport("/logs/x", 2),
        pid=7,
        kept_by="guardian",
        started_at=1_800_000_000.0,
        heartbeat_age=1.2,
        restarts=1,
        components=(ready, ComponentReport("bridge", "off")),
    )
    assert view(report).lines == [
        "runtime running: it runs",
        "  pid 7; since 2027-01-15T08:00:00.000Z; kept by guardian; restarted 1 times; last sign 1 s ago",
        "  skills: ready",
        "    acknowledged=3",
        "  bridge: not configured",
        "  log: /logs/x",
        "  2 log lines were lost (it works again)",
    ]


def test_a_dry_run_does_nothing(bench: Bench) -> None:
    for verb in ("start", "stop", "restart", "enable", "disable", "run"):
        document = bench.ask(verb, "--dry-run")
        assert (document["exit_code"], document["result"]["dry_run"]) == (0, True)
        assert document["command"] == f"runtime {verb}"
    assert not bench.places.folder.exists()


def test_looking_writes_nothing_and_needs_no_mcp(bench: Bench) -> None:
    code, out, err = bench.run("status", "--json")
    assert (code, err) == (1, "")
    problem = json.loads(out)["result"]["problem"]
    assert (problem["code"], problem["next_step"]) == ("runtime.stopped", "openclaw-install runtime start")
    assert list(Path.home().iterdir()) == [Path.home() / ".openclaw"]
    program = (
        "import sys, os; from openclaw_install.host.locate import locate\n"
        "from openclaw_install.runtime.control import RuntimeControl\n"
        "RuntimeControl(locate(os.environ), os.environ).report()\n"
        "assert not {'mcp', 'httpx', 'asyncio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_logs_are_shown_to_people_and_to_programs(bench: Bench) -> None:
    assert bench.run("logs") == (0, "", "")

    async def talks(_context: Context, reporter: Reporter) -> None:
        reporter.event("saved", skill=HOSTILE, key=KEY)
        end_here()
        await asyncio.Event().wait()

    run_here(bench.location, component("talks", talks))
    code, out, _ = bench.run("logs", "-n", "2")
    assert (code, len(out.splitlines())) == (0, 2)
    assert "<redacted>" in out
    _, lines, _ = bench.run("logs", "--json")
    saved = json.loads(lines.splitlines()[1])
    assert (saved["event"], saved["component"]) == ("saved", "talks")
    assert out.splitlines()[0].split("  ")[1:4] == [saved["level"], "saved", "talks"]
    for line in lines.splitlines():
        assert_valid(json.loads(line), "runtime-log")
    assert json.loads(lines.splitlines()[1])["skill"] == HOSTILE


def test_following_the_log_ends_with_the_operator_or_the_reader(bench: Bench) -> None:
    run_here(bench.location, component("one", _ends))
    for ending in ("ctrl-c", "pipe"):
        process = bench.begin("logs", "--follow", "-n", "1")
        assert process.stdout is not None
        assert "stopped" in process.stdout.readline()
        if ending == "ctrl-c":
            process.send_signal(signal.SIGINT)
        else:
            process.stdout.close()
            run_here(bench.location, component("one", _ends))
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")


async def _ends(_context: Context, _reporter: Reporter) -> None:
    end_here()
    await asyncio.Event().wait()


def test_another_host_is_named_in_every_cure(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    assert invocation_for(locate(env)) == "openclaw-install"
    assert invocation_for(locate(env, profile="two")) == "openclaw-install --profile two"
    other = locate(env, state_dir=tmp_path / "a b", config=tmp_path / "c.json")
    assert invocation_for(other) == (
        f"openclaw-install --state-dir '{tmp_path}/a b' --config {tmp_path}/c.json"
    )
    # The variable alone gives the host a name and moves no folder, as in OpenClaw; the option moves it.
    named = locate({**env, "OPENCLAW_PROFILE": "two"})
    assert invocation_for(named) == f"openclaw-install --profile two --state-dir {tmp_path}/.openclaw"


def test_the_table_names_each_component_once() -> None:
    names = [one.name for one in COMPONENTS]
    assert len(names) == len(set(names))
    assert all(one.purpose for one in COMPONENTS)


def test_without_a_standing_choice_nothing_is_configured_and_nothing_is_made(bench: Bench) -> None:
    assert configured_components(bench.location, os.environ) == ()
    assert list(Path.home().iterdir()) == [Path.home() / ".openclaw"]


def test_the_watchers_inputs_change_with_key_choice_and_config_and_hold_no_key(bench: Bench) -> None:
    from openclaw_install.sync.consent import StandingChoice, record_choice
    from openclaw_install.sync.endpoint import endpoint_from
    from openclaw_install.sync.ledger import Ledger

    env = dict(os.environ)
    context = Context(bench.location, lambda: env)
    seen = [skill_watch.inputs(context)]
    with Ledger() as ledger:
        seen.append(skill_watch.inputs(context))
        choice = StandingChoice(endpoint_from(env).url, None, ("agt_1",), (), 1.8e9)
        record_choice(ledger, bench.location, choice)
    assert configured_components(bench.location, env) == ("skills",)
    assert skill_watch.inputs(context) == skill_watch.inputs(context)
    seen.append(skill_watch.inputs(context))
    bench.location.config_path.write_text("{}")
    seen.append(skill_watch.inputs(context))
    env["MYSTA_API_KEY"] = "mysta_another_key"
    seen.append(skill_watch.inputs(context))
    env["MYSTA_MCP_URL"] = "no address"
    seen.append(skill_watch.inputs(context))
    assert len({repr(one) for one in seen}) == len(seen)
    assert not any("mysta_" in repr(one).replace("mysta.tech", "") for one in seen)


def test_a_service_sees_the_roots_that_skills_are_taken_from(bench: Bench, tmp_path: Path) -> None:
    context = Context(bench.location, lambda: os.environ)
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    bench.location.config_path.write_text(
        json.dumps({"skills": {"load": {"extraDirs": [f"{tmp_path}/link"]}}})
    )
    assert {tmp_path / "link", real} <= set(skill_watch.reads(context))
    bench.location.config_path.write_text("damaged {")
    assert skill_watch.reads(context) == ()


class Notes:
    """A reporter that takes notes."""

    def __init__(self) -> None:
        self.said: list[object] = []
        self.counts: dict[str, object] = {}
        self.events: list[str] = []

    def ready(self, message: str = "") -> None:
        self.said.append("ready")

    def degraded(self, message: str) -> None:
        self.said.append(message)

    def blocked(self, error: object) -> None:
        self.said.append(error)

    def worked(self, worker: str, within: float) -> None:
        """Not looked at."""

    def figures(self, **figures: object) -> None:
        self.counts.update(figures)

    def event(self, event: str, /, **_facts: object) -> None:
        self.events.append(event)


def test_the_watchers_events_become_state_figures_and_log() -> None:
    notes = Notes()
    tell = skill_watch.EventReporter(notes).tell
    tell(WatchEvent("watching", 1.8e9))
    tell(WatchEvent("changed", 1.8e9, skill="alpha", pending=1))
    tell(WatchEvent("acknowledged", 1.8e9, skill="alpha", milliseconds=12.34))
    tell(WatchEvent("waiting", 1.8e9, reason="the service does not answer", pending=1, waiting=1))
    tell(WatchEvent("waiting", 1.8e9, reason="the service does not answer", pending=1, waiting=1))
    tell(WatchEvent("polling", 1.8e9, reason="no inotify watches are left", pending=1, waiting=1))
    tell(WatchEvent("recovered", 1.8e9))
    assert notes.said == [
        "ready",
        "the service does not answer",
        "the service does not answer; no inotify watches are left",
        "no inotify watches are left",
    ]
    assert notes.counts == {"pending": 0, "waiting": 0, "acknowledged": 1, "last_milliseconds": 12.3}
    assert "watch_changed" not in notes.events
    assert notes.events.count("watch_acknowledged") == 1


def test_a_standing_choice_without_its_key_blocks_the_runtime(bench: Bench) -> None:
    async def rejected(_context: Context, _reporter: Reporter) -> None:
        raise ConflictError("the key is rejected", next_step="make another", code="sync.key_rejected")

    seen: list[dict[str, Any]] = []

    async def looks(_context: Context, reporter: Reporter) -> None:
        reporter.ready()
        async with asyncio.timeout(60):
            while not seen or seen[-1]["result"]["state"] != "blocked":
                seen.append(bench.ask("status"))
                await asyncio.sleep(0.05)
        end_here()
        await asyncio.Event().wait()

    run_here(bench.location, component("skills", rejected), component("looks", looks))
    document = seen[-1]
    assert document["exit_code"] == 1
    assert document["result"]["problem"]["code"] == "sync.key_rejected"


def test_a_wait_ends_when_nothing_waits_and_not_when_something_else_got_through() -> None:
    notes = Notes()
    tell = skill_watch.EventReporter(notes).tell
    tell(WatchEvent("watching", 1.8e9))
    tell(WatchEvent("waiting", 1.8e9, skill="alpha", reason="it failed", pending=2, waiting=1))
    tell(WatchEvent("acknowledged", 1.8e9, skill="beta", pending=1, waiting=1))
    tell(WatchEvent("reconciled", 1.8e9, pending=1, waiting=1))
    assert notes.said == ["ready", "it failed"]
    tell(WatchEvent("acknowledged", 1.8e9, skill="alpha"))
    # Another sync had the lock and sent what was to be sent.
    tell(WatchEvent("waiting", 1.8e9, reason="another sync runs", pending=1))
    tell(WatchEvent("reconciled", 1.8e9, pending=1))
    tell(WatchEvent("unchanged", 1.8e9, skill="alpha"))
    assert notes.said == ["ready", "it failed", "ready", "another sync runs", "ready"]

"""Skills that follow saves for good: the real watcher in a real runtime, against a real hub."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.host.locate import locate
from openclaw_install.runtime.control import RuntimeControl
from openclaw_install.runtime.report import ComponentReport
from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.main import cli
from openclaw_install.surfaces.cli.options import CommonOptions
from openclaw_install.surfaces.cli.sync_watch import kept_in_step
from openclaw_install.sync.consent import revoke
from openclaw_install.sync.ledger import Ledger
from tests.support.waiting import until
from tests.sync_desk import Desk, desk_in
from tests.sync_rig import skill_text, write_skill


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    with desk_in(tmp_path, monkeypatch, capsys) as made:
        try:
            yield made
        finally:
            RuntimeControl(locate(os.environ), os.environ).remove()


def runtime(desk: Desk, *words: str) -> dict[str, Any]:
    code = run_command(cli, ("runtime", *words, "--json"))
    said = desk.capture.readouterr()
    desk.texts += [said.out, said.err]
    document: dict[str, Any] = json.loads(said.out)
    assert document["exit_code"] == code
    return document


def skills() -> ComponentReport:
    parts = RuntimeControl(locate(os.environ), os.environ).report().components
    return next(iter(parts), ComponentReport("skills", "off"))


def is_live(stored: Path, text: str) -> None:
    until(lambda: stored.read_text() == text, "a save that is live")


def test_a_save_goes_live_through_a_crash_and_a_revoked_consent_blocks(desk: Desk) -> None:
    agent = desk.hub.create_agent("main", "owner", running=True)
    stored = desk.hub.skills_folder(agent.id) / "beta" / "SKILL.md"
    assert desk.run("--all", "--yes", "--keep")[0] == 0
    started = runtime(desk, "start")
    assert (started["exit_code"], started["result"]["runtime"]["state"]) == (0, "running")

    for number in range(2):
        text = skill_text("beta", f"# Save {number}\n")
        write_skill(desk.skills, "beta", text)
        is_live(stored, text)
        until(lambda: skills().figures.get("acknowledged"), "the figure")
        pid = RuntimeControl(locate(os.environ), os.environ).report().pid
        assert pid is not None
        # A save in the very moment of the crash is found by the next runtime.
        text = skill_text("beta", f"# Crash {number}\n")
        write_skill(desk.skills, "beta", text)
        os.kill(pid, signal.SIGKILL)
        is_live(stored, text)
        until(lambda: skills().phase == "ready", "a watcher that is ready again")

    desk.run("consent", "--revoke")
    assert runtime(desk, "restart")["exit_code"] == 1
    document = runtime(desk, "status")
    assert (document["exit_code"], document["result"]["state"]) == (1, "blocked")
    assert document["result"]["problem"]["next_step"]
    # The consent is one of its inputs: nobody has to start anything again.
    assert desk.run("--all", "--yes", "--keep")[0] == 0
    until(lambda: skills().phase == "ready", "a watcher whose consent is back")
    assert runtime(desk, "stop")["exit_code"] == 0


def test_what_keep_records_holds_for_a_runtime_that_runs(desk: Desk) -> None:
    agent = desk.hub.create_agent("main", "owner", running=True)
    folder = desk.hub.skills_folder(agent.id)
    assert desk.run("alpha", "--yes", "--keep")[0] == 0
    pid = RuntimeControl(locate(os.environ), os.environ).report().pid

    # More skills than before: nobody has to start anything again.
    assert desk.run("--all", "--yes", "--keep")[0] == 0
    text = skill_text("beta", "# Chosen later\n")
    write_skill(desk.skills, "beta", text)
    is_live(folder / "beta" / "SKILL.md", text)
    assert RuntimeControl(locate(os.environ), os.environ).report().pid == pid

    # A consent that was revoked is told without a save.
    assert desk.run("consent", "--revoke")[0] == 0
    until(lambda: skills().phase == "blocked", "a watcher without consent")


def test_a_key_that_is_rejected_is_told_without_a_save_and_keep_brings_the_right_one(desk: Desk) -> None:
    desk.hub.create_agent("main", "owner", running=True)
    assert desk.run("--all", "--yes", "--keep")[0] == 0
    right = os.environ["MYSTA_API_KEY"]
    desk.monkeypatch.setenv("MYSTA_API_KEY", "mysta_" + "0" * 40)
    runtime(desk, "restart")
    problem = until(lambda: skills().problem, "a blocked watcher")
    assert problem.code == "sync.key_rejected"

    desk.monkeypatch.setenv("MYSTA_API_KEY", right)
    document = desk.document("--all", "--yes", "--keep")
    assert (document["exit_code"], document["result"]["runtime"]["state"]) == (0, "running")


def test_keep_says_so_when_the_runtime_does_not_follow(desk: Desk) -> None:
    desk.hub.create_agent("main", "owner", running=True)
    assert desk.run("--all", "--yes", "--keep")[0] == 0
    assert runtime(desk, "stop")["exit_code"] == 0
    with Ledger() as ledger:
        revoke(ledger, 1.0)
    _report, errors = kept_in_step(CommonOptions())
    assert [error.error_code for error in errors] == ["runtime.not_keeping"]
    assert "sync --all --keep" in errors[0].next_step


def test_after_an_uninstall_nothing_is_kept_in_step_any_more(desk: Desk) -> None:
    desk.hub.create_agent("main", "owner", running=True)
    assert desk.run("--all", "--yes", "--keep")[0] == 0
    runtime_of = RuntimeControl(locate(os.environ), os.environ)
    assert runtime_of.remove().removed
    assert runtime_of.wanted() == ("skills",)
    runtime_of.remove(forget=True)
    assert runtime_of.wanted() == ()

"""`sync` at a terminal: what is asked, what an answer does, and Ctrl-C."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from openclaw_install.sync.ledger import Ledger
from tests.sync_desk import Desk, desk_in
from tests.sync_rig import Manners, Reply, ScriptedServer, storing_tools


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    with desk_in(tmp_path, monkeypatch, capsys) as made:
        yield made


class Typist:
    """A person at a terminal, who answers each question with the next of the answers."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "openclaw_install", "sync", *arguments],
            env={**os.environ, **(env or {})},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        screen = b""
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:
                break
            screen += part
            if screen.endswith((b"]: ", b"N]: ")) and self.answers:
                os.write(ours, self.answers.pop(0).encode() + b"\n")
        os.close(ours)
        watchdog.cancel()
        return process.wait(), screen.decode()


def test_at_a_terminal_skills_agents_and_consent_are_asked_for(desk: Desk) -> None:
    desk.hub.create_agent("one", "owner")
    two = desk.hub.create_agent("two", "owner")
    code, screen = Typist("all", "y", "two", "y").run()
    assert code == 0, screen
    assert "Sync which of these 2? (all, names, or cancel)" in screen
    assert f"Connect to {desk.hub.url} with the key in MYSTA_API_KEY?" in screen
    assert "Sync to which agent? (id, name, all, or cancel)" in screen
    assert f"Upload 2 SKILL.md files to the agent two ({two.id})" in screen
    assert "] 2/2 skills" in screen
    assert desk.held(two.id) == ["alpha", "beta"]
    code, screen = Typist("alpha, beta", "two").run()
    assert code == 0, screen
    assert desk.outcomes("--all", "--agent", "two") == {"two": {"alpha": "unchanged", "beta": "unchanged"}}
    assert Typist("cancel").run()[0] == 1
    assert Typist("alpha", "cancel").run()[0] == 1
    assert Typist("nonsense").run()[0] == 2


def test_a_no_at_a_terminal_sends_nothing(desk: Desk) -> None:
    agent = desk.hub.create_agent("one", "owner")
    code, screen = Typist("n").run("--all", "--json")
    assert (code, '"code": "sync.declined"' in screen) == (1, True)
    assert Typist("y", "n").run("--all")[0] == 1
    assert desk.held(agent.id) == []


def test_a_missing_key_offers_the_page_and_opens_it_only_after_a_yes(desk: Desk, tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    browser.chmod(0o755)
    env = {"MYSTA_API_KEY": "", "MYSTA_MCP_URL": "", "BROWSER": str(browser)}
    code, screen = Typist("n").run("--all", env=env)
    assert (code, opened.exists()) == (1, False)
    assert "MYSTA_API_KEY" in screen
    code, screen = Typist("y").run("--all", env=env)
    assert code == 1
    assert opened.read_text().strip() == "https://app.staging.mysta.tech/en/profile#api-keys"


def test_ctrl_c_ends_a_sync_at_once_and_leaves_a_doubt(desk: Desk) -> None:
    tools = storing_tools({}, [{"id": "a", "name": "one"}])
    tools["mysta_sync_all_skills"] = lambda _arguments: Reply(silent=True)
    with ScriptedServer(Manners(tools=tools)).serving() as server:
        env = {**os.environ, "MYSTA_MCP_URL": server.url}
        command = [sys.executable, "-m", "openclaw_install", "sync", "--all", "--yes"]
        with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
            assert server.reached.wait(30)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "interrupted" in err
    with Ledger() as ledger:
        assert all(record.in_doubt for record in ledger.records(server.url).values())

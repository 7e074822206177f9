"""A sync that is killed at any step: what was sent is sent again at most once, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from openclaw_install.hub.server import running_hub
from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.main import cli
from openclaw_install.sync.ledger import Ledger
from tests.sync_killer import STEPS
from tests.sync_rig import skill_text, write_skill

_REPOSITORY = Path(__file__).resolve().parent.parent
NAMES = ("alpha", "beta", "gamma")
SYNC = ("sync", "--all", "--yes")


def killed(step: str, when: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.sync_killer", step, when, *SYNC],
        cwd=_REPOSITORY,
        env=dict(os.environ),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize("step", list(STEPS))
@pytest.mark.parametrize("when", ["before", "after"])
def test_after_a_kill_each_skill_arrives_and_goes_up_again_at_most_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    for name in NAMES:
        write_skill(home / ".openclaw" / "skills", name)
    with running_hub(tmp_path / "hub") as hub:
        agent = hub.create_agent("main", "owner")
        monkeypatch.setenv("MYSTA_MCP_URL", hub.url)
        monkeypatch.setenv("MYSTA_API_KEY", hub.create_key("owner").reveal())

        def uploads() -> Counter[str]:
            entries = [row.entry for row in hub.admin.audit_rows()]
            return Counter(str(entry.skill) for entry in entries if entry.action == "upload")

        killed(step, when)
        first = uploads()
        assert run_command(cli, SYNC) == 0
        again = uploads() - first
        for name in NAMES:
            assert (hub.skills_folder(agent.id) / name / "SKILL.md").read_text() == skill_text(name)
        recorded = (step, when) == ("record", "after")
        assert again == Counter() if recorded else all(again[name] == 1 for name in NAMES)
        assert run_command(cli, SYNC) == 0
        assert uploads() - first == again
        with Ledger() as ledger:
            records = ledger.records(hub.url)
        assert not any(record.in_doubt for record in records.values())


def test_a_content_that_was_taken_back_after_a_kill_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger says that the old content was acknowledged, and the service holds the new one."""
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    path = write_skill(home / ".openclaw" / "skills", "alpha")
    write_skill(home / ".openclaw" / "skills", "beta")
    with running_hub(tmp_path / "hub") as hub:
        agent = hub.create_agent("main", "owner")
        monkeypatch.setenv("MYSTA_MCP_URL", hub.url)
        monkeypatch.setenv("MYSTA_API_KEY", hub.create_key("owner").reveal())
        stored = hub.skills_folder(agent.id) / "alpha" / "SKILL.md"
        assert run_command(cli, SYNC) == 0
        path.write_text(skill_text("alpha", "a mistake\n"))
        write_skill(home / ".openclaw" / "skills", "beta", skill_text("beta", "changed\n"))
        killed("record", "before")
        assert stored.read_text() == skill_text("alpha", "a mistake\n")
        path.write_text(skill_text("alpha"))
        assert run_command(cli, ["sync", "status"]) == 1
        assert run_command(cli, SYNC) == 0
        assert stored.read_text() == skill_text("alpha")

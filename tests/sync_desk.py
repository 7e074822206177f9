"""An operator's machine with a real hub to sync to, for the tests of the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.hub.server import RunningHub, running_hub
from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.main import cli
from tests.schemas import assert_valid
from tests.sync_rig import write_skill

_SCHEMAS = {"sync": "sync-report", "sync status": "sync-status", "sync agents": "sync-agents"}


@dataclass
class Desk:
    """An operator's machine with a hub to sync to."""

    home: Path
    hub: RunningHub
    monkeypatch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]
    owner: str = "owner"
    texts: list[str] = field(default_factory=list)

    @property
    def skills(self) -> Path:
        return self.home / ".openclaw" / "skills"

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = run_command(cli, ("sync", *arguments))
        captured = self.capture.readouterr()
        self.texts += [captured.out, captured.err]
        return code, captured.out, captured.err

    def document(self, *arguments: str) -> dict[str, Any]:
        code, out, _ = self.run(*arguments, "--json")
        document: dict[str, Any] = json.loads(out)
        assert_valid(document, "envelope")
        assert document["exit_code"] == code
        if document["result"] is not None:
            assert_valid(document["result"], _SCHEMAS.get(document["command"], "sync-consent"))
        return document

    def outcomes(self, *arguments: str) -> dict[str, dict[str, str]]:
        """Agent by name, skill by name: what became of it."""
        agents = self.document(*arguments)["result"]["agents"]
        return {a["name"]: {s["skill"]: s["outcome"] for s in a["skills"]} for a in agents}

    def held(self, agent: str) -> list[str]:
        return sorted(path.name for path in self.hub.skills_folder(agent).iterdir())


@contextmanager
def desk_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    """A desk with two skills, and a key that must never be shown."""
    home = tmp_path / "home"
    (home / ".openclaw").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    with running_hub(tmp_path / "hub") as hub:
        key = hub.create_key("owner").reveal()
        monkeypatch.setenv("MYSTA_MCP_URL", hub.url)
        monkeypatch.setenv("MYSTA_API_KEY", key)
        made = Desk(home, hub, monkeypatch, capture)
        for name in ("alpha", "beta"):
            write_skill(made.skills, name)
        yield made
        assert not any(key in text for text in made.texts), "the key was shown"

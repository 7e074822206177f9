"""The demo's chapters on the cloud: skills go to an agent of our own hub, and then follow each save."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from openclaw_install.demo.expectation import StoryError, require
from openclaw_install.hub.server import RunningHub, running_hub

OWNER = "demo"
_FOLLOW_SECONDS = 30.0
_LOOK_SECONDS = 0.002
Ours = Callable[..., subprocess.CompletedProcess[str]]


def play(root: Path, workspace: Path, ours: Ours, tell: Callable[[str], None]) -> dict[str, Any]:
    """Syncs two skills to a running agent, changes one, syncs again, and then only saves.

    Args:
        root: scratch folder for the hub's data.
        workspace: the host's workspace, whose `skills` folder gets the skills.
        ours: runs `openclaw-install ARGS...` on the host with more variables.
        tell: receives the story's lines.

    Returns:
        What was observed: uploads of each run, whether the agent's folder holds the new content, and the
        milliseconds from a save until the agent had it.

    Raises:
        StoryError: something else than told was uploaded.
    """
    with running_hub(root / "hub") as hub:
        agent = hub.create_agent("cloud-agent", OWNER)
        env = {"MYSTA_API_KEY": hub.create_key(OWNER).reveal(), "MYSTA_MCP_URL": hub.url}
        for name in ("release-notes", "triage"):
            _write_skill(workspace, name, "first")
        first = _uploads(hub, ours, env)
        _write_skill(workspace, "triage", "second")
        second = _uploads(hub, ours, env)
        live = hub.skills_folder(agent.id) / "triage" / "SKILL.md"
        facts: dict[str, Any] = {
            "first": first,
            "second": second,
            "live_content": "second" in live.read_text(),
        }
        facts["milliseconds"] = _follow(live, workspace, ours, env)
        tell(f"a save of `triage` was live on the agent after {facts['milliseconds']} ms")
    as_expected = second == ["triage"] and {"release-notes", "triage"} <= set(first) and facts["live_content"]
    require(as_expected, f"other skills were uploaded than told: {facts}")
    return facts


def _follow(live: Path, workspace: Path, ours: Ours, env: Mapping[str, str]) -> float:
    """Has the runtime keep the skills in step, saves one, and waits for it; returns milliseconds."""
    ours("sync", "--all", "--keep", "--yes", env=env)
    _write_skill(workspace, "triage", "third")
    saved = time.perf_counter()
    while "third" not in live.read_text():
        if time.perf_counter() - saved > _FOLLOW_SECONDS:
            raise StoryError("a save did not reach the agent")
        time.sleep(_LOOK_SECONDS)
    return round((time.perf_counter() - saved) * 1000, 1)


def _uploads(hub: RunningHub, ours: Ours, env: Mapping[str, str]) -> list[str]:
    """The skills whose upload the hub's audit names for one run of `sync --all`."""
    before = len(list(hub.admin.audit_rows()))
    ours("sync", "--all", "--yes", env=env)
    entries = [row.entry for row in hub.admin.audit_rows()][before:]
    return sorted(entry.skill for entry in entries if entry.action == "upload" and entry.skill)


def _write_skill(workspace: Path, name: str, edition: str) -> None:
    folder = workspace / "skills" / name
    folder.mkdir(parents=True, exist_ok=True)
    frontmatter = f"---\nname: {name}\ndescription: The {edition} edition of {name}.\n---\n"
    (folder / "SKILL.md").write_text(f"{frontmatter}\n# {name}\n\nThis is the {edition} edition.\n")

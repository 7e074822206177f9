"""The demo's chapter on the cloud: skills go to an agent of our own hub, and then only what changed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from openclaw_install.common.errors import InstallError
from openclaw_install.hub.server import RunningHub, running_hub

OWNER = "demo"
Ours = Callable[..., subprocess.CompletedProcess[str]]


class CloudChapterError(InstallError):
    """The sync did not do what the story says."""

    code = "demo.story"


def play(root: Path, workspace: Path, ours: Ours) -> dict[str, Any]:
    """Syncs two skills to a running agent, changes one, and syncs again.

    Args:
        root: scratch folder for the hub's data.
        workspace: the host's workspace, whose `skills` folder gets the skills.
        ours: runs `openclaw-install ARGS...` on the host with more variables.

    Returns:
        What was observed: uploads of each run, and whether the agent's folder holds the new content.

    Raises:
        CloudChapterError: something else than told was uploaded.
    """
    with running_hub(root / "hub") as hub:
        agent = hub.create_agent("cloud-agent", OWNER)
        env = {"MYSTA_API_KEY": hub.create_key(OWNER).reveal(), "MYSTA_MCP_URL": hub.url}
        for name in ("release-notes", "triage"):
            _write_skill(workspace, name, "first")
        first = _uploads(hub, ours, env)
        _write_skill(workspace, "triage", "second")
        second = _uploads(hub, ours, env)
        live = (hub.skills_folder(agent.id) / "triage" / "SKILL.md").read_text()
    facts = {"first": first, "second": second, "live_content": "second" in live}
    if second != ["triage"] or not {"release-notes", "triage"} <= set(first) or not facts["live_content"]:
        raise CloudChapterError(
            f"other skills were uploaded than told: {facts}", next_step="run the demo again with --verbose"
        )
    return facts


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

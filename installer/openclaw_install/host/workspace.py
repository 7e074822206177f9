"""The default agent's workspace, and the session key that its `ACTIVE_GROUP.md` names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openclaw_install.common.files import read_if_exists
from openclaw_install.host.hook_agents import agent_ids, default_agent, section
from openclaw_install.host.hook_text import normalize_agent_id, optional_text
from openclaw_install.host.locate import HostLocation, user_path

ACTIVE_GROUP_FILE = "ACTIVE_GROUP.md"
_ACTIVE_GROUP_LIMIT = 65_536


def agent_workspace(config: Mapping[str, Any], location: HostLocation) -> Path:
    """The workspace of the agent that serves the ingress; of the first agent where none is the default.

    Source: `resolveAgentWorkspaceDir` of OpenClaw 2026.9.6.
    """
    agent = default_agent(config) or agent_ids(config)[0]
    if own := optional_text(_entry(config, agent).get("workspace")):
        return user_path(own, location.home)
    shared = optional_text(section(config, "agents", "defaults").get("workspace"))
    sole = len(agent_ids(config)) == 1 or default_agent(config) == agent
    if shared:
        base = user_path(shared, location.home)
        return base if sole else base / agent
    return location.default_workspace() if sole else location.state_dir / f"workspace-{agent}"


def active_group_text(workspace: Path) -> str | None:
    """The text of the workspace's `ACTIVE_GROUP.md`, or None when there is none.

    Raises:
        FileError: it cannot be read, is no regular file, or has more than 64 KiB.
    """
    data = read_if_exists(workspace / ACTIVE_GROUP_FILE, _ACTIVE_GROUP_LIMIT)
    return None if data is None else data.decode("utf-8", "replace")


def _entry(config: Mapping[str, Any], agent: str) -> Mapping[str, Any]:
    agents = section(config, "agents")
    entries, listed = agents.get("entries"), agents.get("list")
    if isinstance(entries, Mapping):
        pairs = list(entries.items())
    else:
        items = listed if isinstance(listed, list) else []
        pairs = [(item.get("id"), item) for item in items if isinstance(item, Mapping)]
    found = (
        entry
        for key, entry in pairs
        if isinstance(key, str) and normalize_agent_id(key) == agent and isinstance(entry, Mapping)
    )
    return next(found, {})

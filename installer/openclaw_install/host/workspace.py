"""The default agent's workspace, and the session key that its `ACTIVE_GROUP.md` names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openclaw_install.common.files import read_if_exists
from openclaw_install.host.hooks.agents import agent_ids, default_agent, roster, section
from openclaw_install.host.hooks.text import optional_text
from openclaw_install.host.locate import HostLocation, user_path

ACTIVE_GROUP_FILE = "ACTIVE_GROUP.md"
_ACTIVE_GROUP_LIMIT = 65_536


def agent_workspace(config: Mapping[str, Any], location: HostLocation) -> Path:
    """The workspace of the agent that serves the ingress; of the first agent where none is the default.

    Source: `resolveAgentWorkspaceDir` and `resolveLegacyFirstAgentWorkspacePin` of OpenClaw 2026.9.6.
    """
    agent = default_agent(config) or agent_ids(config)[0]
    if own := optional_text(dict(roster(config)).get(agent, {}).get("workspace")):
        return user_path(own, location.home)
    shared = optional_text(section(config, "agents", "defaults").get("workspace"))
    inherits = agent == _heir(config)
    if shared:
        base = user_path(shared, location.home)
        return base if inherits else base / agent
    return location.default_workspace() if inherits else location.state_dir / f"workspace-{agent}"


def _heir(config: Mapping[str, Any]) -> str | None:
    """The agent that works in the common workspace itself; each other one has a folder of its own.

    It is the only agent or the one marked `default`; a recorded owner (`systemAgent`) is not enough. Of an
    older `agents.list` without any mark the gateway's start gives it to the first.
    """
    known = agent_ids(config)
    agents = section(config, "agents")
    if len(known) == 1:
        return known[0]
    if agents.get("ownership") == "explicit":
        return None
    marked = [agent for agent, entry in roster(config) if entry.get("default") is True]
    if marked:
        return marked[0] if len(marked) == 1 else None
    return known[0] if "entries" not in agents and "ownership" not in agents else None


def active_group_text(workspace: Path) -> str | None:
    """The text of the workspace's `ACTIVE_GROUP.md`, or None when there is none.

    Raises:
        FileError: it cannot be read, is no regular file, or has more than 64 KiB.
    """
    data = read_if_exists(workspace / ACTIVE_GROUP_FILE, _ACTIVE_GROUP_LIMIT)
    return None if data is None else data.decode("utf-8", "replace")

"""The default agent's workspace, and the session key that its `ACTIVE_GROUP.md` names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openclaw_install.common.files import read_if_exists
from openclaw_install.host.home import user_path
from openclaw_install.host.hooks.agents import agent_ids, default_agent, roster, section
from openclaw_install.host.hooks.text import optional_text
from openclaw_install.host.javascript import trim
from openclaw_install.host.locate import HostLocation

ACTIVE_GROUP_FILE = "ACTIVE_GROUP.md"
_ACTIVE_GROUP_LIMIT = 65_536
_LABEL = re.compile(r"(?:session[ _-]?key|active[ _-]?group|key|session)\s*[:=]\s+", re.IGNORECASE)
_DECORATION = re.compile(r"^(?:[-*+]\s+|>\s*)?")
_SESSION_KEY = re.compile(r"[A-Za-z0-9._-]+(?::[A-Za-z0-9._@+/=~%#-]+)+")
_AGENT_SCOPE = re.compile(r"agent:[^:]+:", re.IGNORECASE)
_MAX_KEY_LENGTH = 512


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


def active_group_key(text: str) -> str | None:
    """The session key in an `ACTIVE_GROUP.md`, or None where there is none.

    It is the first line that holds nothing but a session key: two or more segments joined by `:`, without
    spaces. Around it may stand a list marker, a label (`session key: `), back-ticks, quotes or asterisks.
    Headings, comments, links and prose are passed over.
    """
    for line in text.removeprefix("\ufeff").splitlines():
        bare = _DECORATION.sub("", trim(line))
        bare = _LABEL.sub("", bare, count=1) if _LABEL.match(bare) else bare
        bare = bare.strip("`\"'* ")
        if _SESSION_KEY.fullmatch(bare) and "//" not in bare and len(bare) <= _MAX_KEY_LENGTH:
            return bare
    return None


def route_prefix(active_group_text: str) -> str | None:
    """The prefix that `map-active-group` needs: `feishu:default:` for `feishu:default:oc_x`.

    It is the channel and the account of the key, the first two segments; a key of two segments gives its
    first (`telegram:42` needs `telegram:`). `agent:<id>:` in front stays in front, so that the prefix never
    opens all sessions of an agent. None where the text holds no key, or only an agent's main session.
    """
    key = active_group_key(active_group_text)
    if key is None:
        return None
    scope = _AGENT_SCOPE.match(key)
    head = scope.group() if scope else ""
    segments = key.removeprefix(head).split(":")
    if len(segments) < 2 or (not scope and segments[0].lower() == "agent"):
        return None
    return f"{head}{':'.join(segments[: min(2, len(segments) - 1)])}:".lower()

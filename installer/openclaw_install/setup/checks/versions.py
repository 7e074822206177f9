"""Programs of ours that still run as they were before an upgrade. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from openclaw_install.common.problems import Problem
from openclaw_install.host.gateway.settings import RESTART
from openclaw_install.setup.facts import PROGRAM, Facts

IDS = ("runtime.version_differs", "mcp.version_differs")
CURE = f"{PROGRAM} runtime restart"


def look(facts: Facts) -> Iterator[Problem]:
    """The runtime, and the servers that the gateway has started, of another version than this program."""
    status = None if facts.runtime is None else facts.runtime.status
    if status is not None and status.version not in (None, facts.version):
        message = f"the runtime is of version {status.version}, and {facts.version} is installed"
        yield Problem("runtime.version_differs", message, CURE, severity="warn", path=status.log.path)
    others = {one.version for one in facts.programs} - {facts.version}
    if others:
        message = (
            f"the gateway still runs our MCP server of version {', '.join(sorted(others))}, "
            f"and {facts.version} is installed"
        )
        yield Problem("mcp.version_differs", message, RESTART, severity="warn", path="mcp.servers.pingagent")

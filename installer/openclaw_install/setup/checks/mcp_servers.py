"""The MCP servers that the bundles want the host to have. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from openclaw_install.common.problems import Problem
from openclaw_install.setup.facts import PROGRAM, Facts
from openclaw_install.setup.mcp_plan import McpState

IDS = ("mcp",)
CURE = PROGRAM

_CODES: Mapping[McpState, str] = {
    "skipped": "mcp.skipped",
    "differs": "mcp.differs",
    "to_register": "mcp.environment",
    "registered": "mcp.environment",
}


def look(facts: Facts) -> Iterator[Problem]:
    """Servers with something odd about them, and those that a setup would register now."""
    found = facts.survey.servers if facts.survey else ()
    for server in found:
        if server.reason:
            message = f"MCP server {server.name}: {server.reason}"
            yield Problem(_CODES[server.state], message, server.next_step, severity="warn")
    for server in found:
        if server.state == "to_register" and not server.reason:
            message = "an MCP server can be registered now"
            yield Problem("mcp.to_register", message, CURE, severity="warn")

"""MCP servers that the bundles want and the config does not have as wanted. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from openclaw_install.common.problems import Problem
from openclaw_install.setup.facts import PROGRAM, Facts
from openclaw_install.setup.mcp_plan import McpState

_CODES: Mapping[McpState, str] = {
    "skipped": "mcp.skipped",
    "differs": "mcp.differs",
    "to_register": "mcp.environment",
    "registered": "mcp.environment",
}


def look(facts: Facts) -> Iterator[Problem]:
    """`mcp.*`: servers with something odd about them, and those that a setup would register now."""
    servers = facts.survey.servers if facts.survey else ()
    for server in servers:
        if server.reason:
            message = f"MCP server {server.name}: {server.reason}"
            yield Problem(_CODES[server.state], message, server.next_step, severity="warn")
    for server in servers:
        if server.state == "to_register" and not server.reason:
            message = "an MCP server can be registered now"
            yield Problem("mcp.to_register", message, PROGRAM, severity="warn")

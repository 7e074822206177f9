"""Bundles that are not installed as they ship, and the MCP servers that they want. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from openclaw_install.common.problems import Problem
from openclaw_install.setup.facts import PROGRAM, Facts
from openclaw_install.setup.mcp_plan import McpState

_STATES = {
    "absent": "is not installed",
    "incomplete": "lacks files",
    "outdated": "is of an earlier version",
    "edited": "was changed by hand; your version stays",
}


def look(facts: Facts) -> Iterator[Problem]:
    """`bundle.*`: each bundle that the setup would write, or leaves because the user changed it."""
    for bundle in facts.bundles:
        if bundle.state in _STATES:
            message = f"bundle {bundle.name} {_STATES[bundle.state]}"
            step = f"{PROGRAM} --overwrite-edited" if bundle.state == "edited" else PROGRAM
            yield Problem(f"bundle.{bundle.state}", message, step, severity="warn", path=str(bundle.path))


_CODES: Mapping[McpState, str] = {
    "skipped": "mcp.skipped",
    "differs": "mcp.differs",
    "to_register": "mcp.environment",
    "registered": "mcp.environment",
}


def servers(facts: Facts) -> Iterator[Problem]:
    """`mcp.*`: servers with something odd about them, and those that a setup would register now."""
    found = facts.survey.servers if facts.survey else ()
    for server in found:
        if server.reason:
            message = f"MCP server {server.name}: {server.reason}"
            yield Problem(_CODES[server.state], message, server.next_step, severity="warn")
    for server in found:
        if server.state == "to_register" and not server.reason:
            message = "an MCP server can be registered now"
            yield Problem("mcp.to_register", message, PROGRAM, severity="warn")

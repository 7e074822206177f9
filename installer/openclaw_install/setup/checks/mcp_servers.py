"""The MCP servers that the bundles want the host to have. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from openclaw_install.common.problems import Problem, Severity
from openclaw_install.setup.facts import PROGRAM, Facts
from openclaw_install.setup.mcp_plan import McpState, McpSurvey

IDS = ("mcp",)
CURE = PROGRAM

_CODES: Mapping[McpState, str] = {
    "skipped": "mcp.skipped",
    "differs": "mcp.differs",
    "to_repair": "mcp.to_repair",
    "to_register": "mcp.environment",
    "registered": "mcp.environment",
}


def look(facts: Facts) -> Iterator[Problem]:
    """Servers with something odd about them, and those that a setup would register now.

    Without the server that messages are answered through, a message becomes a turn that cannot answer: where
    messages can come in, what is missing of that one is in the way.
    """
    found = facts.survey.servers if facts.survey else ()
    for server in found:
        if server.lookup == "not_found":
            yield _not_found(server)
        elif server.reason:
            message = f"MCP server {server.name}: {server.reason}"
            yield Problem(
                _CODES[server.state],
                message,
                server.next_step,
                severity=_severity(facts, server) if server.state == "skipped" else "warn",
                path=_place(server) if server.state in ("differs", "to_repair") else "",
            )
    for server in found:
        if server.state == "to_register" and not server.reason:
            message = "an MCP server can be registered now"
            yield Problem("mcp.to_register", message, CURE, severity=_severity(facts, server))


def _severity(facts: Facts, server: McpSurvey) -> Severity:
    has_relay = facts.agent is not None and facts.agent.relay is not None
    return "critical" if server.answers and has_relay else "warn"


def _not_found(server: McpSurvey) -> Problem:
    message = f"MCP server {server.name}: the gateway finds no command {server.command}"
    if server.answers:
        message += ", so that the agent cannot answer a message"
    severity: Severity = "critical" if server.answers else "warn"
    step = server.next_step or CURE
    return Problem("mcp.not_found", message, step, severity=severity, path=_place(server))


def _place(server: McpSurvey) -> str:
    return f"mcp.servers.{server.name}"

"""Whether a turn can answer: what the running gateway serves, or the server that it would start. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from openclaw_install.common.problems import Problem, Severity
from openclaw_install.host.gateway.settings import RESTART
from openclaw_install.setup.answering import Answering, AnsweringState
from openclaw_install.setup.facts import PROGRAM, Facts
from openclaw_install.setup.mcp_plan import OVERWRITE, McpState

IDS = ("answer",)
CURE = f"{PROGRAM} verify-runtime"

_MESSAGES: Mapping[AnsweringState, tuple[str, str]] = {
    "fails": (
        "answer.server_fails",
        "the MCP server {server}, started as the gateway would, fails: {detail}",
    ),
    "none_of_ours": (
        "answer.no_tools",
        "the MCP server {server}, started as the gateway would, has none of our tools",
    ),
    "not_served": (
        "answer.not_served",
        "the MCP server {server} has our tools, and the agent's session {session} has none: the gateway could"
        " not start it then, or its tool policy keeps them out",
    ),
}


def look(facts: Facts) -> Iterator[Problem]:
    """Ready includes the answer: without our tools a message becomes a turn that cannot reply."""
    found = facts.answering
    if found is None or facts.survey is None:
        if facts.survey is not None and facts.live is None and facts.agent is not None:
            message = "whether the gateway serves the tools to answer with was not judged (--offline)"
            yield Problem("answer.not_judged", message, CURE, severity="warn")
        return
    place = f"mcp.servers.{found.server}"
    standing = next((one for one in facts.survey.servers if one.name == found.server), None)
    if found.state in _MESSAGES:
        code, text = _MESSAGES[found.state]
        message = text.format(server=found.server, detail=found.detail, session=found.session)
        step = _step(found, None if standing is None else standing.state)
        severity: Severity = "warn" if found.state == "not_served" else "critical"
        yield Problem(code, message, step, severity=severity, path=place)
    elif found.state == "not_judged" and standing is not None and standing.lookup == "found":
        message = f"whether the gateway serves the tools to answer with was not judged: {found.detail}"
        yield Problem("answer.not_judged", message, "", severity="warn", path=place)
    if found.problem is not None:
        message = f"the running gateway was not asked for its tools: {found.problem.message}"
        yield Problem("answer.gateway_not_asked", message, RESTART, severity="warn", path=place)


def _step(found: Answering, state: McpState | None) -> str:
    if found.state == "not_served":
        return RESTART
    if state == "to_repair":
        return PROGRAM
    return OVERWRITE if state == "differs" else f"{PROGRAM} mcp pingagent </dev/null"

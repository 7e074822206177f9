"""Whether an agent's turn finds the tools to answer with: asked of the running gateway, else tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from openclaw_install.common.errors import GatewayError
from openclaw_install.common.problems import Problem
from openclaw_install.common.redaction import Secret
from openclaw_install.host.hooks.auth import GatewayEnv, SharedSecret, gateway_secret
from openclaw_install.setup.mcp_plan import McpSurvey
from openclaw_install.setup.survey import Survey

if TYPE_CHECKING:
    from openclaw_install.host.gateway.served_tools import ServedTools

AnsweringState = Literal[
    "served",  # a session of the running gateway has the tools
    "listed",  # no session has started the server yet; started as the gateway would, it has them
    "not_served",  # the server has them, and the session that started it has none
    "none_of_ours",  # the server was started and has other tools
    "fails",  # the server cannot be started, or does not answer
    "not_judged",  # nobody could ask or try
]
REPLY_TOOL = "pingagent_reply"
"""The tool without which no message is answered."""


@dataclass(frozen=True)
class Answering:
    """Whether a turn can answer.

    Attributes:
        server: the MCP server that messages are answered through.
        state: see `AnsweringState`.
        tools: how many tools it has.
        session: the session of the gateway that has them, or has none; empty where none was asked.
        detail: what went wrong, or why it was not judged.
        problem: why the running gateway could not be asked.
    """

    server: str
    state: AnsweringState
    tools: int = 0
    session: str = ""
    detail: str = ""
    problem: Problem | None = None


class AnsweringSeam(Protocol):
    """The seam to the running gateway's tools, and to the server that it would start."""

    def __call__(self, survey: Survey) -> Answering | None:
        """How it stands; None where no bundle answers messages."""


def look_at_answering(survey: Survey) -> Answering | None:
    """Asks the running gateway which tools its sessions have; where none has started the server yet, starts
    it as the gateway would, lists its tools and ends it.

    Args:
        survey: the host, whose gateway answers.
    """
    server = next((one for one in survey.servers if one.answers), None)
    if server is None:
        return None
    if server.lookup != "found" and server.command:
        return Answering(
            server.name, "not_judged", detail="whether the gateway finds its command is not known"
        )
    registration = _registration(survey, server.name)
    if registration is None:
        return Answering(server.name, "not_judged", detail="it is not registered")
    return _asked(survey, server, registration)


def _asked(survey: Survey, server: McpSurvey, registration: Mapping[str, Any]) -> Answering:
    import asyncio

    from openclaw_install.host.gateway.rpc import RpcAddress, connect_rpc
    from openclaw_install.host.gateway.served_tools import ServedTools, served_tools

    address = survey.address
    gateway = survey.gateway
    port = address.port if gateway is None or gateway.port is None else gateway.port

    async def ask() -> ServedTools:
        async with connect_rpc(RpcAddress(port, address.tls), rpc_secret(survey)) as rpc:
            return await served_tools(rpc, server.name)

    try:
        served, problem = asyncio.run(ask()), None
    except GatewayError as error:
        served, problem = ServedTools(), error.problem
    # What somebody else registered may be younger than the catalog of a session: that is tried as well.
    if REPLY_TOOL in served.tools and server.state == "registered":
        return Answering(server.name, "served", len(served.tools), served.session)
    return _tried(survey, server, registration, served, problem)


def _tried(
    survey: Survey,
    server: McpSurvey,
    registration: Mapping[str, Any],
    served: ServedTools,
    problem: Problem | None,
) -> Answering:
    from openclaw_install.host.gateway.mcp_server import launch_of, list_tools

    def found(state: AnsweringState, tools: int = 0, detail: str = "") -> Answering:
        return Answering(server.name, state, tools, served.session, detail, problem)

    gateway = survey.gateway
    env = None if gateway is None else gateway.environment(survey.location, survey.document)
    if gateway is None or env is None or not gateway.is_ours:
        return found(
            "not_judged", detail="the environment of the running gateway cannot be read by this user"
        )
    launch = launch_of(registration, env, gateway.folder)
    if launch is None:
        return found("not_judged", detail="it is reached by its URL")
    listed = list_tools(launch)
    if listed.outcome != "listed":
        return found("fails", detail=listed.detail or listed.outcome.replace("_", " "))
    if REPLY_TOOL not in listed.tools:
        return found("none_of_ours", len(listed.tools))
    if REPLY_TOOL in served.tools:
        return found("served", len(served.tools))
    return found("not_served" if served.session else "listed", len(listed.tools))


def _registration(survey: Survey, name: str) -> Mapping[str, Any] | None:
    node: Any = survey.document.as_written
    for key in ("mcp", "servers", name):
        node = node.get(key) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else None


def rpc_secret(survey: Survey) -> SharedSecret | None:
    """The secret that the running gateway asks its own callers for; its own environment counts where it can
    be read."""
    gateway, document = survey.gateway, survey.document
    running = None if gateway is None else gateway.environment(survey.location, document)
    env = survey.facts.gateway_env
    if running is not None:
        token, password = running.get("OPENCLAW_GATEWAY_TOKEN"), running.get("OPENCLAW_GATEWAY_PASSWORD")
        env = GatewayEnv(Secret(token) if token else None, Secret(password) if password else None)
    return gateway_secret(document.data, env, survey.facts.unresolved)

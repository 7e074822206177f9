"""Serves the table on stdio with the official SDK, until the client closes its end."""

from __future__ import annotations

import logging
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from openclaw_install import __version__
from openclaw_install.messaging.app import AppContext
from openclaw_install.protocol.profile import profile_paths
from openclaw_install.runtime.programs import noted
from openclaw_install.surfaces.mcp.calls import call, served_output
from openclaw_install.surfaces.mcp.pingagent.instructions import ADVICE, INSTRUCTIONS
from openclaw_install.surfaces.tool import Tool as Entry
from openclaw_install.surfaces.tools import TOOLS

NAME = "pingagent"
_BY_NAME = {tool.name: tool for tool in TOOLS}


def serve(env: Mapping[str, str], home: Path) -> None:
    """Serves one client on stdin and stdout; returns at the end of stdin.

    Args:
        env: names the profile, its files and the relay.
        home: the user's home folder.
    """
    quiet_logs()
    # A terminal's Ctrl-C ends it like any filter. Nothing is half done then: the store's changes are
    # transactions, and a reader of stdin in a thread would keep Python's own way out waiting.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    place = AppContext(env, home)
    try:
        with noted(profile_paths(env, home).folder, f"mcp {NAME}"):
            anyio.run(_serve, place)
    finally:
        place.close()


def quiet_logs() -> None:
    """Keeps the SDK's log off stderr: it quotes what a client or a tool said, which can be a message."""
    for name in ("mcp", "asyncio"):
        logger = logging.getLogger(name)
        logger.addHandler(logging.NullHandler())
        logger.propagate = False


async def _serve(place: AppContext) -> None:
    server = build_server(place)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def build_server(place: AppContext) -> Server[Any]:
    """The server of one client."""

    async def on_list_tools(
        _context: ServerRequestContext[Any], _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=[described(tool) for tool in TOOLS])

    async def on_call_tool(
        _context: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> CallToolResult:
        entry = _BY_NAME.get(params.name)
        if entry is None:
            raise MCPError(INVALID_PARAMS, "there is no such tool")
        outcome = await call(entry, place, params.arguments or {}, ADVICE)
        return CallToolResult(
            content=[TextContent(type="text", text=outcome.text)],
            structured_content=outcome.body,
            is_error=outcome.is_error,
        )

    return Server(
        NAME,
        version=__version__,
        title="PingAgent",
        instructions=INSTRUCTIONS,
        on_list_tools=on_list_tools,
        on_call_tool=on_call_tool,
    )


def described(tool: Entry) -> Tool:
    """The tool as `tools/list` names it."""
    return Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema={key: value for key, value in tool.input_schema.items() if value != []},
        output_schema=served_output(tool),
        annotations=ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.effect.read_only,
            destructive_hint=tool.effect.destructive,
            idempotent_hint=tool.effect.idempotent,
            open_world_hint=tool.effect.open_world,
        ),
    )

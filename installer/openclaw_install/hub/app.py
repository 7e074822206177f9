"""Puts the hub's ASGI application together: log, host check, `/healthz`, the MCP endpoint and the relay."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from openclaw_install import __version__
from openclaw_install.hub.http_errors import EXCEPTION_HANDLERS
from openclaw_install.hub.log import AccessLog, WriteLog
from openclaw_install.hub.mcp.endpoint import KEY_IN_SCOPE, Endpoint
from openclaw_install.hub.mcp.service import HubService
from openclaw_install.hub.mcp.tools import TOOLS, call_tool
from openclaw_install.hub.middleware import RequestCheck, rule_for
from openclaw_install.hub.model import AuditEntry
from openclaw_install.hub.network import Proxies
from openclaw_install.hub.relay.context import RelayContext
from openclaw_install.hub.relay.routes import RelayRoutes
from openclaw_install.hub.rules import printable
from openclaw_install.hub.settings import HubSettings
from openclaw_install.hub.storage.metadata import Metadata
from openclaw_install.hub.storage.skill_files import SkillFiles

_log = logging.getLogger(__name__)
MCP_PATH = "/api/v2/mcp"
HEALTH_PATH = "/healthz"


@dataclass(frozen=True)
class Stores:
    """What a hub works on, and what recovery found in it.

    Attributes:
        relay: the relay's; without one no relay is served.
    """

    metadata: Metadata
    files: SkillFiles
    recovered: Sequence[AuditEntry] = ()
    relay: RelayContext | None = None


@dataclass(frozen=True)
class HubApp:
    """The application, and what ends the streams that clients hold open when the hub stops."""

    asgi: ASGIApp
    close_streams: Callable[[], None]


def build_app(stores: Stores, settings: HubSettings, write_log: WriteLog) -> HubApp:
    """The application on recovered stores; at its end uploads are finished, and the stores are left open."""
    limits, grouped = settings.limits, settings.group_commits
    service = HubService(stores.metadata, stores.files, limits, group_commits=grouped)
    manager = StreamableHTTPSessionManager(
        app=_mcp_server(service),
        json_response=not settings.sse,
        session_idle_timeout=limits.session_idle_seconds,
        max_request_body_size=limits.body_bytes,
    )
    endpoint = Endpoint(service, stores.metadata, manager, limits)
    relay = None if stores.relay is None else RelayRoutes(stores.relay, group_commits=grouped)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            async with manager.run(), relay.service.running() if relay else contextlib.nullcontext():
                yield
        finally:
            await service.close()

    def close_streams() -> None:
        endpoint.close_streams()
        if relay is not None:
            relay.close_streams()

    hosts = rule_for(settings.host, [socket.gethostname(), *settings.allow_hosts])
    app = Starlette(
        routes=[
            Route(MCP_PATH, endpoint=endpoint),
            Route(f"{MCP_PATH}/", endpoint=endpoint),
            Route(HEALTH_PATH, endpoint=_health, methods=["GET"]),
            *([relay.mount()] if relay else []),
        ],
        middleware=[
            Middleware(AccessLog, write=write_log),
            Middleware(RequestCheck, proxies=Proxies(settings.trusted_proxies), rule=hosts),
        ],
        exception_handlers={**EXCEPTION_HANDLERS, **(relay.exception_handlers if relay else {})},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return HubApp(settings.around(app), close_streams)


async def _health(_request: Request) -> JSONResponse:
    return JSONResponse({"ok": True, "status": "live", "version": __version__})


def _mcp_server(service: HubService) -> Server[Any]:
    async def on_list_tools(
        _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool.described() for tool in TOOLS])

    async def on_call_tool(
        context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        key = context.request.scope[KEY_IN_SCOPE] if context.request is not None else None
        result = None
        if key is not None:
            try:
                result = await call_tool(service, key, params.name, params.arguments or {})
            except Exception:  # noqa: BLE001 - the SDK would tell the client the error's own words
                _log.exception("the tool %s failed", printable(params.name))
                raise MCPError(types.INTERNAL_ERROR, "the hub failed; its log has the cause") from None
        if result is None:
            raise MCPError(types.INVALID_PARAMS, "there is no such tool")
        return result

    return Server(
        "openclaw-install-hub",
        version=__version__,
        title="Skill hub",
        instructions="Store SKILL.md files for agents. Begin with mysta_list_agents.",
        on_list_tools=on_list_tools,
        on_call_tool=on_call_tool,
    )

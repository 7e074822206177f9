"""Puts the hub's ASGI application together: log, host check, `/healthz`, the MCP endpoint and the relay."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
)
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from openclaw_install import __version__
from openclaw_install.hub.host_check import HostRule
from openclaw_install.hub.http_errors import EXCEPTION_HANDLERS
from openclaw_install.hub.limits import Limits
from openclaw_install.hub.log import AccessLog, WriteLog
from openclaw_install.hub.mcp.endpoint import KEY_IN_SCOPE, Endpoint
from openclaw_install.hub.mcp.service import HubService
from openclaw_install.hub.mcp.tools import TOOLS, call_tool
from openclaw_install.hub.middleware import HeaderCheck, HostCheck
from openclaw_install.hub.model import Clock, utc_now
from openclaw_install.hub.network import Proxies
from openclaw_install.hub.relay.app import RelayApp, RelayContext, relay_app
from openclaw_install.hub.rules import printable
from openclaw_install.hub.storage.metadata import Metadata
from openclaw_install.hub.storage.skill_files import SkillFiles

_log = logging.getLogger(__name__)
MCP_PATH = "/api/v2/mcp"
HEALTH_PATH = "/healthz"


@dataclass(frozen=True)
class AppOptions:
    """How the application answers.

    Attributes:
        hosts: which Host and Origin headers are answered.
        sse: answer MCP requests as event streams; by default they are single JSON documents.
        group_commits: False commits each upload by itself; for comparison only.
        proxies: whose word counts for where a request comes from.
    """

    hosts: HostRule
    limits: Limits
    write_log: WriteLog
    proxies: Proxies = field(default_factory=Proxies)
    sse: bool = False
    group_commits: bool = True
    clock: Clock = utc_now


@dataclass(frozen=True)
class HubApp:
    """The application and its parts, whose streams a shutdown has to end."""

    asgi: ASGIApp
    endpoint: Endpoint
    relay: RelayApp | None

    def close_streams(self) -> None:
        """Ends the streams that clients hold open, so that a shutdown need not wait for them."""
        self.endpoint.close_streams()
        if self.relay is not None:
            self.relay.routes.close_streams()


def build_app(
    metadata: Metadata, files: SkillFiles, options: AppOptions, relay_context: RelayContext | None = None
) -> HubApp:
    """The application on recovered stores; the end of its lifespan ends uploads and leaves the stores open.

    Args:
        relay_context: the relay's; without one no relay is served.
    """
    service = HubService(
        metadata, files, options.limits, clock=options.clock, group_commits=options.group_commits
    )
    manager = StreamableHTTPSessionManager(
        app=_mcp_server(service),
        json_response=not options.sse,
        session_idle_timeout=options.limits.session_idle_seconds,
        max_request_body_size=options.limits.body_bytes,
    )
    endpoint = Endpoint(service, metadata, manager, options.limits)
    relay = None if relay_context is None else relay_app(relay_context, group_commits=options.group_commits)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            async with manager.run(), relay.running() if relay else contextlib.nullcontext():
                yield
        finally:
            await service.close()

    app = Starlette(
        routes=[
            Route(MCP_PATH, endpoint=endpoint),
            Route(HEALTH_PATH, endpoint=_health, methods=["GET"]),
            *([relay.routes.mount()] if relay else []),
        ],
        middleware=[
            Middleware(AccessLog, write=options.write_log),
            Middleware(HeaderCheck, proxies=options.proxies),
            Middleware(HostCheck, rule=options.hosts),
        ],
        exception_handlers={**EXCEPTION_HANDLERS, **(relay.routes.exception_handlers if relay else {})},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return HubApp(app, endpoint, relay)


async def _health(_request: Request) -> JSONResponse:
    return JSONResponse({"ok": True, "status": "live", "version": __version__})


def _mcp_server(service: HubService) -> Server[Any]:
    async def on_list_tools(
        _context: ServerRequestContext[Any], _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=[tool.described() for tool in TOOLS])

    async def on_call_tool(
        context: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> CallToolResult:
        key = context.request.scope[KEY_IN_SCOPE] if context.request is not None else None
        result = None
        if key is not None:
            try:
                result = await call_tool(service, key, params.name, params.arguments or {})
            except Exception:  # noqa: BLE001 - the SDK would tell the client the error's own words
                _log.exception("the tool %s failed", printable(params.name))
                raise MCPError(INTERNAL_ERROR, "the hub failed; its log has the cause") from None
        if result is None:
            raise MCPError(INVALID_PARAMS, "there is no such tool")
        return result

    return Server(
        "openclaw-install-hub",
        version=__version__,
        title="Skill hub",
        instructions="Store SKILL.md files for agents. Begin with mysta_list_agents.",
        on_list_tools=on_list_tools,
        on_call_tool=on_call_tool,
    )

"""One MCP session over Streamable HTTP with the official SDK: opened, replaced when lost, closed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import anyio
import httpx2
import mcp_types as types
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import METHOD_NOT_FOUND, UNSUPPORTED_PROTOCOL_VERSION

from openclaw_install import __version__
from openclaw_install.sync.http_guard import CURRENT, Exchange, GuardedClient, Wire

# The SDK logs what a server sent, and tracebacks that can quote our own headers. What matters of that is in
# the errors that it raises; nothing of it may reach the terminal, where no redaction would see it.
for _name in ("mcp.client", "mcp.shared"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False

_CLIENT = types.Implementation(name="openclaw-install", version=__version__)


@asynccontextmanager
async def open_session(wire: Wire, client: httpx2.AsyncClient) -> AsyncIterator[ClientSession]:
    """A session that is ready for calls, at any protocol version from 2025-03-26 on.

    The handshake comes first, because that is what the service documents; a server that knows only the later
    stateless revision says so, and is then asked in its own way.

    Raises:
        MCPError: the server refuses every version, or the request failed.
        RuntimeError: it speaks a version that nobody here knows.
    """
    async with (
        streamable_http_client(wire.url, http_client=client, max_sse_event_size=wire.max_answer) as streams,
        ClientSession(*streams, client_info=_CLIENT) as session,
    ):
        await _agree_on_version(session)
        yield session


async def _agree_on_version(session: ClientSession) -> None:
    try:
        await session.initialize()
    except MCPError as error:
        if error.code not in (UNSUPPORTED_PROTOCOL_VERSION, METHOD_NOT_FOUND):
            raise
        await session.discover()
    except RuntimeError as unknown:  # it took the handshake, and named a version that has none, or no version
        exchange = CURRENT.set(Exchange())  # how this second question fails is not what went wrong
        try:
            await session.discover()
        except MCPError:
            raise unknown from None
        finally:
            CURRENT.reset(exchange)


class Connection:
    """A session that can be replaced. Each session lives in a task of its own, as the SDK's scopes demand.

    Args:
        wire: how to reach the service.
        client: the HTTP client for it, which is closed with the connection.
    """

    def __init__(self, wire: Wire, client: GuardedClient) -> None:
        self._wire = wire
        self._client = client
        self._keeper: _Keeper | None = None
        self._opening = anyio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        try:
            if self._keeper is not None:
                await self._keeper.close()
        finally:
            # Whoever has no more time for an orderly end leaves no task behind.
            if self._keeper is not None and self._keeper.task is not None:
                self._keeper.task.cancel()
            await self._client.aclose()

    async def session(self) -> ClientSession:
        """The session, opened when there is none.

        Raises:
            MCPError, RuntimeError, ValueError: it cannot be opened; the exchange knows more.
        """
        async with self._opening:
            if self._keeper is None:
                keeper = _Keeper(self._wire, self._client)
                keeper.task = asyncio.create_task(keeper.run())
                try:
                    await keeper.opened()
                except BaseException:
                    keeper.task.cancel()
                    raise
                self._keeper = keeper
            return await self._keeper.opened()

    async def drop(self, session: ClientSession | None = None) -> None:
        """Gives a session up, so that the next call opens a new one; one replaced already is left alone."""
        async with self._opening:
            if self._keeper is not None and session in (None, self._keeper.session):
                await self._keeper.close()
                self._keeper = None


class _Keeper:
    """Opens one session, holds it until told to stop, closes it."""

    def __init__(self, wire: Wire, client: GuardedClient) -> None:
        self._wire = wire
        self._client = client
        self._ready = anyio.Event()
        self._ended = anyio.Event()
        self._stop = anyio.Event()
        self.task: asyncio.Task[None] | None = None
        self.session: ClientSession | None = None
        self.error: Exception | None = None

    async def run(self) -> None:
        try:
            async with open_session(self._wire, self._client) as session:
                self.session = session
                self._ready.set()
                await self._stop.wait()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the session
            self.error = _innermost(error)
        finally:
            self._ready.set()
            self._ended.set()

    async def opened(self) -> ClientSession:
        await self._ready.wait()
        if self.session is None:
            raise (
                self.error
                if self.error is not None
                else RuntimeError("the session was closed while it opened")
            )
        return self.session

    async def close(self) -> None:
        self._stop.set()
        await self._ended.wait()


def _innermost(error: BaseException) -> Exception:
    """The first real error in the groups that task groups make of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else RuntimeError(type(error).__name__)


async def call_tool(session: ClientSession, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
    """Calls a tool without the SDK's check of the declared output schema.

    That check costs a round trip for the list of tools, and our own reading decides what an answer means.
    """
    request = types.CallToolRequest(params=types.CallToolRequestParams(name=name, arguments=arguments))
    return await session.send_request(request, types.CallToolResult)

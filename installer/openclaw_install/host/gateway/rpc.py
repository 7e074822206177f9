"""The gateway's WebSocket RPC: connect, call, events. On loopback only, and never through a proxy.

A local process that holds the gateway's own secret connects as OpenClaw's own backends do, without a device
and its approval. The secret goes into one frame, and into no log and no error: the library logs frames, so it
gets a logger that nobody listens to, and what the gateway answers is cleaned of the secret.
Source: `docs/gateway/protocol` of OpenClaw 2026.9.6, and a running one.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import openclaw_install
from openclaw_install.common.errors import GatewayError
from openclaw_install.common.redaction import redact
from openclaw_install.common.shown_text import neutral
from openclaw_install.host.hooks.auth import SharedSecret

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

Scope = Literal["operator.read", "operator.write", "operator.approvals", "operator.admin"]
PROTOCOL = 4
_LOOPBACK = "127.0.0.1"
_MOST_BYTES = 26_214_400
"""The largest frame that the gateway sends (`policy.maxPayload`)."""
_MOST_EVENTS = 1000
_SHORTEST_SECRET = 8
_LONGEST_MESSAGE = 500
_AGAIN = "openclaw-install verify-runtime"


class RpcError(GatewayError):
    """The gateway refused a call, or cannot be asked.

    Attributes:
        kind: the gateway's own code, such as `INVALID_REQUEST`; empty where it did not answer.
        detail: the code in the details of its error, such as `MISSING_SCOPE`; empty where there is none.
    """

    code = "gateway.rpc"

    def __init__(self, message: str, *, kind: str = "", detail: str = "", code: str | None = None) -> None:
        super().__init__(message, next_step=_AGAIN, code=code)
        self.kind = kind
        self.detail = detail


@dataclass(frozen=True)
class RpcAddress:
    """Where the gateway of this machine takes WebSockets."""

    port: int
    tls: bool = False


@dataclass(frozen=True)
class Event:
    """Something that the gateway tells those who are connected."""

    name: str
    payload: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Hello:
    """What the gateway said of itself when it took the connection.

    Attributes:
        version: its version.
        methods: the methods that it has.
        scopes: what this connection may do.
    """

    version: str
    methods: frozenset[str]
    scopes: frozenset[str]


class GatewayRpc:
    """One connection; made by `connect_rpc`, and used on its event loop."""

    def __init__(self, connection: ClientConnection, secret: SharedSecret | None) -> None:
        self.hello = Hello("", frozenset(), frozenset())
        self._connection = connection
        self._secret = secret
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Queue[Mapping[str, Any] | None]] = {}
        self._listeners: list[asyncio.Queue[Event | None]] = []

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float = 30.0,
        final: bool = False,
    ) -> Mapping[str, Any]:
        """Calls a method and returns what it answered.

        Args:
            method: its name.
            params: its parameters; the gateway takes no more than it knows.
            timeout: seconds in all.
            final: of a method that answers twice, such as `agent`, wait for the second answer.

        Raises:
            RpcError: the gateway refused, did not answer in time, or went away.
        """
        name = f"r{next(self._ids)}"
        queue = self._waiting[name] = asyncio.Queue()
        try:
            async with asyncio.timeout(timeout):
                await self._send({"type": "req", "id": name, "method": method, "params": dict(params or {})})
                while True:
                    payload = self._payload(method, await queue.get())
                    if not (final and payload.get("status") == "accepted"):
                        return payload
        except TimeoutError as error:
            message = f"the gateway did not answer {method} within {timeout:g} s"
            raise RpcError(message, code="gateway.rpc_timeout") from error
        finally:
            del self._waiting[name]

    @contextmanager
    def events(self) -> Iterator[AsyncIterator[Event]]:
        """What the gateway tells from now on, for the length of the block.

        The iterator ends with the connection; who does not read 1000 events in time loses the oldest.
        """
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._listeners.append(queue)
        try:
            yield _each(queue)
        finally:
            self._listeners.remove(queue)

    async def read(self) -> None:
        """Hands on what comes in until the connection ends; the task that `connect_rpc` runs."""
        from websockets.exceptions import ConnectionClosed

        try:
            async for raw in self._connection:
                self._take(_frame(raw))
        except ConnectionClosed:
            pass
        finally:
            for waiting in self._waiting.values():
                waiting.put_nowait(None)
            for listener in self._listeners:
                listener.put_nowait(None)

    def _take(self, frame: Mapping[str, Any]) -> None:
        if frame.get("type") == "res":
            waiting = self._waiting.get(str(frame.get("id")))
            if waiting is not None:
                waiting.put_nowait(frame)
        elif frame.get("type") == "event":
            payload = frame.get("payload")
            event = Event(str(frame.get("event")), payload if isinstance(payload, dict) else {})
            for listener in self._listeners:
                if listener.qsize() >= _MOST_EVENTS:
                    listener.get_nowait()
                listener.put_nowait(event)

    async def _send(self, frame: Mapping[str, Any]) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send(json.dumps(frame))
        except ConnectionClosed:
            raise _gone() from None  # its text has the reason that the other side gave

    def _payload(self, method: str, frame: Mapping[str, Any] | None) -> Mapping[str, Any]:
        if frame is None:
            raise _gone()
        payload = frame.get("payload")
        if frame.get("ok") is True:
            return payload if isinstance(payload, dict) else {}
        error = frame.get("error")
        told = error if isinstance(error, dict) else {}
        details = told.get("details")
        detail = details.get("code") if isinstance(details, dict) else None
        raise RpcError(
            f"the gateway refused {method}: {self._clean(told.get('message'))}",
            kind=self._clean(told.get("code")),
            detail=self._clean(detail),
        )

    def _clean(self, text: Any) -> str:
        """A text of the gateway's as it may be shown: bounded, in one line, without the secret."""
        if not isinstance(text, str):
            return ""
        secret = self._secret
        hidden = [secret.value] if secret is not None and secret.value.length >= _SHORTEST_SECRET else []
        return neutral(redact(text[:_LONGEST_MESSAGE], hidden))


@asynccontextmanager
async def connect_rpc(
    address: RpcAddress,
    secret: SharedSecret | None,
    scopes: Sequence[Scope] = ("operator.read",),
    *,
    timeout: float = 5.0,
) -> AsyncIterator[GatewayRpc]:
    """A connection to the gateway of this machine, for the length of the block.

    Args:
        address: where it listens.
        secret: its own token or password; None where it asks for none.
        scopes: what this connection is to be allowed.
        timeout: seconds until the gateway has taken the connection.

    Raises:
        RpcError: nothing listens there, it speaks another protocol, or it refuses the connection.
    """
    try:
        async with asyncio.timeout(timeout):
            connection = await _connection(address)
    except TimeoutError as error:
        raise _late(address, timeout) from error
    rpc = GatewayRpc(connection, secret)
    with rpc.events() as events:
        reader = asyncio.create_task(rpc.read())
        try:
            async with asyncio.timeout(timeout):
                async for event in events:
                    if event.name == "connect.challenge":
                        break
            rpc.hello = _hello(await rpc.call("connect", _introduction(secret, scopes), timeout=timeout))
        except TimeoutError as error:
            await _end(connection, reader)
            raise _late(address, timeout) from error
        except BaseException:
            await _end(connection, reader)
            raise
    try:
        yield rpc
    finally:
        await _end(connection, reader)


async def _connection(address: RpcAddress) -> ClientConnection:
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidHandshake, InvalidURI

    # The gateway signs for itself, and nobody else listens there. `create_default_context` would write the
    # keys to where SSLKEYLOGFILE says.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if address.tls else None
    if context is not None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    unheard = logging.Logger("gateway-rpc", logging.CRITICAL)
    unheard.addHandler(logging.NullHandler())
    try:
        # With a socket of our own the library follows no redirect elsewhere.
        link = socket.create_connection((_LOOPBACK, address.port), timeout=2.0)
        link.settimeout(0)
        return await connect(
            f"{'wss' if address.tls else 'ws'}://{_LOOPBACK}:{address.port}/",
            sock=link,
            ssl=context,
            proxy=None,
            open_timeout=None,
            close_timeout=1.0,
            max_size=_MOST_BYTES,
            logger=unheard,
        )
    except (OSError, InvalidHandshake, InvalidURI, ValueError, EOFError) as error:
        message = f"no gateway takes a WebSocket on {_LOOPBACK}:{address.port} ({type(error).__name__})"
        raise RpcError(message, code="gateway.rpc_closed") from None


def _introduction(secret: SharedSecret | None, scopes: Sequence[Scope]) -> Mapping[str, Any]:
    version = openclaw_install.__version__
    client = {"id": "gateway-client", "version": version, "platform": sys.platform, "mode": "backend"}
    return {
        "minProtocol": PROTOCOL,
        "maxProtocol": PROTOCOL,
        "client": client,
        "role": "operator",
        "scopes": list(scopes),
        "caps": [],
        **({} if secret is None else {"auth": {secret.kind: secret.value.reveal()}}),
    }


def _hello(payload: Mapping[str, Any]) -> Hello:
    def part(name: str, key: str) -> Any:
        inner = payload.get(name)
        return inner.get(key) if isinstance(inner, dict) else None

    version, methods, scopes = part("server", "version"), part("features", "methods"), part("auth", "scopes")
    return Hello(
        version if isinstance(version, str) else "",
        frozenset(methods) if isinstance(methods, list) else frozenset(),
        frozenset(scopes) if isinstance(scopes, list) else frozenset(),
    )


async def _end(connection: ClientConnection, reader: asyncio.Task[None]) -> None:
    await connection.close()
    await reader


async def _each(queue: asyncio.Queue[Event | None]) -> AsyncIterator[Event]:
    while (event := await queue.get()) is not None:
        yield event


def _frame(raw: str | bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _late(address: RpcAddress, timeout: float) -> RpcError:
    message = f"the gateway on port {address.port} did not take the connection within {timeout:g} s"
    return RpcError(message, code="gateway.rpc_timeout")


def _gone() -> RpcError:
    return RpcError("the connection to the gateway ended", code="gateway.rpc_closed")

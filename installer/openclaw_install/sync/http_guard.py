"""The HTTP client under the MCP session: bounds what comes in, remembers what the SDK does not pass on.

The SDK turns every HTTP error into one JSON-RPC error without its status, and lets a broken connection tear
the session down. So the client notes status, `Retry-After` and network errors for the call that they belong
to, and hands the SDK a plain 5xx in place of an exception.
"""

from __future__ import annotations

import contextlib
import email.utils
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx2

from openclaw_install import __version__
from openclaw_install.common.clock import wall_time
from openclaw_install.common.http_client import http_client
from openclaw_install.common.redaction import Secret

MAX_ANSWER_BYTES = 8 * 1024 * 1024
_SESSION_HEADER = "mcp-session-id"
_SYNTHETIC = "x-openclaw-install-synthetic"
_LONGEST_WAIT = 24 * 3600.0
_CONNECT_SECONDS = 10.0
_CLOSING_SECONDS = 3.0
_REST_SECONDS = 0.1  # an answer in an event stream is followed by the stream's end, or by nothing


@dataclass(frozen=True)
class Wire:
    """How to reach a service.

    Attributes:
        url: the endpoint.
        key: sent as the bearer token; None sends none.
        read_seconds: longest silence in the middle of an answer.
        max_answer: most bytes of one answer.
    """

    url: str
    key: Secret | None
    read_seconds: float = 60.0
    max_answer: int = MAX_ANSWER_BYTES


@dataclass
class Exchange:
    """What happened on the wire during one call.

    Attributes:
        status: the last HTTP status of the service, None before there was one.
        retry_after: seconds that it asks to wait, None where it does not.
        failure: the network error that ended the exchange.
        refused: why the answer was not taken: too large, compressed, of another session.
        redirected: where it wanted to send us, if that was refused.
    """

    status: int | None = None
    retry_after: float | None = None
    failure: httpx2.HTTPError | None = None
    refused: str = ""
    redirected: bool = False


CURRENT: ContextVar[Exchange | None] = ContextVar("sync_exchange", default=None)


class GuardedClient(httpx2.AsyncClient):
    """An `httpx2.AsyncClient` that never raises for the network's sake, and never reads without bounds.

    Args:
        max_answer: most bytes of one answer's body.
        options: as for `httpx2.AsyncClient`.
    """

    def __init__(self, *, max_answer: int = MAX_ANSWER_BYTES, **options: Any) -> None:
        super().__init__(**options)
        self._max_answer = max_answer

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        exchange = CURRENT.get() or Exchange()
        if request.method == "GET" and "last-event-id" not in request.headers:
            # The SDK would hold a stream open for messages that no skill service sends.
            return _synthetic(request, 405)
        if request.method == "DELETE":
            return await self._farewell(request)
        try:
            response = await super().send(request, **options)
        except httpx2.HTTPError as error:
            exchange.failure = error
            return _synthetic(request, 503)
        return await self._checked(request, response, exchange)

    async def warm_up(self, url: str) -> None:
        """Opens a connection for the requests to come; whether it works shows with the first of them."""
        with contextlib.suppress(httpx2.HTTPError):
            await self._left_unread(self.build_request("OPTIONS", url))

    async def _farewell(self, request: httpx2.Request) -> httpx2.Response:
        """Ends a session. All is settled by then, so a service that answers without end is left."""
        with anyio.move_on_after(_CLOSING_SECONDS), contextlib.suppress(httpx2.HTTPError):
            return await self._left_unread(request)
        return _synthetic(request, 504)

    async def _left_unread(self, request: httpx2.Request) -> httpx2.Response:
        """Sends a request whose answer's body tells nothing; what is read of it frees the connection."""
        response = await super().send(request, stream=True, follow_redirects=False)
        if isinstance(response.stream, httpx2.AsyncByteStream):
            await _Bounded(response.stream, self._max_answer, Exchange()).aclose()
        return httpx2.Response(response.status_code, request=request, headers=_where(response))

    async def _checked(
        self, request: httpx2.Request, response: httpx2.Response, exchange: Exchange
    ) -> httpx2.Response:
        exchange.status = response.status_code
        exchange.retry_after = retry_after(response.headers.get("retry-after"), wall_time())
        exchange.redirected = response.is_redirect
        refused = ""
        sent, received = (message.headers.get(_SESSION_HEADER) for message in (request, response))
        if sent and received and sent != received:
            refused = "it belongs to another session"
        elif response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            refused = "it is compressed, which was not asked for"
        if refused:
            exchange.refused = refused
            await response.aclose()
            return _synthetic(request, 502)
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Bounded(response.stream, self._max_answer, exchange)
        if response.status_code == 202:
            # The SDK does not read it, and a connection with an unread answer is closed: 2 round trips more.
            await response.aread()
        return response


@dataclass
class _Bounded(httpx2.AsyncByteStream):
    """A body that ends at the limit, or where the network breaks, and says so in the exchange."""

    inner: httpx2.AsyncByteStream
    limit: int
    exchange: Exchange = field(repr=False)
    seen: int = 0

    def __post_init__(self) -> None:
        self._pieces = aiter(self.inner)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._pieces:
                self.seen += len(piece)
                if self.seen > self.limit:
                    self.exchange.refused = f"it is larger than {self.limit} bytes"
                    return
                yield piece
        except httpx2.HTTPError as error:
            self.exchange.failure = error

    async def aclose(self) -> None:
        """Reads what little may be left, so that the connection can be used again, and lets go of it."""
        try:
            with anyio.move_on_after(_REST_SECONDS):
                async for piece in self._pieces:
                    self.seen += len(piece)
                    if self.seen > self.limit:
                        break
        except (httpx2.HTTPError, RuntimeError):
            pass  # the answer is complete; a connection that is broken is not used again anyway
        finally:
            await self.inner.aclose()


def guarded_client(wire: Wire) -> GuardedClient:
    """The HTTP client for one service; it holds the key, and follows no redirect by itself.

    Raises:
        NetworkSettingError: the environment names a proxy or certificates that cannot be used.
    """
    headers = {"accept-encoding": "identity", "user-agent": f"openclaw-install/{__version__}"}
    if wire.key is not None:
        headers["authorization"] = f"Bearer {wire.key.reveal()}"
    return http_client(
        GuardedClient,
        wire.url,
        max_answer=wire.max_answer,
        headers=headers,
        timeout=httpx2.Timeout(wire.read_seconds, connect=_CONNECT_SECONDS),
        follow_redirects=False,
    )


def _synthetic(request: httpx2.Request, status: int) -> httpx2.Response:
    return httpx2.Response(status, request=request, headers={_SYNTHETIC: "1"})


def _where(response: httpx2.Response) -> dict[str, str]:
    return {"location": response.headers["location"]} if response.has_redirect_location else {}


def retry_after(value: str | None, now: float) -> float | None:
    """The seconds that a `Retry-After` header means, as a number or an HTTP date; None for anything else.

    Args:
        value: the header.
        now: seconds since the epoch.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, moment - now), _LONGEST_WAIT)

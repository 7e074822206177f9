"""The MCP endpoint: authentication, rate limits, body limits and sessions; then the SDK takes over."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from openclaw_install.common.errors import InstallError
from openclaw_install.hub.http_errors import LOG_FACTS, HttpRefusedError, retry_later
from openclaw_install.hub.keys import bearer, digest_of
from openclaw_install.hub.mcp.limits import ConcurrencyLimiter, Limits, SessionLimiter
from openclaw_install.hub.mcp.service import HubService
from openclaw_install.hub.model import Key
from openclaw_install.hub.rate_limiter import RateLimiter
from openclaw_install.hub.request_body import check_is_json, expected_bytes, read_body, replayed
from openclaw_install.hub.storage.metadata import Metadata

KEY_IN_SCOPE = "hub.key"
_SESSION_HEADER = "mcp-session-id"
_LARGE_BODY = 64 * 1024
_OPENING = "only a request with a session's id may have more than 64 KiB"
_NOTHING = b'{"jsonrpc":"2.0","method":"notifications/hub/answered"}'


class Endpoint:
    """The ASGI application at `/api/v2/mcp`.

    Args:
        manager: the SDK's; it must be running, and hold sessions to `scope["user"]`.
        monotonic: seconds for limits.
    """

    def __init__(
        self,
        service: HubService,
        metadata: Metadata,
        manager: StreamableHTTPSessionManager,
        limits: Limits,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._metadata = metadata
        self._manager = manager
        self._limits = limits
        self._now = monotonic
        self._rate = RateLimiter(limits.requests_per_second, limits.burst)
        self._sessions = SessionLimiter(limits.sessions_per_key, limits.session_idle_seconds)
        self._in_progress = ConcurrencyLimiter(limits)
        self._closing = asyncio.Event()

    def close_streams(self) -> None:
        """Ends the streams that clients hold open, so that a shutdown need not wait for them."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        key = self._admit(request)
        if request.method == "GET":
            await self._in_session(key, request, receive, send, self._stream)
        elif request.method == "POST":
            await self._post(key, request, send)
        else:
            with self._in_progress.acquire(key.id, 0):
                await self._in_session(key, request, receive, send, self._manager.handle_request)

    async def _post(self, key: Key, request: Request, send: Send) -> None:
        limits, headers = self._limits, request.headers
        size = expected_bytes(headers.get("content-length"), limits.body_bytes)
        with self._in_progress.acquire(key.id, size):
            body = await read_body(request, limit=limits.body_bytes, seconds=limits.body_seconds)
            large = len(body) > _LARGE_BODY
            if large and _SESSION_HEADER not in headers and _by_handshake(headers):
                # What a client says of itself is kept as long as its session.
                raise HttpRefusedError(413, "body_too_large", _OPENING)
            receive = replayed(body, request.receive)
            await self._in_session(key, request, receive, send, self._manager.handle_request)
            if large and _SESSION_HEADER in headers:
                await self._let_go(request.scope, receive)

    def _admit(self, request: Request) -> Key:
        scope, headers = request.scope, request.headers
        key = self._authenticate(headers.get("authorization"))
        scope[LOG_FACTS]["key"] = key.id
        # The SDK compares this user with the one that opened the session. The key's text goes no further.
        token = AccessToken(token=key.id, client_id=key.id, scopes=[], subject=key.owner)
        scope["user"] = AuthenticatedUser(token)
        scope[KEY_IN_SCOPE] = key
        wait = self._rate.take(key.id, self._now())
        if wait is not None:
            raise retry_later(429, "rate_limited", "too many requests with this key", wait)
        self._service.note_use(key)
        if request.method == "POST":
            check_is_json(request)
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise HttpRefusedError(415, "encoded_body", "send the request without a Content-Encoding")
        return key

    def _authenticate(self, header: str | None) -> Key:
        secret = bearer(header)
        challenge = 'Bearer realm="hub"' + (', error="invalid_token"' if header else "")
        refusal = HttpRefusedError(
            401, "unauthorized", "a valid API key is needed", {"WWW-Authenticate": challenge}
        )
        if secret is None:
            raise refusal
        key = self._metadata.key_by_digest(digest_of(secret))
        if key is None or key.revoked_at is not None:
            raise refusal
        return key

    async def _in_session(
        self,
        key: Key,
        request: Request,
        receive: Receive,
        send: Send,
        serve: Callable[[Scope, Receive, Send], Awaitable[None]],
    ) -> None:
        """Serves one request and counts sessions by what was answered."""
        session_id = request.headers.get(_SESSION_HEADER)
        opens = session_id is None and request.method == "POST" and _by_handshake(request.headers)
        if opens:
            wait = self._sessions.admit(key.id, self._now())
            if wait is not None:
                raise retry_later(429, "too_many_sessions", "this key has too many open sessions", wait)
        elif session_id is not None:
            self._sessions.begin(session_id)
        seen = _Seen()
        try:
            await serve(request.scope, receive, seen.watching(send))
        finally:
            if opens:
                self._sessions.settle(key.id, seen.opened, self._now())
            elif session_id is not None:
                self._sessions.end(session_id, self._now())
                if request.method == "DELETE" and seen.status == 200:
                    self._sessions.close(session_id)

    async def _let_go(self, scope: Scope, receive: Receive) -> None:
        """Makes a session forget a large request that was answered.

        The SDK's session holds on to the last message that it read, raw and parsed, until the next one comes.
        A client that leaves its session open would keep some nine megabytes of ours until it idles out.
        """
        framing = (b"content-length", b"transfer-encoding")
        headers = [pair for pair in scope["headers"] if pair[0] not in framing]
        nothing = replayed(_NOTHING, receive)
        await self._manager.handle_request({**scope, "headers": headers}, nothing, _unheard)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Holds a GET stream open until the client, its key or the hub goes away."""
        seen = _Seen()
        serving = asyncio.ensure_future(self._manager.handle_request(scope, receive, seen.watching(send)))
        closing = asyncio.ensure_future(self._until_over(Headers(scope=scope).get("authorization")))
        try:
            await asyncio.wait({serving, closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            closing.cancel()
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving
        if seen.status and not seen.complete:
            # Cut off by our own shutdown, or by the SDK that noticed it first: end it as a stream should.
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _until_over(self, authorization: str | None) -> None:
        """Returns when the hub closes, or soon after the key was revoked (or can be looked up no more)."""
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._limits.key_check_seconds)
            try:
                self._authenticate(authorization)
            except (InstallError, HttpRefusedError):
                return


@dataclass
class _Seen:
    """What the SDK answered, as far as the count of sessions must know it."""

    status: int = 0
    session_id: str | None = None
    complete: bool = False

    @property
    def opened(self) -> str | None:
        return self.session_id if 200 <= self.status < 300 else None

    def watching(self, send: Send) -> Send:
        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.session_id = Headers(raw=message["headers"]).get(_SESSION_HEADER)
            else:
                self.complete = not message.get("more_body", False)
            await send(message)

        return watch


async def _unheard(_message: Message) -> None:
    """Takes an answer that nobody waits for."""


def _by_handshake(headers: Headers) -> bool:
    """Whether the request belongs to a protocol that has sessions; from 2026-07-28 on there are none."""
    version = headers.get("mcp-protocol-version")
    return version is None or version in HANDSHAKE_PROTOCOL_VERSIONS

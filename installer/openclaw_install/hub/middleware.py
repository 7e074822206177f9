"""ASGI middleware that every request passes first: its client's address, its headers' size, its host."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from openclaw_install.hub.host_check import HostRule
from openclaw_install.hub.http_errors import CLOSE, HttpRefusedError, RefusalResponse
from openclaw_install.hub.network import PARTY_IN_SCOPE, UNKNOWN, Proxies

MOST_HEADER_BYTES = 32 * 1024
_TOO_LARGE = HttpRefusedError(
    431, "headers_too_large", f"the headers have more than {MOST_HEADER_BYTES} bytes", CLOSE, "send fewer"
)
_TWO_LENGTHS = HttpRefusedError(
    400,
    "ambiguous_length",
    "the request has both a Content-Length and a Transfer-Encoding",
    CLOSE,
    "send one of them: a proxy may believe the other",
)
_UNKNOWN_HOST = HttpRefusedError(421, "unknown_host", "the hub does not answer to this host name")
_FOREIGN_ORIGIN = HttpRefusedError(403, "foreign_origin", "the hub does not answer pages of this origin")


class HeaderCheck:
    """Puts the client's address into the scope, and refuses headers that are too many or ambiguous.

    h11 reads `Transfer-Encoding` where a request has a `Content-Length` as well. A proxy in front that reads
    the other would see one request where we see two.
    """

    def __init__(self, app: ASGIApp, proxies: Proxies) -> None:
        self._app, self._proxies = app, proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers: list[tuple[bytes, bytes]] = scope["headers"]
            peer = (scope.get("client") or (UNKNOWN,))[0]
            forwarded = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
            scope[PARTY_IN_SCOPE] = self._proxies.party(peer, forwarded)
            refusal = _header_refusal(headers)
            if refusal is not None:
                await RefusalResponse(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class HostCheck:
    """Refuses a Host that is not ours (421) and a foreign Origin (403).

    It stands in place of the SDK's own check, which knows no addresses and covers MCP only.
    """

    def __init__(self, app: ASGIApp, rule: HostRule) -> None:
        self._app, self._rule = app, rule

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            refusal = None
            if not self._rule.accepts_host(headers.get("host")):
                refusal = _UNKNOWN_HOST
            elif not self._rule.accepts_origin(headers.get("origin")):
                refusal = _FOREIGN_ORIGIN
            if refusal is not None:
                await RefusalResponse(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _header_refusal(headers: list[tuple[bytes, bytes]]) -> HttpRefusedError | None:
    if sum(len(name) + len(value) for name, value in headers) > MOST_HEADER_BYTES:
        return _TOO_LARGE
    names = {name for name, _ in headers}
    return _TWO_LENGTHS if {b"content-length", b"transfer-encoding"} <= names else None

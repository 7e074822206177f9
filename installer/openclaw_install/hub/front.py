"""What every request passes first: for whom it counts, and whether its headers have one meaning only."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from openclaw_install.hub.http_errors import HttpRefusedError, answer
from openclaw_install.hub.network import PARTY_IN_SCOPE, UNKNOWN, Proxies

MOST_HEADER_BYTES = 32 * 1024
_CLOSE = {"Connection": "close"}
_TOO_LARGE = HttpRefusedError(
    431, "headers_too_large", f"the headers have more than {MOST_HEADER_BYTES} bytes", _CLOSE, "send fewer"
)
_TWO_LENGTHS = HttpRefusedError(
    400,
    "ambiguous_length",
    "the request has both a Content-Length and a Transfer-Encoding",
    _CLOSE,
    "send one of them: a proxy may believe the other",
)


class Front:
    """ASGI middleware: puts the party into the scope, and refuses headers that are too many or ambiguous.

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
            refusal = _refusal(headers)
            if refusal is not None:
                await answer(refusal, receive, send, body_unread=False)
                return
        await self._app(scope, receive, send)


def _refusal(headers: list[tuple[bytes, bytes]]) -> HttpRefusedError | None:
    if sum(len(name) + len(value) for name, value in headers) > MOST_HEADER_BYTES:
        return _TOO_LARGE
    names = {name for name, _ in headers}
    return _TWO_LENGTHS if {b"content-length", b"transfer-encoding"} <= names else None

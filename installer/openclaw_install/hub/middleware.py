"""ASGI middleware that every request passes first: its client's address, its headers' size, its host."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from openclaw_install.common.web_address import is_loopback
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


@dataclass(frozen=True)
class HostRule:
    """Which `Host` and `Origin` headers are answered: the defence against DNS rebinding.

    A page in a browser can reach a service on this machine by a name that it controls and lets point here.
    It cannot choose the `Host` header, which says that name. So names must be known; an address is always the
    truth.

    Attributes:
        names: lower-case names that are ours.
        any_address: whether an IP address is accepted that is not a loopback one.
    """

    names: frozenset[str]
    any_address: bool

    def accepts_host(self, header: str | None) -> bool:
        """Whether `Host: header` is ours, with whatever port."""
        return header is not None and self._known(_host_of(f"//{header}"))

    def accepts_origin(self, header: str | None) -> bool:
        """Whether a request with this `Origin` is answered; programs other than browsers send none."""
        if header is None:
            return True
        return header.startswith(("http://", "https://")) and self._known(_host_of(header))

    def _known(self, host: str | None) -> bool:
        if host is None:
            return False
        if host in self.names:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return address.is_loopback or self.any_address


class RequestCheck:
    """Puts the client's address into the scope, and refuses what is not to go further.

    That is headers that are too many or ambiguous (h11 reads `Transfer-Encoding` where a request has a
    `Content-Length` as well, and a proxy in front that reads the other would see one request where we see
    two), a Host that is not ours, and a foreign Origin; the SDK's own check knows no addresses and covers MCP
    only.
    """

    def __init__(self, app: ASGIApp, proxies: Proxies, rule: HostRule) -> None:
        self._app, self._proxies, self._rule = app, proxies, rule

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            peer = (scope.get("client") or (UNKNOWN,))[0]
            scope[PARTY_IN_SCOPE] = self._proxies.party(peer, headers.getlist("x-forwarded-for"))
            refusal = _header_refusal(scope["headers"])
            if refusal is None and not self._rule.accepts_host(headers.get("host")):
                refusal = _UNKNOWN_HOST
            if refusal is None and not self._rule.accepts_origin(headers.get("origin")):
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


def rule_for(bind: str, own_names: Iterable[str]) -> HostRule:
    """The rule of a hub that listens on `bind`.

    Args:
        bind: address or name to listen on.
        own_names: further names by which clients know this machine.
    """
    loopback = is_loopback(bind)
    names = {"localhost", bind.lower(), *(name.lower() for name in own_names)}
    return HostRule(frozenset(names), any_address=not loopback)


def _host_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
        odd = parts.path or parts.query or parts.fragment or parts.username is not None
    except ValueError:
        return None
    return None if odd else parts.hostname

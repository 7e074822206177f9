"""What the relay reads from a request beside its body: address, signed path, numbers of the query. Pure."""

from __future__ import annotations

import re

from starlette.requests import Request

from openclaw_install.hub.network import PARTY_IN_SCOPE, UNKNOWN
from openclaw_install.hub.relay.errors import refused

_LARGEST_NUMBER = 2**53 - 1
_NUMBER = re.compile(r"[0-9]{1,16}")


def party_of_request(request: Request) -> str:
    """The network address that a request counts for."""
    return str(request.scope.get(PARTY_IN_SCOPE, UNKNOWN))


def signed_path(request: Request) -> str:
    """Path and query as they were sent, which is what a token is signed for."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return (path + (b"?" + query if query else b"")).decode("ascii", "replace")


def query_number(request: Request, name: str, default: int) -> int:
    """A number of the query string.

    Raises:
        HttpRefusedError: 422.
    """
    return number(request.query_params[name]) if name in request.query_params else default


def number(text: str) -> int:
    """A sequence number of an inbox, or how many entries.

    Raises:
        HttpRefusedError: 422: it is no whole number that JSON can carry.
    """
    if not _NUMBER.fullmatch(text) or int(text) > _LARGEST_NUMBER:
        raise refused("malformed")
    return int(text)

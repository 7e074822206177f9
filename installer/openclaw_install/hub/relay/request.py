"""One request on its way through the relay's door, and the answer to it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from openclaw_install.hub.network import PARTY_IN_SCOPE, UNKNOWN
from openclaw_install.hub.relay.errors import refused

_LARGEST_PLACE = 2**53 - 1
_NUMBER = re.compile(r"[0-9]{1,16}")


@dataclass
class Exchange:
    """One request.

    Attributes:
        name: what stands in the path in the place of a name.
        did: who asks, once that is proven.
        body: once it was read.
        body_unread: the client may still be sending.
    """

    scope: Scope
    receive: Receive
    send: Send
    name: str = ""
    did: str = ""
    body: bytes = b""
    body_unread: bool = False
    headers: Headers = field(init=False)

    def __post_init__(self) -> None:
        self.headers = Headers(scope=self.scope)
        self.body_unread = self.scope["method"] in ("POST", "PUT") and "expect" not in self.headers

    @property
    def party(self) -> str:
        """The network address that the request counts for."""
        return str(self.scope.get(PARTY_IN_SCOPE, UNKNOWN))

    @property
    def target(self) -> str:
        """Path and query as they were sent, which is what a token is signed for."""
        path: bytes = self.scope.get("raw_path") or self.scope["path"].encode()
        query: bytes = self.scope["query_string"]
        return (path + (b"?" + query if query else b"")).decode("ascii", "replace")

    async def reply(self, body: bytes) -> None:
        """Answers with 200 and a JSON document."""
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await self.send({"type": "http.response.start", "status": 200, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    def numbers(self, **defaults: int) -> list[int]:
        """Whole numbers of the query string, with what counts where one is left out."""
        query = parse_qs(self.scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
        return [number(query[name][-1]) if name in query else default for name, default in defaults.items()]


def number(text: str) -> int:
    """A place in an inbox, or how many.

    Raises:
        HttpRefusedError: 422: it is no whole number that JSON can carry.
    """
    if not _NUMBER.fullmatch(text) or int(text) > _LARGEST_PLACE:
        raise refused("malformed")
    return int(text)

"""Answers that the hub gives before MCP is reached: one shape, and no word more than the client needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.types import Receive, Send

from openclaw_install.hub.request_body import drain


@dataclass
class HttpRefusedError(Exception):
    """An HTTP answer in place of the one that was asked for.

    Attributes:
        status: HTTP status.
        code, message: the body's `error`.
        headers: further headers, for example Retry-After.
        next_step: what the caller can do about it; left out of the body when it is empty.
    """

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    next_step: str = ""

    def to_json(self) -> dict[str, str]:
        """The body's `error`."""
        step = {"next_step": self.next_step} if self.next_step else {}
        return {"code": self.code, "message": self.message, **step}


def retry_later(status: int, code: str, message: str, seconds: int) -> HttpRefusedError:
    """A refusal that says when to come again."""
    return HttpRefusedError(status, code, message, {"Retry-After": str(seconds)})


async def answer(refusal: HttpRefusedError, receive: Receive, send: Send, *, body_unread: bool) -> None:
    """Sends the refusal.

    Args:
        body_unread: whether the client may still be sending; its bytes are then taken, within bounds, so that
            the answer reaches it.
    """
    body = json.dumps({"error": refusal.to_json()}).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **refusal.headers}
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": raw})
    if body_unread:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await drain(receive)
        body = b""
    await send({"type": "http.response.body", "body": body, "more_body": False})

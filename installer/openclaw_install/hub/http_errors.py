"""HTTP refusals: the exception that any part of the hub raises, and the handlers that answer it as JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from openclaw_install.common.errors import InstallError
from openclaw_install.hub.model import RefusedError

LOG_FACTS = "hub.log"
"""Where a scope has what the access log writes of its request."""
BODY_WAS_READ = "hub.body_was_read"
"""Where a scope says that its client has sent the whole body."""
CLOSE = {"Connection": "close"}
_DRAIN_BYTES = 64 * 1024 * 1024
_DRAIN_SECONDS = 2.0
_log = logging.getLogger(__name__)


class HttpRefusedError(RefusedError):
    """An HTTP answer in place of the one that was asked for.

    Args:
        status: HTTP status.
        code, message, next_step: the body's `error`.
        headers: further headers, for example Retry-After.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        next_step: str = "",
    ) -> None:
        super().__init__(code, message, next_step)
        self.status = status
        self.headers = dict(headers or {})


class ClientGoneError(Exception):
    """The client closed the connection before the body was complete."""


class RefusalResponse(Response):
    """A refusal as JSON, `{"error": {...}}`.

    Args:
        drains: the client may still be sending; its bytes are then taken, within bounds, so that the answer
            reaches it.
    """

    media_type = "application/json"

    def __init__(self, refusal: HttpRefusedError, *, drains: bool = False) -> None:
        super().__init__(json.dumps({"error": refusal.to_json()}), refusal.status, refusal.headers)
        self._drains = drains

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._drains:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await _drain(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _NoResponse(Response):
    """Nothing: nobody is there to be answered."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pass


def retry_later(status: int, code: str, message: str, seconds: int) -> HttpRefusedError:
    """A refusal that says when to come again."""
    return HttpRefusedError(status, code, message, {"Retry-After": str(seconds)})


async def answer_refusal(request: Request, error: Exception) -> Response:
    """Answers a refusal, and notes its code in the access log."""
    if not isinstance(error, HttpRefusedError):
        raise error
    request.scope[LOG_FACTS]["refused"] = error.code
    unread = request.method in ("POST", "PUT") and BODY_WAS_READ not in request.scope
    # A client that waits for permission to send its body sends none, and one that was too slow gets no
    # more time.
    closes = error.headers.get("Connection") == "close"
    return RefusalResponse(error, drains=unread and not closes and "expect" not in request.headers)


async def _answer_unrouted(request: Request, error: Exception) -> Response:
    """Answers what the router found no endpoint for."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        refusal = HttpRefusedError(
            405, "method_not_allowed", "the path does not take this method", next_step="see docs/hub.md"
        )
    else:
        refusal = HttpRefusedError(
            404,
            "not_found",
            "there is nothing at this path",
            next_step="see docs/hub.md for what the hub serves",
        )
    return await answer_refusal(request, refusal)


async def _answer_failure(request: Request, error: Exception) -> Response:
    """Answers that the storage failed; the error's own words are for the operator."""
    if isinstance(error, InstallError):
        _log.error("a request failed: %s", error.message)
    refusal = HttpRefusedError(
        500,
        "storage_failed",
        "the hub cannot read its records; its log has the cause",
        next_step="try later; tell its operator",
    )
    return await answer_refusal(request, refusal)


async def _answer_nobody(request: Request, _error: Exception) -> Response:
    request.scope[LOG_FACTS]["refused"] = "client_gone"
    return _NoResponse()


EXCEPTION_HANDLERS: Mapping[Any, Any] = {
    HttpRefusedError: answer_refusal,
    ClientGoneError: _answer_nobody,
    InstallError: _answer_failure,
    HTTPException: _answer_unrouted,
}
"""For Starlette: how each exception that a request may end with is answered."""


async def _drain(receive: Receive) -> None:
    """Takes what a client still sends after a refusal, within bounds.

    Closing a connection with unread bytes resets it, and the reset can overtake the answer: the client would
    see a broken pipe where it should see 413.
    """
    taken = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while taken < _DRAIN_BYTES:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                taken += len(message.get("body", b""))

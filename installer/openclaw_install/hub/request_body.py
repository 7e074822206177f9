"""Reads a request's body under a limit of size and of time, before anything else sees it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from starlette.requests import Request
from starlette.types import Message, Receive

from openclaw_install.hub.http_errors import (
    BODY_WAS_READ,
    CLOSE,
    LOG_FACTS,
    ClientGoneError,
    HttpRefusedError,
)


def check_is_json(request: Request) -> None:
    """Checks the Content-Type header.

    Raises:
        HttpRefusedError: 415.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HttpRefusedError(
            415, "not_json", "the body is not application/json", next_step="send it as application/json"
        )


def expected_bytes(announced: str | None, limit: int) -> int:
    """What a body may take in memory.

    Args:
        announced: the Content-Length header; without one the body may be as large as is allowed.
        limit: the most that is read; a larger announcement is refused unread.
    """
    if announced is None or not (announced.isascii() and announced.isdigit()):
        return limit
    size = int(announced)
    return size if size <= limit else 0


async def read_body(
    request: Request,
    *,
    limit: int,
    seconds: float,
    watched: Callable[[asyncio.Timeout], contextlib.AbstractContextManager[None]] | None = None,
) -> bytes:
    """The complete body.

    Args:
        limit: the most bytes; a larger announcement is refused before anything is read.
        seconds: how long it may take from here.
        watched: is given the time limit while the body is read, and may bring it forward.

    Raises:
        HttpRefusedError: 413 or 408.
        ClientGoneError: the client closed the connection before the body was complete.
    """
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(seconds) as until:
            with watched(until) if watched else contextlib.nullcontext():
                body = await _read(request.receive, limit)
    except TimeoutError:
        raise HttpRefusedError(
            408, "body_too_slow", "the body did not arrive in time", CLOSE, "try again"
        ) from None
    request.scope[BODY_WAS_READ] = True
    request.scope[LOG_FACTS]["bytes_in"] = len(body)
    return body


async def _read(receive: Receive, limit: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return bytes(body)


def _too_large(limit: int) -> HttpRefusedError:
    return HttpRefusedError(
        413, "body_too_large", f"the body is larger than {limit} bytes", next_step="send less"
    )


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, and then whatever the connection brings."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return pending.pop() if pending else await receive()

    return again

"""Reads a request's body under a limit of size and of time, before anything else sees it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from starlette.types import Message, Receive

_DRAIN_BYTES = 64 * 1024 * 1024
_DRAIN_SECONDS = 2.0


class BodyTooLargeError(Exception):
    """More bytes were announced or came than are allowed."""


class BodyTooSlowError(Exception):
    """The body did not arrive in time."""


class ClientGoneError(Exception):
    """The client closed the connection before the body was complete."""


async def read_body(
    receive: Receive,
    *,
    announced: str | None,
    limit: int,
    seconds: float,
    watched: Callable[[asyncio.Timeout], contextlib.AbstractContextManager[None]] | None = None,
) -> bytes:
    """The whole body.

    Args:
        announced: the Content-Length header.
        limit: the most bytes; a larger announcement is refused before anything is read.
        seconds: how long it may take from here.
        watched: is given the time limit while the body is read, and may bring it forward.

    Raises:
        BodyTooLargeError, BodyTooSlowError, ClientGoneError.
    """
    if announced is not None and announced.isascii() and announced.isdigit() and int(announced) > limit:
        raise BodyTooLargeError
    try:
        async with asyncio.timeout(seconds) as until:
            with watched(until) if watched else contextlib.nullcontext():
                return await _read(receive, limit)
    except TimeoutError:
        raise BodyTooSlowError from None


async def _read(receive: Receive, limit: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLargeError
        if not message.get("more_body", False):
            return bytes(body)


async def drain(receive: Receive) -> None:
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


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, and then whatever the connection brings."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return pending.pop() if pending else await receive()

    return again

"""uvicorn's HTTP protocol class with header timeouts, strict line ends, counts and a hard close."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from openclaw_install.hub.connection_book import Peer
from openclaw_install.hub.listener import GatedListener

ABORT = "hub.abort"
"""Where a scope has a function that cuts the connection at once, unsent bytes and all."""
_END_OF_HEADERS = b"\r\n\r\n"
_BARE = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class TimedConnection(H11Protocol):
    """Closes a connection on which no request is complete up to its body in time.

    uvicorn limits only the pause between two requests; a client that sends a byte now and then, or nothing
    at all, would hold its place for ever.
    """

    header_seconds: ClassVar[float] = 20.0
    listener: ClassVar[GatedListener]
    _deadline: asyncio.TimerHandle | None = None
    _peer: Peer | None = None
    _head = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._peer = self.client
        if self._peer is not None:
            self.listener.begun(self._peer)
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._await_headers()
        if self._deadline is not None and self._has_bare_line_feed(data):
            # h11 takes it for an end of line, and not every proxy does: the two would see two requests.
            self.transport.write(_BARE)
            self.transport.close()
            return
        super().data_received(data)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._stop_waiting()
            if self._peer is not None:
                self.listener.book.busy(self._peer)
            # The request's task has not begun: it sees this.
            cast("dict[str, Any]", self.scope)[ABORT] = self.transport.abort

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and self._peer is not None:
            self.listener.book.idle(self._peer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _has_bare_line_feed(self, data: bytes) -> bool:
        head, found, _ = (self._head + data).partition(_END_OF_HEADERS)
        # Kept is what an end of the headers, or of a line, may begin with; a line feed in front was judged.
        self._head = b"" if found else (self._head + data)[-3:].removeprefix(b"\n")
        return head.count(b"\n") != head.count(b"\r\n")

    def _await_headers(self) -> None:
        self._head = b""
        self._deadline = self.loop.call_later(self.header_seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def timed_connection(header_seconds: float, listener: GatedListener) -> type[TimedConnection]:
    """The connection class with a limit of so many seconds, on a listener that keeps a book."""
    return type(
        "TimedConnection", (TimedConnection,), {"header_seconds": header_seconds, "listener": listener}
    )

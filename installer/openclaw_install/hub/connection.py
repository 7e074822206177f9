"""uvicorn's HTTP connection with two things that it lacks: a time limit for headers, and a way to cut it."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

ABORT = "hub.abort"
"""Where a scope has a function that cuts the connection at once, unsent bytes and all."""


class TimedConnection(H11Protocol):
    """Closes a connection on which no request is complete up to its body in time.

    uvicorn limits only the pause between two requests; a client that sends a byte now and then, or nothing
    at all, would hold its place for ever.
    """

    header_seconds: ClassVar[float] = 20.0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._await_headers()
        super().data_received(data)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._stop_waiting()
            # The request's task has not begun: it sees this.
            cast("dict[str, Any]", self.scope)[ABORT] = self.transport.abort

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_headers(self) -> None:
        self._deadline = self.loop.call_later(self.header_seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def timed_connection(header_seconds: float) -> type[TimedConnection]:
    """The connection class with a limit of so many seconds."""
    return type("TimedConnection", (TimedConnection,), {"header_seconds": header_seconds})

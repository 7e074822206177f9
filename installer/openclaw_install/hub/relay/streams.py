"""Server-sent events of inboxes: each stream has one cursor into the store, for old entries and new ones."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from openclaw_install.common.errors import InstallError
from openclaw_install.hub.connection import ABORT
from openclaw_install.hub.network import PARTY_IN_SCOPE, UNKNOWN
from openclaw_install.hub.relay.errors import refused
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.protocol.canonical import canonical_json

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_log = logging.getLogger(__name__)
_BEAT = b": beat\n\n"
_MOST_TOLD = 64
Read = Callable[[int], Awaitable[tuple[bytes, int]]]


@dataclass
class Stream:
    """One client that listens.

    Attributes:
        party: the network address that it counts for.
        changed: set when there may be something to send.
        instance: the run of the agent's bridge that listens, in its own words; empty where it named none.
        notices: events that are to be sent before anything else.
        over: it is to end.
    """

    did: str
    party: str
    changed: asyncio.Event
    instance: str = ""
    notices: list[bytes] = field(default_factory=list)
    over: bool = False

    def tell(self, notice: bytes) -> None:
        self.notices.append(notice)
        self.changed.set()

    def end(self) -> None:
        self.over = True
        self.changed.set()


class Streams:
    """All open streams. They hold no messages: a stream that is woken reads from the store what it lacks.

    A client that takes nothing therefore costs one chunk of memory, and is dropped after a while.
    """

    def __init__(self, limits: RelayLimits) -> None:
        self._limits = limits
        self._open: dict[str, list[Stream]] = {}
        self._parties: Counter[str] = Counter()
        # By agent: which instance was told of which other one.
        self._told: dict[str, set[tuple[str, str]]] = {}
        self._closing = False

    def wake(self, did: str) -> None:
        """An inbox has something new."""
        for stream in self._open.get(did, ()):
            stream.changed.set()

    def close_all_of(self, did: str) -> None:
        """Ends the streams of one agent."""
        for stream in self._open.get(did, ()):
            stream.end()

    def close_all(self) -> None:
        """Ends every stream, and every one that is still to come: the relay stops."""
        self._closing = True
        for did in self._open:
            self.close_all_of(did)

    def listening(self) -> list[str]:
        """The agents that have an open stream."""
        return list(self._open)

    @contextlib.contextmanager
    def _opened(self, did: str, party: str, instance: str = "") -> Iterator[Stream]:
        full = self._parties.total() >= self._limits.streams_in_all
        if full or self._parties[party] >= self._limits.streams_per_address:
            raise refused("busy", retry_after=5)
        mine = [stream for stream in self._open.get(did, ()) if not stream.over]
        for stream in mine[: max(0, len(mine) + 1 - self._limits.streams_per_agent)]:
            # The newest wins: an older one is most likely what a lost connection left behind.
            stream.end()
        stream = Stream(did, party, asyncio.Event(), instance, over=self._closing)
        self._tell_of(stream, mine)
        self._open.setdefault(did, []).append(stream)
        self._parties[party] += 1
        try:
            yield stream
        finally:
            self._parties[party] -= 1
            if not self._parties[party]:
                del self._parties[party]
            self._open[did].remove(stream)
            if not self._open[did]:
                del self._open[did]
                self._told.pop(did, None)

    def _tell_of(self, stream: Stream, mine: list[Stream]) -> None:
        """Tells the listeners of an agent of one more instance of it; who is alive there can then say so.

        An older stream proves nothing: a lost connection leaves one behind. What was told of another instance
        and comes again, while that one listens, is alive: so two places use one identity.
        """
        if not stream.instance:
            return
        others = [one for one in mine if one.instance not in ("", stream.instance)]
        stream.tell(event("alone", canonical_json({"others": len(others)})))
        told = self._told.setdefault(stream.did, set())
        for one in others:
            one.tell(event("other", canonical_json({"instance": stream.instance})))
            if (stream.instance, one.instance) in told:
                stream.tell(event("other", canonical_json({"instance": one.instance})))
                _log.warning("two places use the identity of %s", stream.did)
            if len(told) < _MOST_TOLD:
                told.add((one.instance, stream.instance))

    async def serve(self, response: StreamResponse, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request with a stream, until its client, the relay or a newer stream ends it.

        Raises:
            HttpRefusedError: there are too many streams; nothing was answered yet.
        """
        did = response.did
        with self._opened(did, scope.get(PARTY_IN_SCOPE, UNKNOWN), response.instance) as stream:
            watching = asyncio.ensure_future(_end_when_gone(stream, receive))
            try:
                await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
                await self._follow(stream, send, response)
                await self._send(send, b"", more=False)
            except TimeoutError:
                # Its socket is full and nobody reads: to end it politely would wait as well.
                scope.get(ABORT, _nothing)()
                await asyncio.sleep(0)
            except InstallError as error:
                # The answer has begun, so it can say no more; the client comes again.
                _log.error("a stream of %s ended: %s", did, error.message)
                scope.get(ABORT, _nothing)()
            finally:
                watching.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watching

    async def _follow(self, stream: Stream, send: Send, response: StreamResponse) -> None:
        await self._send(send, response.hello)
        after = response.after
        # Behind the end there is nothing to follow: the client has seen what this relay has lost.
        while not stream.over and response.after <= response.head:
            stream.changed.clear()
            if stream.notices:
                notices, stream.notices = stream.notices, []
                await self._send(send, b"".join(notices))
            chunk, after = await response.read(after)
            if chunk:
                await self._send(send, chunk)
                continue
            try:
                async with asyncio.timeout(self._limits.heartbeat_seconds):
                    await stream.changed.wait()
            except TimeoutError:
                await self._send(send, _BEAT)

    async def _send(self, send: Send, chunk: bytes, *, more: bool = True) -> None:
        async with asyncio.timeout(self._limits.stall_seconds):
            await send({"type": "http.response.body", "body": chunk, "more_body": more})


class StreamResponse(Response):
    """The answer that is a stream.

    Args:
        did: whose inbox.
        hello: its first event.
        after: the last sequence number that the client has.
        head: the last one that there is.
        read: gives the events behind a sequence number as bytes, at most a chunk, and the number of the last.
        instance: as `Stream` has it.
    """

    def __init__(
        self,
        streams: Streams,
        did: str,
        read: Read,
        *,
        hello: bytes,
        after: int,
        head: int,
        instance: str = "",
    ) -> None:
        self.instance = instance
        self.did, self.read, self.hello, self.after, self.head = did, read, hello, after, head
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._streams.serve(self, scope, receive, send)


def event(name: str, data: bytes, seq: int | None = None) -> bytes:
    """One server-sent event; `data` is one line."""
    number = b"" if seq is None else b"id: %d\n" % seq
    return b"event: %b\n%bdata: %b\n\n" % (name.encode(), number, data)


async def _end_when_gone(stream: Stream, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()


def _nothing() -> None:
    """Stands in where a server gives no way to cut a connection."""

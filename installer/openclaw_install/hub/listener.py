"""The hub's listening socket: it takes in no more connections than there is room and descriptors for."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import socket
from collections.abc import Callable
from typing import Any

from openclaw_install.hub.connection_book import ConnectionBook, Peer
from openclaw_install.hub.log import Quiet
from openclaw_install.hub.network import Proxies, party_of

_log = logging.getLogger(__name__)
_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
_WANTED_DESCRIPTORS = 8192
_KEPT_DESCRIPTORS = 160
"""For databases, skill files, and connections that were accepted and are about to be closed."""
QUEUE = 1024
"""Connections that may wait in the kernel until they are accepted."""


class GatedListener(socket.socket):
    """A listener whose `accept` keeps the book of connections.

    It stands before TLS and HTTP: a connection on which no handshake comes counts from its first moment, and
    one for which there is no room costs a system call and no more.

    Args:
        family: of the address that it will be bound to.
        book: who may come in.
        proxies: whose connections are of many parties.
        handshake_seconds: how long a connection may take until HTTP begins on it.
    """

    def __init__(
        self,
        family: socket.AddressFamily,
        book: ConnectionBook,
        proxies: Proxies,
        handshake_seconds: float,
        quiet: Quiet | None = None,
    ) -> None:
        # asyncio turns Nagle's algorithm off only where the protocol is named; left on, a small answer that
        # follows its headers waits 40 ms for the client's acknowledgement.
        super().__init__(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.book, self._proxies, self._quiet = book, proxies, quiet or Quiet()
        self._handshake_seconds = handshake_seconds
        self._handshakes: dict[Peer, asyncio.TimerHandle] = {}
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection that there is room for; others are closed on the way.

        Raises:
            BlockingIOError: nobody waits, or the one who waited could not be taken in.
        """
        try:
            accepted, address = super().accept()
        except OSError as error:
            if error.errno in _OUT_OF_DESCRIPTORS:
                self._turn_one_away()
                raise BlockingIOError from error
            raise
        peer: Peer = (str(address[0]), int(address[1]))
        connection = _Accepted(accepted, lambda: self._left(peer))
        shared = self._proxies.has(peer[0])
        if not self.book.enter(peer, party_of(peer[0]), connection.hang_up, shared=shared):
            self._quiet.warn(_log, "refused", "a connection was refused: there are as many as may be")
            connection.close()
            raise BlockingIOError
        loop = asyncio.get_running_loop()
        self._handshakes[peer] = loop.call_later(self._handshake_seconds, connection.hang_up)
        return connection, address

    def begun(self, peer: Peer) -> None:
        """HTTP has begun on a connection, and keeps its own times."""
        if (timer := self._handshakes.pop(peer, None)) is not None:
            timer.cancel()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._spare)
        self._spare = -1
        super().close()

    def _left(self, peer: Peer) -> None:
        self.begun(peer)
        self.book.leave(peer)

    def _turn_one_away(self) -> None:
        """Without a free descriptor: ends an idle connection, and takes the first who waits, to close it.

        Left in the queue it would wake the loop again and again.
        """
        self._quiet.warn(_log, "descriptors", "no file descriptor is free; connections are refused")
        self.book.end_one()
        with contextlib.suppress(OSError):
            os.close(self._spare)
            with contextlib.suppress(OSError):
                super().accept()[0].close()
            self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


class _Accepted(socket.socket):
    """An accepted connection that tells when it is closed."""

    def __init__(self, accepted: socket.socket, on_close: Callable[[], None]) -> None:
        family, proto = accepted.family, accepted.proto
        super().__init__(family, socket.SOCK_STREAM, proto, fileno=accepted.detach())
        self._on_close: Callable[[], None] | None = on_close

    def hang_up(self) -> None:
        """Ends the connection for both sides; whoever reads from it sees the end, and closes it."""
        with contextlib.suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        super().close()
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()


def raise_descriptor_limit() -> None:
    """Raises this process's soft limit of open files as far as the hard one and our needs go."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_WANTED_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # Some systems have a further limit of their own; then it stays as it is.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def descriptor_limit() -> int | None:
    """How many files this process may have open; None for no limit."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def connections_within(wanted: int, descriptors: int | None) -> int:
    """How many connections may be open (pure): what is wanted, as far as the descriptors go."""
    if descriptors is None:
        return wanted
    return max(1, min(wanted, descriptors - min(_KEPT_DESCRIPTORS, descriptors // 2)))

"""Finds a TCP port that is free on loopback."""

from __future__ import annotations

import contextlib
import socket


def free_port(*preferred: int) -> int:
    """The first of the preferred ports that is free, else any; free means it was so a moment ago.

    Raises:
        OSError: none is free.
    """
    for port in preferred:
        with contextlib.suppress(OSError):
            return _bound(port)
    return _bound(0)


def _bound(port: int) -> int:
    with socket.socket() as probe:
        # As servers do it: a port whose last connections linger counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        found: int = probe.getsockname()[1]
        return found

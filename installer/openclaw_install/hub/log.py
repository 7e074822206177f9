"""The hub's log: one JSON object a line, without secrets and without contents."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TextIO, get_args

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.library_log import LibraryHandler
from openclaw_install.common.redaction import MASK
from openclaw_install.hub.http_errors import LOG_FACTS
from openclaw_install.hub.log_lines import LogLine, Method, RequestLine, WarningLine

WriteLog = Callable[[LogLine], None]
_KNOWN_PATHS = frozenset({"/api/v2/mcp", "/healthz"})
_KNOWN_METHODS = frozenset(get_args(Method))
# A key, what the SDK uses as a session id, or an agent's token.
_SECRETS = re.compile(r"mysta_[\w-]+|\b[0-9a-f]{32}\b|eyJ[\w-]+\.[\w-]*\.?[\w-]*")
_LONGEST_MESSAGE = 300
EVERY_SECONDS = 60.0
_LOGGERS = ("uvicorn.error", "mcp", "openclaw_install.hub", "asyncio")


def line_writer(stream: TextIO) -> WriteLog:
    """Writes each record as a line of `stream`.

    A log that cannot be written (its reader has gone, its disk is full) does not stop the hub.
    """

    def write(line: LogLine) -> None:
        with contextlib.suppress(OSError, ValueError):
            stream.write(json.dumps(jsonable(line)) + "\n")
            stream.flush()

    return write


class AccessLog:
    """ASGI middleware that tells of each answered request.

    A path or method that we do not serve is written as `other`: both are text of the client's choice. Of a
    path with names in it the route's pattern is written.
    """

    def __init__(self, app: ASGIApp, write: WriteLog) -> None:
        self._app = app
        self._write = write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        facts: dict[str, Any] = {}
        scope[LOG_FACTS] = facts
        begun = time.monotonic()
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            method: Method = scope["method"] if scope["method"] in _KNOWN_METHODS else "other"
            ms = round((time.monotonic() - begun) * 1000, 1)
            self._write(RequestLine(method=method, path=_shown_path(scope), status=status, ms=ms, **facts))


def _shown_path(scope: Scope) -> str:
    route = scope.get("route")
    if isinstance(route, Route):
        return str(scope.get("root_path", "")) + route.path
    return scope["path"] if scope["path"] in _KNOWN_PATHS else "other"


def take_over_logging(write: WriteLog) -> None:
    """Sends the warnings of this process's server libraries to `write`, and only there."""

    def write_facts(facts: dict[str, Any]) -> None:
        message = _SECRETS.sub(MASK, facts["message"])[:_LONGEST_MESSAGE]
        write(WarningLine(**{**facts, "message": message}))

    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [LibraryHandler(write_facts)]
        logger.setLevel(logging.WARNING)
        logger.propagate = False


@dataclass
class Quiet:
    """Warnings that others can provoke: one line of each kind a minute, with how many there were."""

    monotonic: Callable[[], float] = time.monotonic
    _last: dict[str, float] = field(default_factory=dict)
    _held: dict[str, int] = field(default_factory=dict)

    def count(self, kind: str) -> int | None:
        """How many there were since the last one that was let through, this one included; None: say nothing.

        Args:
            kind: one of a few names of ours; never text that others chose.
        """
        held, now = self._held.get(kind, 0) + 1, self.monotonic()
        if kind in self._last and now - self._last[kind] < EVERY_SECONDS:
            self._held[kind] = held
            return None
        self._last[kind], self._held[kind] = now, 0
        return held

    def warn(self, log: logging.Logger, kind: str, message: str) -> None:
        """Logs the message, with a count, unless there was one of its kind in the last minute."""
        if (count := self.count(kind)) is not None:
            log.warning("%s (%d times since the last such line)", message, count)

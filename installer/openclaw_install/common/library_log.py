"""Warnings of the libraries below us, and where an error arose, for a log of ours."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

_FRAMES = 8


class LibraryHandler(logging.Handler):
    """Turns warnings of libraries into facts: level, logger, message and an exception's kind and place.

    Args:
        write: takes the facts of one record. The message may hold a secret, and be long.
    """

    def __init__(self, write: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(logging.WARNING)
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        facts = {"level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[0]:
            kind, _, where = record.exc_info
            self._write({**facts, "exception": kind.__name__, "where": frames_of(where)})
        else:
            self._write(facts)


def frames_of(where: TracebackType | None) -> list[str]:
    """The last places of a traceback, and never the error's own text: it may quote what somebody sent."""
    frames = traceback.extract_tb(where)[-_FRAMES:]
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]

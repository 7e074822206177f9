"""Reads the runtime's log: the last lines, over rotations, and the new ones as they come."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from openclaw_install.common.files import open_if_exists
from openclaw_install.runtime.log import KEPT_FILES, rotated

_POLL_SECONDS = 0.25
_LONGEST_LINE = 64 * 1024


@dataclass(frozen=True)
class LogLine:
    """One line.

    Attributes:
        text: as it stands in the file.
        entry: what it says; None for one that broke off when the disk was full.
    """

    text: str
    entry: dict[str, Any] | None


def last_lines(path: Path, count: int) -> list[LogLine]:
    """The newest lines, oldest first; none where there is no log yet.

    Raises:
        FileError: a file is there and cannot be read.
    """
    found: list[LogLine] = []
    for name in [path, *(rotated(path, number) for number in range(1, KEPT_FILES + 1))]:
        if len(found) >= count:
            break
        found = [*_lines_of(name, count - len(found)), *found]
    return found


def follow(path: Path, until: Callable[[], bool] = lambda: False) -> Iterator[LogLine]:
    """The lines that come after this call, in whatever file the log is by then.

    Args:
        path: the log; it need not exist yet.
        until: whether to end; looked at whenever there is nothing new.

    Raises:
        FileError: as `last_lines`.
    """
    stream = open_if_exists(path)
    if stream is not None:
        stream.seek(0, os.SEEK_END)
    return _coming(path, stream, until)


def _coming(path: Path, stream: BinaryIO | None, until: Callable[[], bool]) -> Iterator[LogLine]:
    rest = b""
    try:
        while True:
            # Looked at before the last read: what is written until the log is another file is read still.
            is_other = stream is None or _is_other(path, stream)
            data = b"" if stream is None else stream.read(_LONGEST_LINE)
            *lines, rest = (rest + data).split(b"\n")
            yield from (_line(raw) for raw in lines if raw.strip())
            if data:
                continue
            if is_other:
                if stream is not None:
                    stream.close()
                stream, rest = open_if_exists(path), b""
                if stream is not None:
                    continue
            if until():
                return
            time.sleep(_POLL_SECONDS)
    finally:
        if stream is not None:
            stream.close()


def _lines_of(path: Path, count: int) -> list[LogLine]:
    stream = open_if_exists(path)
    if stream is None or count <= 0:
        return []
    with stream:
        newest = deque((raw for raw in stream if raw.strip()), maxlen=count)
    return [_line(raw) for raw in newest]


def _is_other(path: Path, stream: BinaryIO) -> bool:
    """Whether the log is another file by now, or was emptied."""
    try:
        status = path.stat()
    except OSError:
        return False
    mine = os.fstat(stream.fileno())
    return (status.st_dev, status.st_ino) != (mine.st_dev, mine.st_ino) or status.st_size < stream.tell()


def _line(raw: bytes) -> LogLine:
    text = raw.decode(errors="replace").rstrip("\r\n")
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        entry = None
    return LogLine(text, entry if isinstance(entry, dict) else None)

"""The runtime's log: one JSON object a line, bounded in size, without secrets, never blocking the work."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from openclaw_install.common.files import PRIVATE_FILE
from openclaw_install.common.jsonable import iso_time
from openclaw_install.common.library_log import LibraryHandler
from openclaw_install.common.redaction import MASK, Secret, redact
from openclaw_install.runtime.report import LogReport

LIMIT_BYTES = 1_000_000
KEPT_FILES = 4
_LONGEST_LINE = 8_000
_LEAST_SECRET = 6
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE|CREDENTIAL", re.IGNORECASE)
# A key of the skill service, known by its form also where nobody told us its value.
_SECRET_FORM = re.compile(r"mysta_[\w-]+")


def secrets_in(env: Mapping[str, str]) -> tuple[Secret, ...]:
    """The values of the variables that are named like secrets."""
    return tuple(
        Secret(value)
        for name, value in env.items()
        if _SECRET_NAME.search(name) and len(value) >= _LEAST_SECRET
    )


class LineLog:
    """A log file, and its older ones beside it as `<name>.1`, `<name>.2` and so on.

    A line that cannot be written is counted and forgotten; the first that can be says how many were lost.

    Args:
        path: the file; its folder exists.
        secrets: gives the values to mask, as they are now.
        limit_bytes: about how large a file gets.
        kept_files: how many older ones are kept.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        path: Path,
        secrets: Callable[[], Iterable[Secret]],
        *,
        limit_bytes: int = LIMIT_BYTES,
        kept_files: int = KEPT_FILES,
        clock: Callable[[], float],
    ) -> None:
        self._path = path
        self._secrets = secrets
        self._limit = limit_bytes
        self._kept = kept_files
        self._clock = clock
        self._descriptor: int | None = None
        self._lock = threading.Lock()  # libraries log from threads
        self._dropped = 0
        self._unreported = 0
        self._last_error: str | None = None

    def write(self, event: str, /, *, level: str = "info", **facts: Any) -> None:
        """Adds an event; it never raises for the disk's sake."""
        with self._lock:
            own = {"at": iso_time(self._clock()), "level": level, "event": event}
            self._put({**own, **facts, **own})

    def report(self) -> LogReport:
        """Where it is, and what it lost."""
        return LogReport(str(self._path), self._dropped, self._last_error)

    def close(self) -> None:
        with self._lock:
            self._let_go()

    def _put(self, entry: Mapping[str, Any]) -> None:
        try:
            if self._unreported:
                lost = {
                    "at": entry["at"],
                    "level": "warning",
                    "event": "lines_lost",
                    "lines": self._unreported,
                }
                # After a line that broke off, the next one needs a new line.
                self._append(b"\n" + self._line(lost))
                self._unreported = 0
            self._append(self._line(entry))
            self._last_error = None
        except OSError as error:
            self._dropped += 1
            self._unreported += 1
            self._last_error = error.strerror or type(error).__name__
            self._let_go()

    def _line(self, entry: Mapping[str, Any]) -> bytes:
        text = self._masked(entry)
        if len(text) > _LONGEST_LINE:
            head = {name: entry[name] for name in ("at", "level", "event", "component") if name in entry}
            text = self._masked({**head, "cut": text[: _LONGEST_LINE // 2]})
        return text.encode(errors="backslashreplace") + b"\n"

    def _masked(self, entry: Mapping[str, Any]) -> str:
        """The whole line without secrets; cut off before, the rest of one would be left."""
        text = json.dumps(entry, ensure_ascii=False, default=str)
        # A value with a quote or a backslash stands in the text as JSON writes it.
        found = [secret for secret in self._secrets() if secret.reveal()]
        escaped = [Secret(json.dumps(secret.reveal(), ensure_ascii=False)[1:-1]) for secret in found]
        return _SECRET_FORM.sub(MASK, redact(text, [*found, *escaped]))

    def _append(self, line: bytes) -> None:
        descriptor = self._opened(len(line))
        while line:
            line = line[os.write(descriptor, line) :]

    def _opened(self, more: int) -> int:
        if self._descriptor is not None:
            status = os.fstat(self._descriptor)
            if status.st_size + more > self._limit and status.st_size:
                self._rotate()
            elif not status.st_nlink:
                self._let_go()  # somebody removed it
        if self._descriptor is None:
            self._descriptor = _open(self._path)
            if os.fstat(self._descriptor).st_size + more > self._limit:
                self._rotate()
                self._descriptor = _open(self._path)
        return self._descriptor

    def _rotate(self) -> None:
        self._let_go()
        names = [self._path, *(rotated(self._path, number) for number in range(1, self._kept + 1))]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            with contextlib.suppress(FileNotFoundError):
                newer.replace(older)

    def _let_go(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


def _open(path: Path) -> int:
    """A descriptor to add lines with; a pipe in the log's place is not waited on."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    return os.open(path, flags, PRIVATE_FILE)


def rotated(path: Path, number: int) -> Path:
    """The log file before the last `number` rotations."""
    return path.with_name(f"{path.name}.{number}")


@contextlib.contextmanager
def taken_over(log: LineLog) -> Iterator[None]:
    """Sends the warnings of all libraries to `log`, and nowhere else, while the block runs."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    root.handlers = [LibraryHandler(lambda facts: log.write("library", **facts))]
    root.setLevel(logging.WARNING)
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)

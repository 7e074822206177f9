"""Status documents of the runtime and its guardian: written atomically, validated when read."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from openclaw_install.common.errors import InstallError
from openclaw_install.common.files import PRIVATE_FILE, read_if_exists
from openclaw_install.common.jsonable import jsonable, record_from
from openclaw_install.runtime.process_id import Moment, ProcessName
from openclaw_install.runtime.report import ComponentReport, KeptBy, LogReport

VERSION: Literal[1] = 1
_MOST_BYTES = 1024 * 1024
ProcessPhase = Literal["starting", "running", "stopping", "stopped"]
Unreadable = Literal["missing", "damaged", "newer"]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Status:
    """What the runtime says of itself.

    Attributes:
        process: who wrote it.
        phase: how far the process is.
        heartbeat: when it was written.
        every: seconds between two heartbeats.
        started: when the process began to work.
        kept_by: who starts it again after a crash.
        program: the version of the program.
        components: each as it last said.
        log: how the log fares.
        version: of this form of the document.
    """

    process: ProcessName
    phase: ProcessPhase
    heartbeat: Moment
    every: float
    started: Moment
    kept_by: KeptBy
    program: str
    log: LogReport
    components: tuple[ComponentReport, ...] = ()
    version: Literal[1] = VERSION


@dataclass(frozen=True)
class GuardianStatus:
    """What the guardian says: who it is, how often it started the runtime again, how the last one ended.

    Attributes:
        process: who wrote it.
        restarts: starts after the first one.
        last_exit: exit code of the last runtime; negative for a signal.
        gave_up: starting it again would not change that exit code.
        version: of this form of the document.
    """

    process: ProcessName
    restarts: int = 0
    last_exit: int | None = None
    gave_up: bool = False
    version: Literal[1] = VERSION


def write_document(path: Path, document: Status | GuardianStatus) -> None:
    """Replaces a document in one step, without asking the disk to keep it.

    It tells of a process, so it need not outlive the machine; a flush every few seconds would only wear the
    disk and keep a laptop's awake.

    Raises:
        OSError: it cannot be written; the old one stands.
    """
    data = json.dumps(jsonable(document), separators=(",", ":")).encode()
    temporary = path.with_name(f".{path.name}.tmp")  # one writer holds the lock, so one name will do
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def read_status(path: Path) -> Status | Unreadable:
    """The runtime's document, or why there is none to go by; it is never raised."""
    return _read(path, Status)


def read_guardian(path: Path) -> GuardianStatus | Unreadable:
    """The guardian's document, or why there is none to go by; it is never raised."""
    return _read(path, GuardianStatus)


def _read(path: Path, kind: type[_T]) -> _T | Unreadable:
    try:
        data = read_if_exists(path, _MOST_BYTES)
        document = None if data is None else json.loads(data)
        version = document["version"] if isinstance(document, dict) else None
        if isinstance(version, int) and version > VERSION:
            return "newer"
        return "missing" if data is None else record_from(kind, document)
    except (InstallError, ValueError, KeyError, RecursionError):
        return "damaged"

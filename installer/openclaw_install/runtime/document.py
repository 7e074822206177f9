"""Status documents of the runtime and its guardian: written atomically, validated when read."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from openclaw_install.common.errors import InstallError
from openclaw_install.common.files import PRIVATE_FILE, read_if_exists
from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.problems import Problem
from openclaw_install.runtime.process_id import Moment, ProcessName
from openclaw_install.runtime.report import (
    ComponentPhase,
    ComponentReport,
    Figure,
    Keeper,
    LogReport,
)

VERSION = 1
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
    """

    process: ProcessName
    phase: ProcessPhase
    heartbeat: Moment
    every: float
    started: Moment
    kept_by: Keeper
    program: str
    log: LogReport
    components: tuple[ComponentReport, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "process": asdict(self.process),
            "phase": self.phase,
            "heartbeat": self.heartbeat.to_json(),
            "every": self.every,
            "started": self.started.to_json(),
            "kept_by": self.kept_by,
            "program": self.program,
            "log": jsonable(self.log),
            "components": jsonable(self.components),
        }


@dataclass(frozen=True)
class GuardianStatus:
    """What the guardian says: who it is, how often it started the runtime again, how the last one ended.

    Attributes:
        process: who wrote it.
        restarts: starts after the first one.
        last_exit: exit code of the last runtime; negative for a signal.
        gave_up: starting it again would not change that exit code.
    """

    process: ProcessName
    restarts: int = 0
    last_exit: int | None = None
    gave_up: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"version": VERSION, **asdict(self)}


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """Replaces a document in one step, without asking the disk to keep it.

    It tells of a process, so it need not outlive the machine; a flush every few seconds would only wear the
    disk and keep a laptop's awake.

    Raises:
        OSError: it cannot be written; the old one stands.
    """
    data = json.dumps(document, separators=(",", ":")).encode()
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
    return _read(path, _status)


def read_guardian(path: Path) -> GuardianStatus | Unreadable:
    """The guardian's document, or why there is none to go by; it is never raised."""
    return _read(path, _guardian)


def _read(path: Path, parse: Callable[[Mapping[str, Any]], _T]) -> _T | Unreadable:
    try:
        data = read_if_exists(path, _MOST_BYTES)
    except InstallError:
        return "damaged"
    if data is None:
        return "missing"
    try:
        document = json.loads(data)
        version = document["version"]
        if not isinstance(version, int):
            return "damaged"
        return "newer" if version > VERSION else parse(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return "damaged"


def _status(document: Mapping[str, Any]) -> Status:
    log = document["log"]
    return Status(
        process=_process(document["process"]),
        phase=_one_of(document["phase"], get_args(ProcessPhase)),
        heartbeat=_moment(document["heartbeat"]),
        every=_number(document["every"]),
        started=_moment(document["started"]),
        kept_by=_one_of(document["kept_by"], get_args(Keeper)),
        program=_of(str, document["program"]),
        log=LogReport(
            _of(str, log["path"]),
            _of(int, log["dropped_lines"]),
            None if log["last_error"] is None else _of(str, log["last_error"]),
        ),
        components=tuple(_component(entry) for entry in _of(list, document["components"])),
    )


def _guardian(document: Mapping[str, Any]) -> GuardianStatus:
    last = document["last_exit"]
    return GuardianStatus(
        _process(document["process"]),
        _of(int, document["restarts"]),
        None if last is None else _of(int, last),
        _of(bool, document["gave_up"]),
    )


def _component(entry: Mapping[str, Any]) -> ComponentReport:
    problem, retry = entry["problem"], entry["retry_seconds"]
    found = ComponentReport(
        name=_of(str, entry["name"]),
        phase=_one_of(entry["phase"], get_args(ComponentPhase)),
        message=_of(str, entry["message"]),
        since=_of(str, entry["since"]),
        failures=_of(int, entry["failures"]),
        retry_seconds=None if retry is None else _number(retry),
        figures={_of(str, name): _figure(value) for name, value in _of(dict, entry["figures"]).items()},
    )
    if problem is None:
        return found
    words = [_of(str, problem[key]) for key in ("code", "message", "next_step")]
    return replace(found, problem=Problem(*words))


def _process(entry: Mapping[str, Any]) -> ProcessName:
    return ProcessName(_of(int, entry["pid"]), _of(str, entry["birth"]))


def _moment(entry: Mapping[str, Any]) -> Moment:
    from datetime import datetime

    return Moment(
        _of(str, entry["boot"]), _number(entry["awake"]), datetime.fromisoformat(entry["at"]).timestamp()
    )


def _figure(value: object) -> Figure:
    if value is not None and not isinstance(value, str | int | float | bool):
        raise TypeError("a figure is a number or a word")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN
        raise TypeError("not a number")
    return float(value)


def _of(kind: type[_T], value: object) -> _T:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"not a {kind.__name__}")
    return value


def _one_of(value: object, allowed: tuple[Any, ...]) -> Any:
    if value not in allowed:
        raise ValueError("not one of the known words")
    return value

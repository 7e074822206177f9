"""Which of our servers a gateway runs, and of which version: each leaves a note as long as it lives."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from openclaw_install import __version__
from openclaw_install.common.errors import InstallError
from openclaw_install.common.files import PRIVATE_FILE, make_private_folder, read_if_exists, write_atomic
from openclaw_install.common.jsonable import jsonable, record_from
from openclaw_install.runtime.process_id import ProcessName

_FOLDER = "programs"
_MOST = 200
_MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class RunningProgram:
    """A server of ours that runs.

    Attributes:
        process: which one.
        name: what it serves, such as `mcp pingagent`.
        version: of the program.
    """

    process: ProcessName
    name: str
    version: str


@contextlib.contextmanager
def noted(profile: Path, name: str) -> Iterator[None]:
    """Says, as long as the block lasts, that this process serves `name`; a folder that refuses is let be.

    Args:
        profile: the folder of the agent's profile; where there is none, nothing is written.
        name: what is served.
    """
    own = RunningProgram(ProcessName.own(), name, __version__)
    place = profile / _FOLDER / f"{own.process.pid}.json"
    with contextlib.suppress(InstallError, OSError):
        if profile.is_dir():
            make_private_folder(place.parent)
            running_programs(profile, tidy=True)
            write_atomic(place, json.dumps(jsonable(own)).encode(), mode=PRIVATE_FILE)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            place.unlink(missing_ok=True)


def running_programs(profile: Path, *, tidy: bool = False) -> tuple[RunningProgram, ...]:
    """The servers of a profile that live.

    Args:
        profile: its folder.
        tidy: remove the notes of those that have ended.
    """
    found = []
    with contextlib.suppress(OSError):
        notes = sorted((profile / _FOLDER).glob("*.json"))
        for path in notes if tidy else notes[:_MOST]:
            program = _read(path)
            if program is not None and program.process.is_alive:
                found.append(program)
            elif tidy:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
    return tuple(found)


def _read(path: Path) -> RunningProgram | None:
    try:
        data = read_if_exists(path, _MOST_BYTES)
        return None if data is None else record_from(RunningProgram, json.loads(data))
    except (InstallError, ValueError, KeyError, TypeError, RecursionError):
        return None

"""The last validation about a config, kept so that OpenClaw is asked again only where something changed."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import FileError
from openclaw_install.common.files import read_if_exists, sha256, write_atomic
from openclaw_install.common.jsonable import jsonable, record_from
from openclaw_install.host.boot.verdict import Validation
from openclaw_install.host.boot.witness import NO_CLI, Installed, ask_openclaw, in_background, installed
from openclaw_install.host.config.document import ConfigDocument
from openclaw_install.host.locate import HostLocation

MEMORY = "boot.json"
_FORMAT = 1
_LIMIT = 262_144
# Plugins of the host have a say, too, and are not looked at here.
_SECONDS = 24 * 3600.0

Hear = Callable[[], Validation]


class Witness(Protocol):
    """The seam to the installed OpenClaw: production runs it; its twin answers from a table."""

    def __call__(
        self, location: HostLocation, document: ConfigDocument, memory: Path, *, offline: bool
    ) -> Hear: ...


def begin_to_ask(location: HostLocation, document: ConfigDocument, memory: Path, *, offline: bool) -> Hear:
    """Begins to ask the installed OpenClaw about the config on disk, unless it said it already.

    Args:
        location: the host.
        document: its config.
        memory: the file (0600) with the last validation; it holds no secret, and is written where it can be.
        offline: start no program; what is remembered counts.

    Returns:
        What waits for the validation. It comes within a minute.
    """
    program = installed(location)
    if program is None:
        return lambda: Validation("not_asked", reason=NO_CLI)
    key = _key(program, location, document)
    known = _remembered(memory, key)
    if known is not None:
        return lambda: known
    if offline:
        return lambda: Validation("not_asked", reason="--offline")
    return in_background(partial(_asked, program, location, document, memory, key)).result


def _asked(
    program: Installed, location: HostLocation, document: ConfigDocument, memory: Path, key: str
) -> Validation:
    said = ask_openclaw(program, location, document)
    if said.state != "not_asked":
        with contextlib.suppress(FileError, OSError):  # it is asked again then
            _remember(memory, key, said)
    return said


def _key(program: Installed, location: HostLocation, document: ConfigDocument) -> str:
    """Changes with everything that the validation depends on: program, file, includes, variables."""
    env = {name: value for name, value in location.env.items() if name.startswith(("OPENCLAW_", "HOME"))}
    facts = [
        str(program.cli.resolve()),
        program.version,
        str(document.path),
        sha256(document.raw),
        document.as_written,
        document.data,
        env,
    ]
    return sha256(json.dumps(facts, sort_keys=True, default=str).encode("utf-8", "backslashreplace"))


@dataclass(frozen=True)
class _Memory:
    """The file: `key` is of what was asked about, `at` is in seconds since the epoch."""

    format: int
    key: str
    at: float
    said: Validation


def _remember(memory: Path, key: str, said: Validation) -> None:
    memory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    document = jsonable(_Memory(_FORMAT, key, wall_time(), said))
    write_atomic(memory, json.dumps(document).encode(), mode=0o600)


def _remembered(memory: Path, key: str) -> Validation | None:
    """The validation about exactly this, unless it is too old; a damaged file counts as none."""
    try:
        text = read_if_exists(memory, _LIMIT)
        known = (
            record_from(_Memory, json.loads(text)) if text and memory.stat().st_uid == os.getuid() else None
        )
    except (FileError, OSError, ValueError, RecursionError):
        return None
    is_this = known is not None and (known.format, known.key) == (_FORMAT, key)
    return known.said if known and is_this and 0 <= wall_time() - known.at <= _SECONDS else None

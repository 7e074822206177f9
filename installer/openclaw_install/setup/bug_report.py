"""A bundle for a bug report: versions, findings, the config's shape and tails of logs, without secrets."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from openclaw_install import __version__
from openclaw_install.common.errors import InstallError, UsageError
from openclaw_install.common.files import PRIVATE_FILE, file_error, finished_beside, sync_folder
from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.renames import take_free_name
from openclaw_install.host.config.document import read_config
from openclaw_install.protocol.profile import backup_of, invite_of, profile_paths
from openclaw_install.runtime.paths import RuntimePaths
from openclaw_install.runtime.programs import running_programs
from openclaw_install.setup.changes import real_path
from openclaw_install.setup.context import Context
from openclaw_install.setup.scrub import Scrubber, known_secrets, shape_of
from openclaw_install.setup.verify import verify_runtime

_TAIL_BYTES = 64 * 1024
_ERROR_LOGS = 5
_LIBRARIES = ("click", "cryptography", "httpx", "mcp", "pydantic", "starlette", "uvicorn")


@dataclass(frozen=True)
class BugReport:
    """The bundle that was written.

    Attributes:
        path: the zip file, which only its owner can read.
        bytes: its size.
        files: the names of what is in it.
    """

    path: Path
    bytes: int
    files: tuple[str, ...]


def write_bug_report(context: Context, output: Path | None = None) -> BugReport:
    """Writes the bundle; whatever cannot be collected is told in it, because this is for hosts that fail.

    Args:
        context: the host; its gateway is asked unless the options say otherwise.
        output: the file; one with the date in its name, in the present folder, unless given.

    Raises:
        UsageError: there is such a file.
        FileError: it cannot be written.
    """
    import zipfile

    moment = datetime.fromtimestamp(context.clock(), UTC)
    path = (output or Path(f"openclaw-install-report-{moment:%Y%m%dT%H%M%SZ}.zip")).absolute()
    if os.path.lexists(path):
        raise _taken(path)
    env: Mapping[str, str] = context.env or {}
    scrubber = Scrubber(known_secrets(context.location, env, _with_secrets(context, env)))
    packed = io.BytesIO()
    names = []
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in _parts(context, env, scrubber):
            entry = zipfile.ZipInfo(name, moment.timetuple()[:6])
            entry.external_attr = PRIVATE_FILE << 16
            bundle.writestr(entry, text)
            names.append(name)
    _write_new(path, packed.getvalue())
    return BugReport(path, packed.tell(), tuple(names))


def _write_new(path: Path, data: bytes) -> None:
    """Writes a file in one step where there is none: looking at the host took long enough to plant a link."""
    try:
        temporary = finished_beside(path, data, PRIVATE_FILE)
        try:
            take_free_name(temporary, path)
        except FileExistsError:
            raise _taken(path) from None
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise file_error(error, path, "write") from error


def _taken(path: Path) -> UsageError:
    return UsageError(
        f"there is already a file {path}", next_step="name another one with --output, or move it away"
    )


def _parts(context: Context, env: Mapping[str, str], scrubber: Scrubber) -> Iterator[tuple[str, str]]:
    """The files of the bundle, clean."""
    documents: Mapping[str, Callable[[], Any]] = {
        "versions.json": lambda: _versions(context, env),
        "findings.json": lambda: verify_runtime(context).report,
        "runtime.json": lambda: context.runtime.report() if context.runtime else None,
        "config-shape.json": lambda: _config_shape(context),
    }
    for name, make in documents.items():
        made = scrubber.cleaned(_tried(make))
        yield name, json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    paths = RuntimePaths.of(context.location)
    logs = [paths.log, paths.crash_log]
    logs += sorted(paths.logs.glob("error-*.log"))[-_ERROR_LOGS:]
    for path in logs:
        if path.is_file():
            yield f"logs/{path.name}", scrubber.clean(_tail(path))


def _tried(part: Callable[[], Any]) -> Any:
    """A part as plain JSON; an error in its place where it cannot be made."""
    try:
        return jsonable(part())
    except InstallError as error:
        return {"error": jsonable(error.problem)}
    except Exception as error:  # noqa: BLE001 # a report about a bug must not end with the same bug
        return {"error": type(error).__name__}


def _versions(context: Context, env: Mapping[str, str]) -> Mapping[str, Any]:
    import platform
    import sqlite3
    from importlib import metadata

    profile = profile_paths(env, context.location.home).folder
    return {
        "openclaw-install": __version__,
        "python": sys.version,
        "platform": platform.platform(),
        "sqlite": sqlite3.sqlite_version,
        "openclaw": _openclaw_version(context.location.cli),
        "servers": [one.version for one in running_programs(profile)],
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
    }


def _openclaw_version(cli: Path | None) -> str | None:
    """As the package beside the program says; nothing is started."""
    for folder in () if cli is None else real_path(cli).parents[:3]:
        try:
            document = json.loads((folder / "package.json").read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(document, dict) and document.get("name") == "openclaw":
            return str(document.get("version"))
    return None


def _config_shape(context: Context) -> Any:
    document = read_config(context.location.config_path, context.location.env)
    return shape_of(document.as_written)


def _tail(path: Path) -> str:
    """The end of a log, from the beginning of a line: half a line could hold half a secret."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, io.SEEK_END)
            stream.seek(max(0, size - _TAIL_BYTES))
            text = stream.read().decode(errors="replace")
    except OSError as error:
        return f"cannot be read: {error.strerror}\n"
    return text.partition("\n")[2] if size > _TAIL_BYTES else text


def _with_secrets(context: Context, env: Mapping[str, str]) -> Iterator[Path]:
    """Files of ours that hold secrets, which logs could have caught."""
    paths = profile_paths(env, context.location.home)
    yield from (paths.identity, backup_of(paths.identity), invite_of(paths.identity))
    yield context.location.home / ".config" / "mistro" / "config.json"
    yield RuntimePaths.of(context.location).env_file

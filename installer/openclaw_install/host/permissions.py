"""Who else can read or write the host's state folder and config: OpenClaw's own `fs.*` checks."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.common.errors import HostError
from openclaw_install.common.files import PRIVATE_FILE, PRIVATE_FOLDER
from openclaw_install.common.problems import Problem, Severity


@dataclass(frozen=True)
class PathMode:
    """A path's permission bits (of the link's target) and whether the path itself is a link."""

    path: Path
    mode: int
    is_link: bool


def path_mode(path: Path) -> PathMode | None:
    """The permissions of `path`, or None when nothing is there."""
    try:
        return PathMode(path, stat.S_IMODE(path.stat().st_mode), path.is_symlink())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(
            f"cannot look at {path}: {os.strerror(error.errno or 0)}",
            next_step="check the path and its symbolic links, or run as the user who owns the host",
            code="host.unreadable",
        ) from error


def state_dir_findings(state: PathMode) -> tuple[Problem, ...]:
    """What `openclaw security audit` says of the state folder (checks `fs.state_dir.*`)."""
    found = []
    if state.is_link:
        found.append(
            _finding("fs.state_dir.symlink", "warn", state, "the state folder is a symbolic link", 0)
        )
    if state.mode & 0o002:
        text = "everybody on this machine can write into the state folder"
        found.append(_finding("fs.state_dir.perms_world_writable", "critical", state, text, PRIVATE_FOLDER))
    elif state.mode & 0o020:
        text = "the group can write into the state folder"
        found.append(_finding("fs.state_dir.perms_group_writable", "warn", state, text, PRIVATE_FOLDER))
    elif state.mode & 0o044:
        text = "others can read the state folder"
        found.append(_finding("fs.state_dir.perms_readable", "warn", state, text, PRIVATE_FOLDER))
    return tuple(found)


def config_findings(config: PathMode) -> tuple[Problem, ...]:
    """What `openclaw security audit` says of the config file (checks `fs.config.*`)."""
    found = []
    if config.is_link:
        found.append(_finding("fs.config.symlink", "warn", config, "the config file is a symbolic link", 0))
    if config.mode & 0o022:
        text = "others can write the config, and with it every policy of the gateway"
        found.append(_finding("fs.config.perms_writable", "critical", config, text, PRIVATE_FILE))
    elif config.mode & 0o004 and not config.is_link:
        text = "everybody on this machine can read the config and the tokens in it"
        found.append(_finding("fs.config.perms_world_readable", "critical", config, text, PRIVATE_FILE))
    elif config.mode & 0o040 and not config.is_link:
        text = "the group can read the config and the tokens in it"
        found.append(_finding("fs.config.perms_group_readable", "warn", config, text, PRIVATE_FILE))
    return tuple(found)


def narrowed(mode: int, *, folder: bool) -> int:
    """The permission bits without anything for group and others; the owner keeps what a run needs."""
    return PRIVATE_FOLDER if folder else (mode & 0o700) | PRIVATE_FILE


def _finding(check: str, severity: Severity, place: PathMode, text: str, wanted: int) -> Problem:
    next_step = f"chmod {wanted:o} {place.path}" if wanted else ""
    return Problem(
        check, f"{text} (mode {place.mode:04o})", next_step, severity=severity, path=str(place.path)
    )

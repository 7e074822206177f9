"""Errors of a database as messages for the operator: which file, what failed, and what helps."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from openclaw_install.common.errors import FileError


def is_full(error: sqlite3.Error) -> bool:
    """Whether SQLite says that there is no room: a full disk can also show as a failed write of its log."""
    reason = getattr(error, "sqlite_errorname", None) or ""
    return "FULL" in reason or reason.startswith(("SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHM"))


@contextlib.contextmanager
def database_errors(path: Path, verb: str) -> Iterator[None]:
    """Turns the errors of SQLite and of the system into ones that name the file and what to do.

    Args:
        path: the database.
        verb: what is being done to it, as in "cannot write".

    Raises:
        FileError: `hub.database_full` for a full disk, `hub.database_busy` where another program keeps it
            locked, else `hub.database`.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        reason = getattr(error, "sqlite_errorname", None) or type(error).__name__
        full, busy = "FULL" in reason, reason.startswith("SQLITE_BUSY")
        step = "free some disk space" if full else "check the file and its folder"
        if busy:
            step = f"end the program that holds {path.name} (fuser -v {path.name})"
        if reason.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            step = "stop the hub and put a backup of the file in its place (docs/hub.md, Backup and moving)"
        raise FileError(
            f"cannot {verb} {path}: {reason}",
            next_step=step,
            code="hub.database_full" if full else "hub.database_busy" if busy else "hub.database",
        ) from error

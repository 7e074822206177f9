"""Brings an SQLite database to the newest version by numbered SQL files, each in one transaction.

A database that has something in it is copied first: `NAME.before-vN` beside it holds what stood there before
the upgrade to version N, and a program of that time can go on with it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.common.errors import FileError
from openclaw_install.common.files import PRIVATE_FILE, file_error, sync_folder
from openclaw_install.common.sqlite_file import NewerDatabaseError, connect_reading, transaction

# A full disk; a quota that is used up shows as a failed write.
_NO_ROOM = ("SQLITE_FULL", "SQLITE_IOERR_WRITE")


@dataclass(frozen=True)
class Migration:
    """One SQL file: its number is the version that the database has afterwards."""

    version: int
    name: str
    script: str


def read_migrations(folder: Path) -> tuple[Migration, ...]:
    """The files `NNNN_name.sql` of a folder, in order."""
    files = sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return tuple(Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8")) for file in files)


def upgrade(connection: sqlite3.Connection, steps: Sequence[Migration]) -> int:
    """Applies what the database lacks, and returns its version; several programs may do so at once.

    Before the first step a copy of a file that is not new is kept, one for each version that it left.

    Args:
        connection: in autocommit mode (`isolation_level=None`).
        steps: all migrations, in order.

    Raises:
        NewerDatabaseError: the database is of a later version than the last step.
        FileError: the copy cannot be kept, `file.enospc` where there is no room for it; nothing was changed.
        sqlite3.Error: a step failed; the database has the version before it.
    """
    newest = steps[-1].version
    found = database_version(connection)
    if found > newest:
        raise NewerDatabaseError(found, newest)
    if 0 < found < newest:
        _keep_copy(connection, found)
    for step in steps:
        if database_version(connection) < step.version:
            _apply(connection, step)
    return newest


def database_version(connection: sqlite3.Connection) -> int:
    """The number of the last migration that was applied; 0 for a new database."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _keep_copy(connection: sqlite3.Connection, version: int) -> None:
    """Copies the file as it is at `version`; one that is in memory only needs none."""
    path = Path(connection.execute("PRAGMA database_list").fetchone()[2])
    if path == Path():
        return
    copy = path.with_name(f"{path.name}.before-v{version + 1}")
    unfinished = copy.with_name(f".{copy.name}.tmp")  # one writer holds the lock, so one name will do
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Somebody else may have brought it up to date while we waited for the lock.
        if database_version(connection) == version:
            unfinished.unlink(missing_ok=True)
            _copy(path, unfinished)
            unfinished.replace(copy)
            sync_folder(copy.parent)
    except OSError as error:
        raise file_error(error, copy, "write") from error
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "") not in _NO_ROOM:
            raise
        megabytes = path.stat().st_size // 1_000_000 + 1
        raise FileError(
            f"cannot keep a copy of {path} before its upgrade: no room for {megabytes} MB; it is unchanged",
            next_step=f"free {megabytes} MB of disk space for {path.parent} and run the command again",
            code="file.enospc",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        connection.execute("ROLLBACK")


def _copy(path: Path, copy: Path) -> None:
    """A durable copy of the database at `path`, also while others read it."""
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE))
    with (
        contextlib.closing(connect_reading(path, past_log=False)) as stored,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        # A journal of a copy that broke off would be of no use, and be taken for that of the next one.
        target.execute("PRAGMA journal_mode = OFF")
        stored.backup(target)


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    with transaction(connection):
        # Somebody else may have applied it while we waited for the lock.
        if database_version(connection) < step.version:
            for statement in _statements(step.script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {step.version:d}")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; `executescript` would commit the transaction around them."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

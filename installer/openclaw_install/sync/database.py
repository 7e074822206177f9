"""Opens our SQLite database: private, in WAL mode, brought up to date by the numbered files in `sql/`."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from openclaw_install.common.errors import FileError
from openclaw_install.common.files import file_error, make_private_folder
from openclaw_install.common.migrations import Migration, NewerDatabaseError, read_migrations, upgrade
from openclaw_install.common.sqlite_file import LOCK_SECONDS, connect_file, connect_reading, stamp_of

_SQL_FOLDER = Path(__file__).parent / "sql"


def migrations() -> tuple[Migration, ...]:
    """The ledger's migrations, in order."""
    return read_migrations(_SQL_FOLDER)


def open_database(path: Path, steps: Sequence[Migration] | None = None) -> sqlite3.Connection:
    """The database at `path`, made with mode 0600 where there is none, upgraded where it is older.

    Args:
        path: the file.
        steps: the migrations to apply; those that ship unless given.

    Raises:
        FileError: it cannot be opened or written, is damaged, or was written by a newer version.
    """
    steps = migrations() if steps is None else steps
    make_private_folder(path.parent)
    with translated(path):
        try:
            # An intent is on disk before its request goes out, also if the power fails.
            connection = connect_file(path)
        except OSError as error:
            raise file_error(error, path, "open") from error
        try:
            _upgrade(connection, path, steps)
        except BaseException:
            connection.close()
            raise
    return connection


def copy_in_memory(path: Path) -> sqlite3.Connection:
    """A copy of the database at `path` that lives in memory only; an empty one where there is none.

    Args:
        path: the file; neither it nor anything beside it is changed.

    Raises:
        FileError: as `open_database`.
    """
    with translated(path):
        connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            if path.exists():
                _copy(path, connection)
            _upgrade(connection, path, migrations())
        except BaseException:
            connection.close()
            raise
    return connection


def _copy(path: Path, into: sqlite3.Connection) -> None:
    before = stamp_of(path)
    with contextlib.closing(connect_reading(path)) as stored:
        stored.backup(into)
    if stamp_of(path) != before:
        # The copy may be half of before and half of after; with the log it is of one moment.
        with contextlib.closing(connect_reading(path, past_log=False)) as stored:
            stored.backup(into)


def _upgrade(connection: sqlite3.Connection, path: Path, steps: Sequence[Migration]) -> None:
    try:
        upgrade(connection, steps)
    except NewerDatabaseError as error:
        raise FileError(
            f"a newer openclaw-install wrote {path}",
            next_step="pip install --upgrade openclaw-install",
            code="file.ledger_newer",
        ) from error


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction that takes the write lock at its start, so that what it reads stays true."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # Some failures, a full disk among them, have rolled back by themselves.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into ones that name the file and the cure."""
    try:
        yield
    except sqlite3.Error as error:
        raise _file_error(error, path) from error


def _file_error(error: sqlite3.Error, path: Path) -> FileError:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith("SQLITE_FULL"):
        return file_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), path, "write")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return FileError(
            f"another process has held {path} for {LOCK_SECONDS:.0f} s",
            next_step="wait until the other openclaw-install has ended",
            code="file.ledger_busy",
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return FileError(
            f"the ledger {path} is damaged",
            next_step="move the file away; every skill then counts as never sent, and goes up again",
            code="file.ledger_damaged",
        )
    return FileError(
        f"cannot use the ledger {path}: {error}",
        next_step="check the folder's permissions and the free space",
        code="file.ledger",
    )

"""A database of the hub in one SQLite file: one connection writes, one reads; errors say what helps."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from openclaw_install.common.errors import FileError
from openclaw_install.common.files import PRIVATE_FILE
from openclaw_install.common.migrations import Migration, upgrade
from openclaw_install.common.sqlite_file import LOCK_SECONDS, NewerDatabaseError, connect_file, transaction

T = TypeVar("T")
Row = sqlite3.Row
RESERVE_BYTES = 1024 * 1024


class SqliteFile:
    """A database in one file, brought to the newest version; other processes may use it at the same time.

    Whatever is called between `begin` and its end belongs to one transaction of the writing connection;
    `read` and its like may be called at any moment, from any thread.

    Args:
        path: made with mode 0600 when it is missing. Its folder must exist.
        migrations: all of them, in order.
        lock_seconds: how long to wait for another program that holds the file.

    Raises:
        FileError: it cannot be opened, is no database, or belongs to a newer version.
    """

    def __init__(
        self, path: Path, migrations: Sequence[Migration], *, lock_seconds: float = LOCK_SECONDS
    ) -> None:
        self._path = path
        self._writing, self._reading = threading.Lock(), threading.Lock()
        with contextlib.ExitStack() as undo, database_errors(path, "open"):
            self._writer = undo.enter_context(contextlib.closing(_connect(path, lock_seconds)))
            migrate(self._writer, migrations)
            self._reader = undo.enter_context(contextlib.closing(_connect(path, lock_seconds)))
            undo.pop_all()

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """One transaction of the writing connection: durable when the block ends, undone if it fails."""
        return transaction(self._writer)

    def run(self, statement: str, *values: Any) -> int:
        """Runs a statement on the writing connection; returns how many rows it changed."""
        return self._writer.execute(statement, values).rowcount

    def put(self, statement: str, record: Any, *more: Any) -> None:
        """Runs a statement that was made of a record's names on the writing connection.

        Args:
            record: a frozen record; its fields are values, in their order.
            more: further values.
        """
        self._writer.execute(statement, (*vars(record).values(), *more))

    def all(self, statement: str, *values: Any) -> list[Row]:
        """The rows of a query, as the writing connection sees them."""
        return self._writer.execute(statement, values).fetchall()

    def first(self, statement: str, *values: Any) -> Row | None:
        """The first row of a query, as the writing connection sees it."""
        row: Row | None = self._writer.execute(statement, values).fetchone()
        return row

    def first_of(self, record: type[T], statement: str, *values: Any) -> T | None:
        """The same as a record: its fields are the columns."""
        row = self._writer.execute(statement, values).fetchone()
        return None if row is None else record(**row)

    def read(self, record: type[T], statement: str, *values: Any) -> list[T]:
        """What was committed, a record for each row: its columns are the record's fields.

        Raises:
            FileError: the database cannot be read.
        """
        with self._reading, database_errors(self._path, "read"):
            return [record(**row) for row in self._reader.execute(statement, values)]

    def read_first(self, record: type[T], statement: str, *values: Any) -> T | None:
        """The first of `read`; None when there is none."""
        return next(iter(self.read(record, statement, *values)), None)

    def read_value(self, statement: str, *values: Any) -> Any:
        """The first column of the first row of a query over what was committed; None when there is none.

        Raises:
            FileError: the database cannot be read.
        """
        with self._reading, database_errors(self._path, "read"):
            row = self._reader.execute(statement, values).fetchone()
        return None if row is None else row[0]

    def close(self) -> None:
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()


def _connect(path: Path, lock_seconds: float) -> sqlite3.Connection:
    connection = connect_file(path, check_same_thread=False, lock_seconds=lock_seconds)
    connection.row_factory = Row
    # What may not be deleted may not be replaced either.
    connection.execute("PRAGMA recursive_triggers = ON")
    return connection


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> int:
    """Applies what the database lacks, and returns its version.

    Args:
        connection: in autocommit mode (`isolation_level=None`).

    Raises:
        FileError: the database was written by a newer version of this program.
    """
    try:
        return upgrade(connection, migrations)
    except NewerDatabaseError as error:
        raise FileError(
            f"the hub's database has version {error.found}; this program knows {error.known}",
            next_step="upgrade openclaw-install, or point --data at another folder",
            code="hub.newer_database",
        ) from error


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


class DiskReserve:
    """Room for acknowledgements and sweeps: given up when the disk is full, taken again when there is some.

    Args:
        path: the file; its content is of no use to anybody.
    """

    def __init__(self, path: Path, size: int = RESERVE_BYTES) -> None:
        self._path, self._size = path, size

    def take(self) -> bool:
        """Makes sure that the room is held; False where the disk has not that much."""
        with contextlib.suppress(OSError):
            if self._path.stat().st_size == self._size:
                return True
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
            try:
                # Written, because a hole takes no room.
                os.pwrite(descriptor, b"\0" * self._size, 0)
                os.ftruncate(descriptor, self._size)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            self.give_up()
            return False
        return self._path.stat().st_size == self._size

    def give_up(self) -> None:
        """Frees the room."""
        with contextlib.suppress(OSError):
            self._path.unlink()


def free_bytes(folder: Path) -> int:
    """How much of the disk is free for us.

    Raises:
        OSError: the folder is gone.
    """
    return shutil.disk_usage(folder).free

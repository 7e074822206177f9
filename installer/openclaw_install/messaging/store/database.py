"""The connection to the store's SQLite file: short transactions, several processes, rows by name."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from openclaw_install.common.errors import UsageError
from openclaw_install.common.files import file_error, make_private_folder
from openclaw_install.common.migrations import Migration, read_migrations, upgrade
from openclaw_install.common.sqlite_file import (
    LOCK_SECONDS,
    DatabaseKind,
    NewerDatabaseError,
    connect_file,
    connect_reading,
    is_damage,
    stamp_of,
    transaction,
)

_SQL_FOLDER = Path(__file__).parent / "sql"
STORE = DatabaseKind(
    "store",
    "store.",
    "move the file away and start the runtime again: the relay keeps what was not taken in",
)
Row = sqlite3.Row
"""A row of a query: its values by the names of the columns, also as keyword arguments (`Record(**row)`)."""


def migrations() -> tuple[Migration, ...]:
    """The store's migrations, in order."""
    return read_migrations(_SQL_FOLDER)


def columns(record: type, table: str = "", *, without: Collection[str] = ()) -> str:
    """The fields of a record as the columns of a SELECT.

    Args:
        record: a dataclass.
        table: put before each name, where a query joins several tables.
        without: fields that are no columns.
    """
    prefix = f"{table}." if table else ""
    return ", ".join(prefix + one.name for one in fields(record) if one.name not in without)


class Database:
    """The open file. Only the thread that opened it can use it (SQLite refuses any other), so it has no lock.

    Args:
        path: the file; made with mode 0600, and its folder with 0700, where they are missing.
        steps: the migrations to apply; those that ship unless given.
        lock_seconds: how long to wait while another process writes.
        reading: only look: nothing is made or brought up to date, and a write fails. The file must exist.

    Attributes:
        version: of the file; one that is only looked at can be of an earlier one than ours.

    Raises:
        FileError: it cannot be opened or written, is damaged, or was written by a newer version.
    """

    def __init__(
        self,
        path: Path,
        steps: Sequence[Migration] | None = None,
        *,
        lock_seconds: float = LOCK_SECONDS,
        reading: bool = False,
    ) -> None:
        self.path = path
        self._seen: tuple[int, int, bool] | None = None
        self._depth = 0
        steps = migrations() if steps is None else steps
        if not reading:
            make_private_folder(path.parent)
        with self._translated():
            self._connection = self._look() if reading else self._open(lock_seconds)
            self._connection.row_factory = Row
            try:
                if not reading:
                    upgrade(self._connection, steps)
                self.version = self.count("PRAGMA user_version")
                if self.version > steps[-1].version:
                    raise NewerDatabaseError(self.version, steps[-1].version)
            except BaseException:
                self._connection.close()
                raise

    def _open(self, lock_seconds: float) -> sqlite3.Connection:
        with self._file_errors():
            return connect_file(self.path, lock_seconds=lock_seconds)

    def _look(self) -> sqlite3.Connection:
        with self._file_errors():
            self._seen = stamp_of(self.path)
        return connect_reading(self.path)

    def _look_again(self) -> None:
        self._seen = None
        self._connection.close()
        self._connection = connect_reading(self.path, past_log=False)
        self._connection.row_factory = Row

    def _changed_meanwhile(self) -> bool:
        with self._file_errors():
            return self._seen is not None and stamp_of(self.path) != self._seen

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction, durable when the block ends; a block inside another belongs to the outer one.

        Raises:
            FileError: the disk is full, or the file is busy or damaged; nothing of it was written then.
        """
        with self._translated(), contextlib.ExitStack() as outer:
            if self._depth == 0:
                outer.enter_context(transaction(self._connection))
            self._depth += 1
            try:
                yield self._connection
            finally:
                self._depth -= 1

    def rows(self, sql: str, *values: object) -> list[Row]:
        """All rows of a query.

        Raises:
            FileError: as `write`.
        """
        with self._translated():
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.DatabaseError as error:
                # Only looked at, and written by another process under our eyes: so no file is called damaged.
                if not is_damage(error) or not self._changed_meanwhile():
                    raise
                self._look_again()
                return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> Row | None:
        """The first row of a query, or None."""
        return next(iter(self.rows(sql, *values)), None)

    def column(self, sql: str, *values: object) -> list[Any]:
        """The first value of each row of a query."""
        return [row[0] for row in self.rows(sql, *values)]

    def value(self, sql: str, *values: object) -> Any:
        """The first value of a query, or None."""
        return next(iter(self.column(sql, *values)), None)

    def pairs(self, sql: str, *values: object) -> dict[Any, Any]:
        """The second value of each row of a query, by the first."""
        return {row[0]: row[1] for row in self.rows(sql, *values)}

    def count(self, sql: str, *values: object) -> int:
        """The one number of a query; 0 where there is none."""
        return int(self.value(sql, *values) or 0)

    def change(self, sql: str, *values: object) -> int:
        """Runs a statement that writes; inside a `write()` block it belongs to that transaction.

        Returns:
            How many rows it changed.

        Raises:
            FileError: as `write`.
        """
        with self.write() as connection:
            return connection.execute(sql, values).rowcount

    def insert(self, table: str, values: Mapping[str, object], *, unless_there: bool = False) -> int:
        """Adds a row, and returns its number.

        Args:
            values: by column.
            unless_there: does nothing where a row has its key already.

        Raises:
            FileError: as `write`.
        """
        how = "INSERT OR IGNORE" if unless_there else "INSERT"
        with self.write() as connection:
            cursor = connection.execute(f"{how} INTO {table} {_names_and_marks(values)}", values)
            return int(cursor.lastrowid or 0) if cursor.rowcount else 0

    def put(self, table: str, key: str, values: Mapping[str, object]) -> None:
        """Adds a row, or writes these columns of the row that has its key.

        Args:
            key: the column, or columns, that tell the rows apart.
            values: by column, the key among them.

        Raises:
            FileError: as `write`.
        """
        new = ", ".join(f"{name} = excluded.{name}" for name in values if name not in key.split(", "))
        sql = f"INSERT INTO {table} {_names_and_marks(values)} ON CONFLICT ({key}) DO UPDATE SET {new}"
        with self.write() as connection:
            connection.execute(sql, values)

    def update(self, table: str, number: int, values: Mapping[str, object], known: Collection[str]) -> None:
        """Writes columns of the row with the `id` `number`.

        Args:
            values: by column.
            known: the columns that there are.

        Raises:
            ValueError: a column is none of `known`.
            FileError: as `write`.
        """
        if unknown := values.keys() - set(known):
            raise ValueError(f"no such column: {sorted(unknown)}")
        assignments = ", ".join(f"{name} = ?" for name in values)
        self.change(f"UPDATE {table} SET {assignments} WHERE id = ?", *values.values(), number)  # noqa: S608 - our own words

    def data_version(self) -> int:
        """A number that changes when another connection, also of another process, has committed."""
        return self.count("PRAGMA data_version")

    def log_stamp(self) -> tuple[int, int] | None:
        """Date and size of the write-ahead log, which every commit changes; None where there is none."""
        try:
            status = Path(f"{self.path}-wal").stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size

    def check(self) -> str:
        """SQLite's own quick check: `ok`, or what is wrong."""
        return str(self.value("PRAGMA quick_check(1)") or "no answer")

    def close(self) -> None:
        self._connection.close()

    @contextlib.contextmanager
    def _file_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise file_error(error, self.path, "open") from error

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with STORE.errors(self.path):
                yield
        except (OverflowError, UnicodeEncodeError) as error:
            raise _no_value(error) from error


class Table:
    """Some tables of the file, with the statements about them.

    Args:
        database: the open file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database


def _names_and_marks(values: Mapping[str, object]) -> str:
    return f"({', '.join(values)}) VALUES (:{', :'.join(values)})"


def _no_value(error: OverflowError | UnicodeEncodeError) -> UsageError:
    """What was asked for, or was to be kept, cannot be in any database: a number or a text."""
    what = "a text is no Unicode" if isinstance(error, UnicodeEncodeError) else "a number is too large"
    return UsageError(what, next_step="correct it: UTF-8, and numbers below 2^63", code="store.value")

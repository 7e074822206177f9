"""Opens our SQLite database: private, in WAL mode, brought up to date by the numbered files in `sql/`."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from openclaw_install.common.files import file_error, make_private_folder
from openclaw_install.common.migrations import Migration, read_migrations, upgrade
from openclaw_install.common.sqlite_file import DatabaseKind, connect_file, connect_reading, stamp_of

_SQL_FOLDER = Path(__file__).parent / "sql"
LEDGER = DatabaseKind(
    "ledger", "file.ledger_", "move the file away; every skill then counts as never sent, and goes up again"
)


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
    with LEDGER.errors(path):
        try:
            # An intent is on disk before its request goes out, also if the power fails.
            connection = connect_file(path)
        except OSError as error:
            raise file_error(error, path, "open") from error
        try:
            upgrade(connection, steps)
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
    with LEDGER.errors(path):
        connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            if path.exists():
                _copy(path, connection)
            upgrade(connection, migrations())
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

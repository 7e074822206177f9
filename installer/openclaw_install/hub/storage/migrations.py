"""The hub's database, brought to the newest version by the files in `sql/`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from openclaw_install.common.errors import FileError
from openclaw_install.common.migrations import Migration, NewerDatabaseError, read_migrations, upgrade

_SQL_FOLDER = Path(__file__).parent / "sql"


def shipped_migrations() -> tuple[Migration, ...]:
    """The migrations of this program, in order."""
    return read_migrations(_SQL_FOLDER)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] | None = None) -> int:
    """Applies what the database lacks, and returns its version.

    Args:
        connection: in autocommit mode (`isolation_level=None`).
        migrations: those that ship unless given.

    Raises:
        FileError: the database was written by a newer version of this program.
    """
    try:
        return upgrade(connection, shipped_migrations() if migrations is None else migrations)
    except NewerDatabaseError as error:
        raise FileError(
            f"the hub's database has version {error.found}; this program knows {error.known}",
            next_step="upgrade openclaw-install, or point --data at another folder",
            code="hub.newer_database",
        ) from error

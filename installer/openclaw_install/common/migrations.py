"""Brings an SQLite database to the newest version by numbered SQL files, each in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Migration:
    """One SQL file: its number is the version that the database has afterwards."""

    version: int
    name: str
    script: str


class NewerDatabaseError(Exception):
    """The database was written by a newer version of this program; the caller says what to do about it."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(f"version {found}, newer than {known}")
        self.found = found
        self.known = known


def read_migrations(folder: Path) -> tuple[Migration, ...]:
    """The files `NNNN_name.sql` of a folder, in order."""
    files = sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return tuple(Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8")) for file in files)


def upgrade(connection: sqlite3.Connection, steps: Sequence[Migration]) -> int:
    """Applies what the database lacks, and returns its version; several programs may do so at once.

    Args:
        connection: in autocommit mode (`isolation_level=None`).
        steps: all migrations, in order.

    Raises:
        NewerDatabaseError: the database is of a later version than the last step.
        sqlite3.Error: a step failed; the database has the version before it.
    """
    newest = steps[-1].version
    found = database_version(connection)
    if found > newest:
        raise NewerDatabaseError(found, newest)
    for step in steps:
        if database_version(connection) < step.version:
            _apply(connection, step)
    return newest


def database_version(connection: sqlite3.Connection) -> int:
    """The number of the last migration that was applied; 0 for a new database."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Somebody else may have applied it while we waited for the lock.
        if database_version(connection) < step.version:
            for statement in _statements(step.script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {step.version:d}")
        connection.execute("COMMIT")
    except BaseException:
        # Some failures, a full disk among them, have rolled back by themselves.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; `executescript` would commit the transaction around them."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

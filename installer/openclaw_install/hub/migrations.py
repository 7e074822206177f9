"""Brings a database to the newest version by the numbered files in `sql/`, each in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

from openclaw_install.common.errors import FileError


@dataclass(frozen=True)
class Migration:
    """One file of `sql/`: its number is the version that the database has afterwards."""

    version: int
    name: str
    script: str


def shipped_migrations() -> list[Migration]:
    """The migrations of this program, in order."""
    folder = resources.files("openclaw_install.hub") / "sql"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda f: f.name)
    return [Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8")) for file in files]


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] | None = None) -> int:
    """Applies what the database lacks, and returns its version; two programs may do so at once.

    Args:
        connection: in autocommit mode (`isolation_level=None`).
        migrations: those that ship unless given.

    Raises:
        FileError: the database was written by a newer version of this program.
    """
    steps = shipped_migrations() if migrations is None else migrations
    newest = steps[-1].version
    if _version(connection) > newest:
        raise FileError(
            f"the hub's database has version {_version(connection)}; this program knows {newest}",
            next_step="upgrade openclaw-install, or point --data at another folder",
            code="hub.newer_database",
        )
    for step in steps:
        if _version(connection) < step.version:
            _apply(connection, step)
    return newest


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Somebody else may have applied it while we waited for the lock.
        if _version(connection) < step.version:
            for statement in _statements(step.script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {step.version}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version

"""How much the store holds, by table; nothing of what it says."""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_install.messaging.store.database import Database


@dataclass(frozen=True, kw_only=True)
class StoredKind:
    """The rows of one table; bytes are of their values, without indexes."""

    kind: str
    rows: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class StoreStats:
    """The tables of the store, the largest first, and the size of its file."""

    kinds: tuple[StoredKind, ...]
    file_bytes: int


def stats_of(database: Database) -> StoreStats:
    """Counts; each table is read once."""
    kinds = []
    for kind in database.column("SELECT name FROM sqlite_schema WHERE type = 'table'"):
        columns = database.column("SELECT name FROM pragma_table_info(?)", kind)
        held = " + ".join(f'ifnull(length(CAST("{name}" AS BLOB)), 0)' for name in columns)
        found = f'SELECT count(*) AS rows, ifnull(sum({held}), 0) AS bytes FROM "{kind}"'  # noqa: S608
        kinds += [StoredKind(kind=kind, **row) for row in database.rows(found)]
    kinds.sort(key=lambda one: one.bytes, reverse=True)
    return StoreStats(kinds=tuple(kinds), file_bytes=database.path.stat().st_size)

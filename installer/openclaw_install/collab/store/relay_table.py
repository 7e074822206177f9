"""How far the relay's inbox was taken in, and which numbers it skipped."""

from __future__ import annotations

from openclaw_install.collab.records import RelayCursor
from openclaw_install.collab.store.database import Database


class RelayTable:
    """The tables `relay_cursor` and `gap`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def cursor(self, url: str) -> RelayCursor | None:
        row = self._database.row(
            "SELECT url, relay_id, log_id, after_seq FROM relay_cursor WHERE url = ?", url
        )
        return RelayCursor(*row) if row else None

    def set_cursor(self, cursor: RelayCursor, now: float) -> None:
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO relay_cursor (url, relay_id, log_id, after_seq, updated_at) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (url) DO UPDATE SET relay_id = excluded.relay_id, "
                "log_id = excluded.log_id, after_seq = excluded.after_seq, updated_at = excluded.updated_at",
                (cursor.url, cursor.relay_id, cursor.log_id, cursor.after_seq, now),
            )

    def add_gap(self, log_id: str, seqs: range, now: float) -> None:
        """Notes numbers that the relay skipped; the first 1,000 of a run."""
        with self._database.write() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO gap (log_id, seq, noticed_at) VALUES (?, ?, ?)",
                [(log_id, seq, now) for seq in seqs[:1000]],
            )

    def fill_gap(self, log_id: str, seq: int) -> bool:
        """Notes that a missing number has come; returns whether it was missing."""
        with self._database.write() as connection:
            return bool(
                connection.execute("DELETE FROM gap WHERE log_id = ? AND seq = ?", (log_id, seq)).rowcount
            )

    def gaps(self, log_id: str, limit: int = 1000) -> list[int]:
        """Numbers that are still missing, lowest first."""
        return [
            row[0]
            for row in self._database.rows(
                "SELECT seq FROM gap WHERE log_id = ? ORDER BY seq LIMIT ?", log_id, limit
            )
        ]

    def clear_gaps(self, log_id: str) -> None:
        """Forgets what was missing of data that the relay no longer has."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM gap WHERE log_id = ?", (log_id,))

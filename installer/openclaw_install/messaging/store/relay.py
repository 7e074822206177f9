"""How far the relay's inbox was taken in, and which numbers it skipped."""

from __future__ import annotations

from openclaw_install.messaging.models import RelayCursor
from openclaw_install.messaging.store.database import Database


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

    def add_gaps(self, log_id: str, seqs: range, now: float) -> None:
        """Notes numbers that the relay skipped; the first 1,000 of a run."""
        with self._database.write() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO gap (log_id, seq, why, noticed_at) VALUES (?, ?, 'withheld', ?)",
                [(log_id, seq, now) for seq in seqs[:1000]],
            )

    def defer(self, log_id: str, seq: int, peer: str, now: float) -> None:
        """Notes a number whose message stays at the relay until its sender is decided about."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO gap (log_id, seq, why, peer, noticed_at) VALUES (?, ?, 'deferred', ?, ?) "
                "ON CONFLICT (log_id, seq) DO UPDATE SET why = excluded.why, peer = excluded.peer",
                (log_id, seq, peer, now),
            )

    def fill(self, log_id: str, seq: int) -> None:
        """Notes that a missing number has come, or is gone."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM gap WHERE log_id = ? AND seq = ?", (log_id, seq))

    def is_missing(self, log_id: str, seq: int) -> bool:
        return self._database.row("SELECT 1 FROM gap WHERE log_id = ? AND seq = ?", log_id, seq) is not None

    def withheld(self, log_id: str, limit: int = 64) -> list[int]:
        """Numbers that the relay skipped, lowest first."""
        rows = self._database.rows(
            "SELECT seq FROM gap WHERE log_id = ? AND why = 'withheld' ORDER BY seq LIMIT ?", log_id, limit
        )
        return [row[0] for row in rows]

    def deferred_of_decided(self, log_id: str, limit: int = 64) -> list[int]:
        """Deferred numbers whose senders are decided about by now, lowest first."""
        rows = self._database.rows(
            "SELECT seq FROM gap JOIN contact ON contact.did = gap.peer WHERE log_id = ? "
            "AND why = 'deferred' AND contact.state NOT IN ('pending', 'awaiting_reply') "
            "ORDER BY seq LIMIT ?",
            *(log_id, limit),
        )
        return [row[0] for row in rows]

    def deferred_first(self, log_id: str, below: int, limit: int) -> list[int]:
        """The first deferred number of each undecided sender, those with the fewest messages here first.

        Args:
            below: only of senders that have fewer messages here.
        """
        rows = self._database.rows(
            "SELECT min(gap.seq) FROM gap LEFT JOIN contact ON contact.did = gap.peer WHERE log_id = ? "
            "AND why = 'deferred' AND coalesce(contact.state, 'pending') IN ('pending', 'awaiting_reply') "
            "AND coalesce(contact.waiting, 0) < ? "
            "GROUP BY gap.peer ORDER BY coalesce(contact.waiting, 0), min(gap.seq) LIMIT ?",
            *(log_id, below, limit),
        )
        return [row[0] for row in rows]

    def deferred(self, log_id: str, limit: int = 64) -> list[int]:
        """Deferred numbers, lowest first."""
        rows = self._database.rows(
            "SELECT seq FROM gap WHERE log_id = ? AND why = 'deferred' ORDER BY seq LIMIT ?", log_id, limit
        )
        return [row[0] for row in rows]

    def forget_gaps(self, log_id: str) -> None:
        """Forgets what was missing of data that the relay no longer has."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM gap WHERE log_id = ?", (log_id,))

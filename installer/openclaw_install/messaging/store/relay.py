"""State of the relay connection: the inbox cursor, skipped sequence numbers, and access keys."""

from __future__ import annotations

from openclaw_install.common.redaction import Secret
from openclaw_install.messaging.models import RelayCursor
from openclaw_install.messaging.store.database import Table, columns


class RelayTable(Table):
    """The tables `relay_cursor` and `gap`."""

    def cursor(self, url: str) -> RelayCursor | None:
        row = self._database.row(f"SELECT {columns(RelayCursor)} FROM relay_cursor WHERE url = ?", url)  # noqa: S608 - our own words
        return RelayCursor(**row) if row else None

    def set_cursor(self, cursor: RelayCursor, now: float) -> None:
        self._database.put("relay_cursor", "url", {**vars(cursor), "updated_at": now})

    def add_gaps(self, log_id: str, seqs: range, now: float) -> None:
        """Notes numbers that the relay skipped; the first 1,000 of a run."""
        with self._database.write() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO gap (log_id, seq, why, noticed_at) VALUES (?, ?, 'withheld', ?)",
                [(log_id, seq, now) for seq in seqs[:1000]],
            )

    def defer(self, log_id: str, seq: int, peer: str, now: float) -> None:
        """Notes a number whose message stays at the relay until its sender is decided about."""
        self._database.change(
            "INSERT INTO gap (log_id, seq, why, peer, noticed_at) VALUES (?, ?, 'deferred', ?, ?) "
            "ON CONFLICT (log_id, seq) DO UPDATE SET why = excluded.why, peer = excluded.peer",
            *(log_id, seq, peer, now),
        )

    def fill(self, log_id: str, seq: int) -> None:
        """Notes that a missing number has come, or is gone."""
        self._database.change("DELETE FROM gap WHERE log_id = ? AND seq = ?", log_id, seq)

    def is_missing(self, log_id: str, seq: int) -> bool:
        return self._database.row("SELECT 1 FROM gap WHERE log_id = ? AND seq = ?", log_id, seq) is not None

    def withheld(self, log_id: str, limit: int = 64) -> list[int]:
        """Numbers that the relay skipped, lowest first."""
        return self._missing(log_id, "withheld", limit)

    def deferred(self, log_id: str, limit: int = 64) -> list[int]:
        """Deferred numbers, lowest first."""
        return self._missing(log_id, "deferred", limit)

    def _missing(self, log_id: str, why: str, limit: int) -> list[int]:
        return self._database.column(
            "SELECT seq FROM gap WHERE log_id = ? AND why = ? ORDER BY seq LIMIT ?", log_id, why, limit
        )

    def deferred_of_decided(self, log_id: str, limit: int = 64) -> list[int]:
        """Deferred numbers whose senders are decided about by now, lowest first."""
        return self._database.column(
            "SELECT seq FROM gap JOIN contact ON contact.did = gap.peer WHERE log_id = ? "
            "AND why = 'deferred' AND contact.state NOT IN ('pending', 'awaiting_reply') "
            "ORDER BY seq LIMIT ?",
            *(log_id, limit),
        )

    def deferred_first(self, log_id: str, below: int, limit: int) -> list[int]:
        """The first deferred number of each undecided sender, those with the fewest messages here first.

        Args:
            below: only of senders that have fewer messages here.
        """
        return self._database.column(
            "SELECT min(gap.seq) FROM gap LEFT JOIN contact ON contact.did = gap.peer WHERE log_id = ? "
            "AND why = 'deferred' AND coalesce(contact.state, 'pending') IN ('pending', 'awaiting_reply') "
            "AND coalesce(contact.waiting, 0) < ? "
            "GROUP BY gap.peer ORDER BY coalesce(contact.waiting, 0), min(gap.seq) LIMIT ?",
            *(log_id, below, limit),
        )

    def gaps(self) -> dict[str, int]:
        """How many numbers are missing here, by why."""
        found = self._database.pairs("SELECT why, count(*) FROM gap GROUP BY why")
        return {"withheld": found.get("withheld", 0), "deferred": found.get("deferred", 0)}

    def forget_gaps(self, log_id: str) -> None:
        """Forgets what was missing of data that the relay no longer has."""
        self._database.change("DELETE FROM gap WHERE log_id = ?", log_id)


class AccessTable(Table):
    """The table `contact_access`: keys by which a relay lets in senders that an inbox's owner admitted."""

    def key_of(self, did: str) -> Secret | None:
        """The key that an agent gave us, for what we send to it."""
        key = self._database.value("SELECT access_key FROM contact_access WHERE did = ?", did)
        return Secret(key) if key else None

    def keep(self, did: str, key: Secret, now: float) -> None:
        """Keeps the key that an agent gave us."""
        self._database.put("contact_access", "did", {"did": did, "access_key": key.reveal(), "at": now})

    def given(self, did: str, sha256: str, now: float) -> None:
        """Notes which of our keys, by its hash, an agent was given."""
        self._database.put("contact_access", "did", {"did": did, "given": sha256, "at": now})

    def is_with_shut_out(self, sha256: str) -> bool:
        """Whether an agent that was rejected or blocked since has the key with this hash."""
        row = self._database.row(
            "SELECT 1 FROM contact_access JOIN contact USING (did) WHERE given = ? "
            "AND state IN ('rejected', 'blocked') LIMIT 1",
            sha256,
        )
        return row is not None

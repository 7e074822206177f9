"""The keys by which a relay lets senders into what an inbox keeps for those whom its owner admitted."""

from __future__ import annotations

from openclaw_install.common.redaction import Secret
from openclaw_install.messaging.store.database import Database


class AccessTable:
    """The table `contact_access`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def key_of(self, did: str) -> Secret | None:
        """The key that an agent gave us, for what we send to it."""
        row = self._database.row("SELECT access_key FROM contact_access WHERE did = ?", did)
        return Secret(row[0]) if row and row[0] else None

    def keep(self, did: str, key: Secret, now: float) -> None:
        """Keeps the key that an agent gave us."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO contact_access (did, access_key, at) VALUES (?, ?, ?) ON CONFLICT (did) "
                "DO UPDATE SET access_key = excluded.access_key, at = excluded.at",
                (did, key.reveal(), now),
            )

    def given(self, did: str, sha256: str, now: float) -> None:
        """Notes which of our keys, by its hash, an agent was given."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO contact_access (did, given, at) VALUES (?, ?, ?) ON CONFLICT (did) "
                "DO UPDATE SET given = excluded.given, at = excluded.at",
                (did, sha256, now),
            )

    def is_with_shut_out(self, sha256: str) -> bool:
        """Whether an agent that was rejected or blocked since has the key with this hash."""
        row = self._database.row(
            "SELECT 1 FROM contact_access JOIN contact USING (did) WHERE given = ? "
            "AND state IN ('rejected', 'blocked') LIMIT 1",
            sha256,
        )
        return row is not None

"""How far each operator has looked at what happened."""

from __future__ import annotations

from openclaw_install.messaging.control_records import Seen
from openclaw_install.messaging.store.database import Database


class SeenTable:
    """The table `last_seen`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, operator: str) -> Seen | None:
        row = self._database.row("SELECT operator, cursor, at FROM last_seen WHERE operator = ?", operator)
        return Seen(*row) if row else None

    def advance(self, operator: str, cursor: int, now: float) -> None:
        """Notes that everything up to `cursor` was seen; it never goes back."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO last_seen (operator, cursor, at) VALUES (?, ?, ?) ON CONFLICT (operator) "
                "DO UPDATE SET cursor = max(cursor, excluded.cursor), at = excluded.at",
                (operator, cursor, now),
            )

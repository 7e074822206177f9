"""Small facts by name, as JSON: the bridge's health, its blockers, the secret behind text boundaries."""

from __future__ import annotations

import json
from typing import Any

from openclaw_install.messaging.store.database import Database


class FactTable:
    """The table `fact`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> Any:
        """The value, or None where it was never set."""
        row = self._database.row("SELECT value FROM fact WHERE name = ?", name)
        return json.loads(row[0]) if row else None

    def set(self, name: str, value: Any, now: float) -> None:
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO fact (name, value, updated_at) VALUES (?, ?, ?) ON CONFLICT (name) "
                "DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
                (name, json.dumps(value, ensure_ascii=False, sort_keys=True), now),
            )

    def set_once(self, name: str, value: Any, now: float) -> Any:
        """Sets a value where there is none, and returns the one that is there then."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO fact (name, value, updated_at) VALUES (?, ?, ?)",
                (name, json.dumps(value), now),
            )
            return self.get(name)

"""Events: what happened, in order, for those who follow with a cursor."""

from __future__ import annotations

import json
from typing import Any

from openclaw_install.messaging.models import Event
from openclaw_install.messaging.store.database import Database

_SELECT = "SELECT id, at, kind, thread_id, message_id, data FROM event"


class EventTable:
    """The table `event`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        kind: str,
        now: float,
        *,
        thread_id: str | None = None,
        message_id: str | None = None,
        **data: Any,
    ) -> None:
        """Records an event; inside a `write()` block it belongs to that transaction."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO event (at, kind, thread_id, message_id, data) VALUES (?, ?, ?, ?, ?)",
                (now, kind, thread_id, message_id, json.dumps(data, ensure_ascii=False, sort_keys=True)),
            )

    def since(self, cursor: int, *, limit: int = 100, thread_id: str | None = None) -> list[Event]:
        """The events after `cursor`, oldest first."""
        if thread_id is None:
            rows = self._database.rows(f"{_SELECT} WHERE id > ? ORDER BY id LIMIT ?", cursor, limit)
        else:
            rows = self._database.rows(
                f"{_SELECT} WHERE thread_id = ? AND id > ? ORDER BY id LIMIT ?",
                *(thread_id, cursor, limit),
            )
        return [Event(*row) for row in ((*found[:5], json.loads(found[5])) for found in rows)]

    def newest(self) -> int:
        """The cursor of the newest event, also of one that was pruned since; 0 where there never was one."""
        return self._database.count("SELECT seq FROM sqlite_sequence WHERE name = 'event'")

    def oldest(self) -> int:
        """The cursor of the oldest event that is kept; 0 where there is none."""
        return self._database.count("SELECT min(id) FROM event")

    def prune(self, before: float, most: int) -> int:
        """Deletes events from before a time, at most `most`, and returns how many."""
        with self._database.write() as connection:
            return connection.execute(
                "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at < ? ORDER BY id LIMIT ?)",
                (before, most),
            ).rowcount

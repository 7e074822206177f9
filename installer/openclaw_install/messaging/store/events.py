"""What happened, in order, for those who follow with a cursor; how far each looked; and facts by name."""

from __future__ import annotations

import json
from typing import Any

from openclaw_install.messaging.models import Event, Message, NewMessage, OutboxItem
from openclaw_install.messaging.models.overview import Seen
from openclaw_install.messaging.store.database import Table, columns

_SELECT = f"SELECT {columns(Event)} FROM event"  # noqa: S608 - our own words
TRANSPORT_KINDS = ("transport.degraded", "transport.blocked", "transport.repaired", "relay.data_lost")
_TRANSPORT = ", ".join(f"'{kind}'" for kind in TRANSPORT_KINDS)


class EventTable(Table):
    """The table `event`."""

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
        facts = json.dumps(data, ensure_ascii=False, sort_keys=True)
        self._database.insert(
            "event",
            {"at": now, "kind": kind, "thread_id": thread_id, "message_id": message_id, "data": facts},
        )

    def about(self, message: Message | NewMessage | OutboxItem, kind: str, now: float, **data: Any) -> None:
        """Records an event of a message, in its thread."""
        self.add(kind, now, thread_id=message.thread_id, message_id=message.message_id, **data)

    def since(self, cursor: int, *, limit: int = 100, thread_id: str | None = None) -> list[Event]:
        """The events after `cursor`, oldest first."""
        where, values = ("thread_id = ? AND ", (thread_id,)) if thread_id is not None else ("", ())
        return self._many(f"{where}id > ? ORDER BY id LIMIT ?", *values, cursor, limit)

    def before(
        self, *, thread_id: str | None, message_id: str | None, before: int | None, limit: int
    ) -> list[Event]:
        """The newest events of a thread, or of one message of it, before a cursor; newest first."""
        name, value = ("message_id", message_id) if message_id else ("thread_id", thread_id)
        and_thread = " AND thread_id = ?" if message_id and thread_id else ""
        return self._many(
            f"{name} = ?{and_thread} AND id < ? ORDER BY id DESC LIMIT ?",
            *(value, *([thread_id] if and_thread else []), 2**62 if before is None else before, limit),
        )

    def of_transport(self, after: int, before: int, *, limit: int = 20) -> list[Event]:
        """What happened to the transport between two cursors, newest first."""
        return self._many(
            f"kind IN ({_TRANSPORT}) AND id > ? AND id < ? ORDER BY id DESC LIMIT ?", after, before, limit
        )

    def newest(self) -> int:
        """The cursor of the newest event, also of one that was pruned since; 0 where there never was one."""
        return self._database.count("SELECT seq FROM sqlite_sequence WHERE name = 'event'")

    def oldest(self) -> int:
        """The cursor of the oldest event that is kept; 0 where there is none."""
        return self._database.count("SELECT min(id) FROM event")

    def prune(self, before: float, most: int) -> int:
        """Deletes events from before a time, at most `most`, and returns how many."""
        return self._database.change(
            "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at < ? ORDER BY id LIMIT ?)",
            *(before, most),
        )

    def _many(self, where: str, *values: object) -> list[Event]:
        rows = self._database.rows(f"{_SELECT} WHERE {where}", *values)
        return [Event(**{**row, "data": json.loads(row["data"])}) for row in rows]


class SeenTable(Table):
    """The table `last_seen`: how far each operator has looked at the events."""

    def get(self, operator: str) -> Seen | None:
        row = self._database.row(f"SELECT {columns(Seen)} FROM last_seen WHERE operator = ?", operator)  # noqa: S608 - our own words
        return Seen(**row) if row else None

    def advance(self, operator: str, cursor: int, now: float) -> None:
        """Notes that everything up to `cursor` was seen; it never goes back."""
        self._database.change(
            "INSERT INTO last_seen (operator, cursor, at) VALUES (?, ?, ?) ON CONFLICT (operator) "
            "DO UPDATE SET cursor = max(cursor, excluded.cursor), at = excluded.at",
            *(operator, cursor, now),
        )


class FactTable(Table):
    """The table `fact`: small facts as JSON, such as the bridge's health and its blockers."""

    def get(self, name: str) -> Any:
        """The value, or None where it was never set."""
        text = self._database.value("SELECT value FROM fact WHERE name = ?", name)
        return None if text is None else json.loads(text)

    def set(self, name: str, value: Any, now: float) -> None:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True)
        self._database.put("fact", "name", {"name": name, "value": text, "updated_at": now})

    def set_once(self, name: str, value: Any, now: float) -> Any:
        """Sets a value where there is none, and returns the one that is there then."""
        new = {"name": name, "value": json.dumps(value), "updated_at": now}
        with self._database.write():
            self._database.insert("fact", new, unless_there=True)
            return self.get(name)

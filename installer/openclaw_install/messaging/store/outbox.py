"""The outbox: what is to be sent, what was committed, and what failed and why."""

from __future__ import annotations

from dataclasses import fields
from typing import Unpack

from openclaw_install.messaging.models import NewMessage, OutboxItem, OutboxState
from openclaw_install.messaging.store.changes import OutboxChanges
from openclaw_install.messaging.store.database import Database

_COLUMNS = tuple(column.name for column in fields(OutboxItem))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM outbox"  # noqa: S608 - our own words
_OPEN = "state IN ('queued', 'sending')"
_HEADS = f"""
WITH RECURSIVE thread (id) AS (
    SELECT min(thread_id) FROM outbox WHERE {_OPEN} AND thread_id > ?
    UNION ALL
    SELECT (SELECT min(thread_id) FROM outbox WHERE {_OPEN} AND thread_id > thread.id)
    FROM thread WHERE thread.id IS NOT NULL
)
SELECT thread.id, (SELECT next_attempt_at FROM outbox WHERE {_OPEN} AND thread_id = thread.id
                   ORDER BY id LIMIT 1) AS due
FROM thread WHERE thread.id IS NOT NULL AND due <= ? LIMIT ?
"""  # noqa: S608


class OutboxTable:
    """The table `outbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, number: int, message: NewMessage, *, idempotency_key: str, by: str) -> None:
        """Opens the row of a message that is to be sent."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO outbox (id, idempotency_key, thread_id, recipient, message_id, schema, state, "
                "queued_at, queued_by) VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, ?)",
                (
                    *(number, idempotency_key, message.thread_id, message.peer, message.message_id),
                    *(message.schema, message.known_at, by),
                ),
            )

    def get(self, number: int) -> OutboxItem | None:
        return self._one("id = ?", number)

    def by_key(self, idempotency_key: str) -> OutboxItem | None:
        return self._one("idempotency_key = ?", idempotency_key)

    def by_message_id(self, message_id: str) -> OutboxItem | None:
        return self._one("message_id = ?", message_id)

    def known_there(self, recipient: str, message_id: str) -> OutboxItem | None:
        """The message to an agent that it knows by this id: whole, or as version 1 of the envelope has it."""
        between = (message_id, message_id + "\x7f")
        return self._one(
            "message_id >= ? AND message_id < ? AND recipient = ? ORDER BY message_id LIMIT 1",
            *(*between, recipient),
        )

    def update(self, number: int, **changes: Unpack[OutboxChanges]) -> None:
        """Writes columns of a row; a new state is copied to the message's row."""
        if unknown := changes.keys() - OutboxChanges.__annotations__.keys():
            raise ValueError(f"no such column: {sorted(unknown)}")
        assignments = ", ".join(f"{name} = ?" for name in changes)
        with self._database.write() as connection:
            connection.execute(
                f"UPDATE outbox SET {assignments} WHERE id = ?",  # noqa: S608 - names are checked above
                (*changes.values(), number),
            )
            if "state" in changes:
                connection.execute(
                    "UPDATE message SET state = ?, seq = coalesce(?, seq), reason = ? WHERE id = ?",
                    (changes["state"], changes.get("seq"), changes.get("reason", ""), number),
                )

    def head(self, thread_id: str) -> OutboxItem | None:
        """The oldest message of a thread that is still to be sent."""
        return self._one(f"{_OPEN} AND thread_id = ? ORDER BY id LIMIT 1", thread_id)

    def due_threads(self, now: float, *, after: str = "", limit: int = 64) -> list[str]:
        """Threads whose oldest open message may be tried now, in the order of their ids after `after`."""
        return [row[0] for row in self._database.rows(_HEADS, after, now, limit)]

    def next_due(self, now: float) -> float | None:
        """When the next waiting message comes due; None where none waits."""
        row = self._database.row(
            f"SELECT min(next_attempt_at) FROM outbox WHERE {_OPEN} AND next_attempt_at > ?",  # noqa: S608
            now,
        )
        return row[0] if row else None

    def open_count(self) -> int:
        """Messages that are still to be sent."""
        return self._database.count(f"SELECT count(*) FROM outbox WHERE {_OPEN}")  # noqa: S608

    def in_state(self, state: OutboxState, *, limit: int = 100) -> list[OutboxItem]:
        return self._many("state = ? ORDER BY id LIMIT ?", state, limit)

    def counts(self) -> dict[OutboxState, int]:
        """How many are open, failed, or committed without a delivery receipt yet."""
        found = dict(
            self._database.rows(
                "SELECT state, count(*) FROM outbox WHERE state IN ('queued', 'sending') "
                "GROUP BY state UNION ALL "
                "SELECT 'failed', count(*) FROM outbox WHERE state = 'failed' UNION ALL "
                "SELECT 'committed', count(*) FROM outbox WHERE state = 'committed'"
            )
        )
        states: tuple[OutboxState, ...] = ("queued", "sending", "failed", "committed")
        return {state: found.get(state, 0) for state in states}

    def undelivered(self, log_id: str, now: float, *, limit: int = 500) -> list[OutboxItem]:
        """Committed to a relay's data, not known to have arrived, and not expired."""
        return self._many(
            "state = 'committed' AND log_id = ? AND coalesce(expires_at, 0) > ? ORDER BY id LIMIT ?",
            *(log_id, now, limit),
        )

    def _one(self, where: str, *values: object) -> OutboxItem | None:
        found = self._many(where, *values)
        return found[0] if found else None

    def _many(self, where: str, *values: object) -> list[OutboxItem]:
        rows = self._database.rows(f"{_SELECT} WHERE {where}", *values)
        return [OutboxItem(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]

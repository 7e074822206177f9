"""The ledger of messages to be sent: what became of each, written before its effect."""

from __future__ import annotations

from typing import Unpack

from openclaw_install.messaging import models
from openclaw_install.messaging.store.database import Table, columns
from openclaw_install.messaging.store.due_threads import due_threads
from openclaw_install.messaging.store.messages import ANSWERED, ANSWERS, stored_body
from openclaw_install.protocol.messages import TEXT

_TO_SEND = "state IN ('queued', 'sending')"
_SEND_HEADS = due_threads("outbox", _TO_SEND, "next_attempt_at", "id")


class OutboxTable(Table):
    """The table `outbox`."""

    def add(
        self, number: int, message: models.NewMessage, *, idempotency_key: str, by: str
    ) -> models.OutboxItem:
        """Opens the row of a message that is to be sent, and returns it."""
        self._database.change(
            "INSERT INTO outbox (id, idempotency_key, thread_id, recipient, message_id, schema, state, "
            "queued_at, queued_by) VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, ?)",
            *(number, idempotency_key, message.thread_id, message.peer, message.message_id),
            *(message.schema, message.known_at, by),
        )
        return self._many("id = ?", number)[0]

    def get(self, number: int) -> models.OutboxItem | None:
        return self._one("id = ?", number)

    def by_key(self, idempotency_key: str) -> models.OutboxItem | None:
        return self._one("idempotency_key = ?", idempotency_key)

    def by_message_id(self, message_id: str) -> models.OutboxItem | None:
        return self._one("message_id = ?", message_id)

    def known_there(self, recipient: str, message_id: str) -> models.OutboxItem | None:
        """The message to an agent that it knows by this id: whole, or as version 1 of the envelope has it."""
        between = (message_id, message_id + "\x7f")
        return self._one(
            "message_id >= ? AND message_id < ? AND recipient = ? ORDER BY message_id LIMIT 1",
            *(*between, recipient),
        )

    def same_answer(self, thread_id: str, outgoing: models.Outgoing) -> models.OutboxItem | None:
        """The message that says the same in answer to the same message; none where that one failed."""
        in_reply_to = outgoing.body.get("in_reply_to")
        if outgoing.schema != TEXT or in_reply_to is None:
            return None
        same = f"SELECT id FROM message WHERE {ANSWERS} AND thread_id = ? AND {ANSWERED} = ? AND body = ?"  # noqa: S608
        return self._one(
            f"id IN ({same}) AND state <> 'failed' ORDER BY id LIMIT 1",
            *(thread_id, in_reply_to, stored_body(outgoing.body)),
        )

    def update(self, number: int, **changes: Unpack[models.OutboxChanges]) -> None:
        """Writes columns of a row; a new state is copied to the message's row."""
        with self._database.write():
            self._database.update("outbox", number, changes, models.OutboxChanges.__annotations__)
            if "state" in changes:
                self._database.change(
                    "UPDATE message SET state = ?, seq = coalesce(?, seq), reason = ? WHERE id = ?",
                    *(changes["state"], changes.get("seq"), changes.get("reason", ""), number),
                )

    def head(self, thread_id: str) -> models.OutboxItem | None:
        """The oldest message of a thread that is still to be sent."""
        return self._one(f"{_TO_SEND} AND thread_id = ? ORDER BY id LIMIT 1", thread_id)

    def due_threads(self, now: float, *, after: str = "", limit: int = 64) -> list[str]:
        """Threads whose oldest open message may be tried now, in the order of their ids after `after`."""
        return self._database.column(_SEND_HEADS, after, now, limit)

    def next_due(self, now: float) -> float | None:
        """When the next waiting message comes due; None where none waits."""
        found: float | None = self._database.value(
            f"SELECT min(next_attempt_at) FROM outbox WHERE {_TO_SEND} AND next_attempt_at > ?",  # noqa: S608
            now,
        )
        return found

    def open_count(self) -> int:
        """Messages that are still to be sent."""
        return self._database.count(f"SELECT count(*) FROM outbox WHERE {_TO_SEND}")  # noqa: S608

    def in_state(self, state: models.OutboxState, *, limit: int = 100) -> list[models.OutboxItem]:
        return self._many("state = ? ORDER BY id LIMIT ?", state, limit)

    def counts(self) -> dict[models.OutboxState, int]:
        """How many are open, failed, or committed without a delivery receipt yet."""
        found = self._database.pairs(
            "SELECT state, count(*) FROM outbox WHERE state IN ('queued', 'sending') GROUP BY state "
            "UNION ALL SELECT 'failed', count(*) FROM outbox WHERE state = 'failed' "
            "UNION ALL SELECT 'committed', count(*) FROM outbox WHERE state = 'committed'"
        )
        states: tuple[models.OutboxState, ...] = ("queued", "sending", "failed", "committed")
        return {state: found.get(state, 0) for state in states}

    def undelivered(self, log_id: str, now: float, *, limit: int = 500) -> list[models.OutboxItem]:
        """Committed to a relay's data, not known to have arrived, and not expired."""
        return self._many(
            "state = 'committed' AND log_id = ? AND coalesce(expires_at, 0) > ? ORDER BY id LIMIT ?",
            *(log_id, now, limit),
        )

    def _one(self, where: str, *values: object) -> models.OutboxItem | None:
        return next(iter(self._many(where, *values)), None)

    def _many(self, where: str, *values: object) -> list[models.OutboxItem]:
        rows = self._database.rows(f"SELECT {columns(models.OutboxItem)} FROM outbox WHERE {where}", *values)  # noqa: S608
        return [models.OutboxItem(**row) for row in rows]

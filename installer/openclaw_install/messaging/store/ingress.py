"""The ingress ledger: what was done with each message that came in, written before each effect."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any, Unpack

from openclaw_install.messaging.models import Ingress, Rejection, Stage
from openclaw_install.messaging.store.changes import IngressChanges
from openclaw_install.messaging.store.database import Database

_COLUMNS = tuple(column.name for column in fields(Ingress))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM ingress"  # noqa: S608 - our own words
# A message without a turn is held behind one of its sender that did not come in yet.
_OPEN = "stage IN ('approved', 'dispatching') AND turn IS NOT NULL"
# A hop from thread to thread along the index: cheap with 10,000 messages in one of them.
_HEADS = f"""
WITH RECURSIVE thread (id) AS (
    SELECT min(thread_id) FROM ingress WHERE {_OPEN} AND thread_id > ?
    UNION ALL
    SELECT (SELECT min(thread_id) FROM ingress WHERE {_OPEN} AND thread_id > thread.id)
    FROM thread WHERE thread.id IS NOT NULL
)
SELECT thread.id, (SELECT CASE WHEN attempts = 0 AND next_attempt_at > ? THEN 0 ELSE next_attempt_at END
                   FROM ingress WHERE {_OPEN} AND thread_id = thread.id
                   ORDER BY turn LIMIT 1) AS due
FROM thread WHERE thread.id IS NOT NULL AND due <= ? LIMIT ?
"""  # noqa: S608 - our own words


class IngressTable:
    """The tables `ingress` and `rejection`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        number: int,
        thread_id: str,
        peer: str,
        log_id: str,
        seq: int,
        stage: Stage,
        *,
        held_until: float | None = None,
    ) -> None:
        """Opens the ledger's row of a message: with the next turn, or without one where it is held."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO ingress (id, thread_id, peer, log_id, seq, stage, held_until) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (number, thread_id, peer, log_id, seq, stage, held_until),
            )
            if held_until is None:
                self.give_turn(number)

    def give_turn(self, number: int) -> None:
        """Puts a message behind all that have their turn already; one that has its own keeps it."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE ingress SET turn = (SELECT coalesce(max(turn), 0) + 1 FROM ingress), "
                "held_until = NULL WHERE id = ? AND turn IS NULL",
                (number,),
            )

    def held(self) -> int:
        """Messages that wait for one of their sender that did not come in yet."""
        return self._database.count("SELECT count(*) FROM ingress WHERE turn IS NULL")

    def get(self, number: int) -> Ingress | None:
        row = self._database.row(f"{_SELECT} WHERE id = ?", number)
        return _record(row) if row else None

    def update(self, number: int, **changes: Unpack[IngressChanges]) -> None:
        """Writes columns of a row."""
        if unknown := changes.keys() - IngressChanges.__annotations__.keys():
            raise ValueError(f"no such column: {sorted(unknown)}")
        assignments = ", ".join(f"{name} = ?" for name in changes)
        with self._database.write() as connection:
            connection.execute(
                f"UPDATE ingress SET {assignments} WHERE id = ?",  # noqa: S608 - names are checked above
                (*changes.values(), number),
            )

    def head(self, thread_id: str) -> Ingress | None:
        """The message of a thread that is to be dispatched next."""
        row = self._database.row(
            f"{_SELECT} WHERE {_OPEN} AND thread_id = ? ORDER BY turn LIMIT 1", thread_id
        )
        return _record(row) if row else None

    def due_threads(
        self, now: float, *, after: str = "", limit: int = 64, longest: float = math.inf
    ) -> list[str]:
        """Threads whose oldest open message may be tried now, in the order of their ids after `after`.

        Args:
            longest: seconds; a message without an attempt that would wait for longer got its time from a
                clock that was set back, and is due.
        """
        return [row[0] for row in self._database.rows(_HEADS, after, now + longest, now, limit)]

    def next_due(self, now: float) -> float | None:
        """When the next waiting message comes due, in seconds since the epoch; None where none waits."""
        row = self._database.row(
            f"SELECT min(next_attempt_at) FROM ingress WHERE {_OPEN} AND next_attempt_at > ?",  # noqa: S608
            now,
        )
        return row[0] if row else None

    def began_round(self, number: int, at: float) -> None:
        """Notes when a message was let through that goes on with an exchange; `rounds` counts these."""
        with self._database.write() as connection:
            connection.execute("UPDATE ingress SET round_at = ? WHERE id = ?", (at, number))

    def rounds(self, since: float, most: int) -> list[float]:
        """When the newest rounds of all threads were let through, after a time; at most `most`."""
        rows = self._database.rows(
            "SELECT round_at FROM ingress WHERE round_at > ? ORDER BY round_at DESC LIMIT ?", since, most
        )
        return [row[0] for row in rows]

    def pending_of(self, peer: str, *, limit: int = 500) -> list[int]:
        """The numbers of the messages that wait for a decision about their sender, in order."""
        return [
            row[0]
            for row in self._database.rows(
                "SELECT id FROM ingress WHERE stage = 'pending' AND peer = ? ORDER BY id LIMIT ?", peer, limit
            )
        ]

    def release(self, peer: str, stage: Stage, reason: str = "") -> int:
        """Moves all that wait for a decision about `peer` to `stage`; returns how many."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE message SET state = ?, reason = ? WHERE id IN "
                "(SELECT id FROM ingress WHERE stage = 'pending' AND peer = ?)",
                (stage, reason, peer),
            )
            return connection.execute(
                "UPDATE ingress SET stage = ?, reason = ? WHERE stage = 'pending' AND peer = ?",
                (stage, reason, peer),
            ).rowcount

    def open_count(self) -> int:
        """Messages that are still to be dispatched."""
        return self._database.count(f"SELECT count(*) FROM ingress WHERE {_OPEN}")  # noqa: S608

    def interrupted(self, limit: int = 500) -> list[Ingress]:
        """Rows that were under way when their process died."""
        rows = self._database.rows(
            f"{_SELECT} WHERE {_OPEN} AND stage = 'dispatching' ORDER BY id LIMIT ?",
            limit,
        )
        return [_record(row) for row in rows]

    def parked(self, *, limit: int = 100) -> list[Ingress]:
        rows = self._database.rows(f"{_SELECT} WHERE stage = 'parked' ORDER BY id LIMIT ?", limit)
        return [_record(row) for row in rows]

    def unconfirmed(self, before: float, *, limit: int = 200) -> list[Ingress]:
        """Accepted rows whose turn was not seen in the transcript yet, accepted before a time."""
        rows = self._database.rows(
            f"{_SELECT} WHERE stage = 'accepted' AND confirmed_at IS NULL "
            "AND accepted_at < ? ORDER BY id LIMIT ?",
            *(before, limit),
        )
        return [_record(row) for row in rows]

    def unacked(self, log_id: str, limit: int = 200) -> list[int]:
        """Sequence numbers with which we are done and which the relay still keeps."""
        rows = self._database.rows(
            "SELECT seq FROM ingress WHERE log_id = ? AND acked_at IS NULL "
            "AND stage NOT IN ('approved', 'dispatching') "
            "UNION SELECT seq FROM rejection WHERE log_id = ? AND acked_at IS NULL ORDER BY seq LIMIT ?",
            *(log_id, log_id, limit),
        )
        return [row[0] for row in rows]

    def acked(self, log_id: str, seqs: list[int], now: float) -> None:
        """Notes that the relay has dropped these."""
        with self._database.write() as connection:
            for table in ("ingress", "rejection"):
                connection.executemany(
                    f"UPDATE {table} SET acked_at = ? WHERE log_id = ? AND seq = ?",  # noqa: S608 - two tables of ours
                    [(now, log_id, seq) for seq in seqs],
                )

    def message_at(self, log_id: str, seq: int) -> str | None:
        """The message id that was taken in from a place of the relay's inbox; None where none was."""
        row = self._database.row(
            "SELECT message_id FROM ingress JOIN message USING (id) WHERE log_id = ? AND ingress.seq = ? "
            "ORDER BY id DESC LIMIT 1",
            *(log_id, seq),
        )
        return row[0] if row else None

    def reject(
        self, log_id: str, seq: int, reason: str, claimed: tuple[str, str], now: float, *, keep: int = 1000
    ) -> bool:
        """Records a refused envelope once; only the newest `keep` acknowledged ones are kept.

        Returns:
            Whether it is new.
        """
        with self._database.write() as connection:
            new = connection.execute(
                "INSERT OR IGNORE INTO rejection "
                "(at, log_id, seq, reason, claimed_sender, claimed_message_id) VALUES (?, ?, ?, ?, ?, ?)",
                (now, log_id, seq, reason, *claimed),
            ).rowcount
            connection.execute(
                "DELETE FROM rejection WHERE acked_at IS NOT NULL AND id <= "
                "(SELECT max(id) FROM rejection) - ?",
                (keep,),
            )
        return bool(new)

    def rejections(self, limit: int = 100) -> list[Rejection]:
        """The newest refused envelopes, newest first."""
        rows = self._database.rows(
            "SELECT id, at, log_id, seq, reason, claimed_sender, claimed_message_id FROM rejection "
            "ORDER BY id DESC LIMIT ?",
            limit,
        )
        return [Rejection(*row) for row in rows]


def _record(row: tuple[Any, ...]) -> Ingress:
    return Ingress(**dict(zip(_COLUMNS, row, strict=True)))

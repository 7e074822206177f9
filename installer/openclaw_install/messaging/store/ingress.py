"""The ledger of messages that came in: what became of each, written before its effect."""

from __future__ import annotations

import math
from typing import Unpack

from openclaw_install.messaging import models
from openclaw_install.messaging.store.database import Table, columns
from openclaw_install.messaging.store.due_threads import due_threads

# A message without a turn is held behind one of its sender that did not come in yet.
_TO_DISPATCH = "stage IN ('approved', 'dispatching') AND turn IS NOT NULL"


_WAITS_TOO_LONG = "CASE WHEN attempts = 0 AND next_attempt_at > ? THEN 0 ELSE next_attempt_at END"
_DISPATCH_HEADS = due_threads("ingress", _TO_DISPATCH, _WAITS_TOO_LONG, "turn")


class IngressTable(Table):
    """The tables `ingress` and `rejection`."""

    def add(
        self,
        number: int,
        thread_id: str,
        peer: str,
        log_id: str,
        seq: int,
        stage: models.Stage,
        *,
        held_until: float | None = None,
    ) -> None:
        """Opens the ledger's row of a message: with the next turn, or without one where it is held."""
        values = {"id": number, "thread_id": thread_id, "peer": peer, "log_id": log_id, "seq": seq}
        with self._database.write():
            self._database.insert("ingress", {**values, "stage": stage, "held_until": held_until})
            if held_until is None:
                self.give_turn(number)

    def give_turn(self, number: int) -> None:
        """Puts a message behind all that have their turn already; one that has its own keeps it."""
        self._database.change(
            "UPDATE ingress SET turn = (SELECT coalesce(max(turn), 0) + 1 FROM ingress), "
            "held_until = NULL WHERE id = ? AND turn IS NULL",
            number,
        )

    def held(self) -> int:
        """Messages that wait for one of their sender that did not come in yet."""
        return self._database.count("SELECT count(*) FROM ingress WHERE turn IS NULL")

    def get(self, number: int) -> models.Ingress | None:
        return self._one("id = ?", number)

    def update(self, number: int, **changes: Unpack[models.IngressChanges]) -> None:
        """Writes columns of a row."""
        self._database.update("ingress", number, changes, models.IngressChanges.__annotations__)

    def head(self, thread_id: str) -> models.Ingress | None:
        """The message of a thread that is to be dispatched next."""
        return self._one(f"{_TO_DISPATCH} AND thread_id = ? ORDER BY turn LIMIT 1", thread_id)

    def due_threads(
        self, now: float, *, after: str = "", limit: int = 64, longest: float = math.inf
    ) -> list[str]:
        """Threads whose oldest open message may be tried now, in the order of their ids after `after`.

        Args:
            longest: seconds; a message without an attempt that would wait for longer got its time from a
                clock that was set back, and is due.
        """
        return self._database.column(_DISPATCH_HEADS, after, now + longest, now, limit)

    def next_due(self, now: float) -> float | None:
        """When the next waiting message comes due, in seconds since the epoch; None where none waits."""
        found: float | None = self._database.value(
            f"SELECT min(next_attempt_at) FROM ingress WHERE {_TO_DISPATCH} AND next_attempt_at > ?",  # noqa: S608
            now,
        )
        return found

    def began_round(self, number: int, at: float) -> None:
        """Notes when a message was let through that goes on with an exchange; `rounds` counts these."""
        self._database.change("UPDATE ingress SET round_at = ? WHERE id = ?", at, number)

    def turn_begun(self, number: int, now: float, peer: str | None = None) -> float | None:
        """When the turn was begun that is so many back from the newest; None where there were fewer.

        Args:
            number: 1 is the newest.
            now: what lies behind it, because the clock was set back, is passed over.
            peer: only turns of this contact.
        """
        where, values = ("peer = ? AND ", (peer,)) if peer else ("", ())
        found: float | None = self._database.value(
            f"SELECT begun_at FROM ingress WHERE {where}begun_at <= ? "  # noqa: S608 - our own words
            "ORDER BY begun_at DESC LIMIT 1 OFFSET ?",
            *(*values, now, number - 1),
        )
        return found

    def turns_since(self, at: float) -> int:
        """How many turns were begun after a time."""
        return self._database.count("SELECT count(*) FROM ingress WHERE begun_at > ?", at)

    def look_again(self, now: float) -> None:
        """Has everything that waits for its pace looked at again."""
        self._database.change(
            f"UPDATE ingress SET next_attempt_at = ? WHERE {_TO_DISPATCH} AND attempts = 0 "  # noqa: S608
            "AND next_attempt_at > ?",
            *(now, now),
        )

    def paced(self, limit: int) -> dict[str, int]:
        """Contacts whose next message waits for its pace, and how many of each do, the longest line first."""
        return self._database.pairs(
            f"SELECT peer, count(*) FROM ingress WHERE {_TO_DISPATCH} AND peer IN (SELECT peer FROM ingress "  # noqa: S608
            f"WHERE {_TO_DISPATCH} AND attempts = 0 AND next_attempt_at > 0) "
            "GROUP BY peer ORDER BY count(*) DESC, peer LIMIT ?",
            limit,
        )

    def rounds(self, since: float, most: int, *, besides: int = 0) -> list[float]:
        """When the newest rounds of all threads were let through, after a time; at most `most`.

        Args:
            besides: the number of a message that does not count.
        """
        return self._database.column(
            "SELECT round_at FROM ingress WHERE round_at > ? AND id <> ? ORDER BY round_at DESC LIMIT ?",
            *(since, besides, most),
        )

    def release(self, peer: str, stage: models.Stage, reason: str = "") -> int:
        """Moves all that wait for a decision about `peer` to `stage`; returns how many."""
        with self._database.write():
            self._database.change(
                "UPDATE message SET state = ?, reason = ? WHERE id IN "
                "(SELECT id FROM ingress WHERE stage = 'pending' AND peer = ?)",
                *(stage, reason, peer),
            )
            return self._database.change(
                "UPDATE ingress SET stage = ?, reason = ? WHERE stage = 'pending' AND peer = ?",
                *(stage, reason, peer),
            )

    def waiting_places(self) -> list[tuple[int, str, int]]:
        """Number, log and place of what waits for its turn and was not acknowledged by us."""
        rows = self._database.rows(
            "SELECT id, log_id, seq FROM ingress WHERE stage IN ('approved', 'dispatching') "
            "AND acked_at IS NULL ORDER BY id"
        )
        return [(row["id"], row["log_id"], row["seq"]) for row in rows]

    def open_count(self) -> int:
        """Messages that are still to be dispatched."""
        return self._database.count(f"SELECT count(*) FROM ingress WHERE {_TO_DISPATCH}")  # noqa: S608

    def interrupted(self, limit: int = 500) -> list[models.Ingress]:
        """Rows that were under way when their process died."""
        return self._many(f"{_TO_DISPATCH} AND stage = 'dispatching' ORDER BY id LIMIT ?", limit)

    def parked(self, *, limit: int = 100) -> list[models.Ingress]:
        return self._many("stage = 'parked' ORDER BY id LIMIT ?", limit)

    def unconfirmed(self, before: float, *, limit: int = 200) -> list[models.Ingress]:
        """Accepted rows whose turn was not seen in the transcript yet, accepted before a time."""
        return self._many(
            "stage = 'accepted' AND confirmed_at IS NULL AND accepted_at < ? ORDER BY id LIMIT ?",
            *(before, limit),
        )

    def unacked(self, log_id: str, limit: int = 200) -> list[int]:
        """Sequence numbers with which we are done and which the relay still keeps."""
        return self._database.column(
            "SELECT seq FROM ingress WHERE log_id = ? AND acked_at IS NULL "
            "AND stage NOT IN ('approved', 'dispatching') "
            "UNION SELECT seq FROM rejection WHERE log_id = ? AND acked_at IS NULL ORDER BY seq LIMIT ?",
            *(log_id, log_id, limit),
        )

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
        found: str | None = self._database.value(
            "SELECT message_id FROM ingress JOIN message USING (id) WHERE log_id = ? AND ingress.seq = ? "
            "ORDER BY id DESC LIMIT 1",
            *(log_id, seq),
        )
        return found

    def reject(
        self, log_id: str, seq: int, reason: str, claimed: tuple[str, str], now: float, *, keep: int = 1000
    ) -> bool:
        """Records a refused envelope once; only the newest `keep` acknowledged ones are kept.

        Returns:
            Whether it is new.
        """
        values = {"at": now, "log_id": log_id, "seq": seq, "reason": reason}
        sender, message_id = claimed
        with self._database.write():
            new = self._database.insert(
                "rejection",
                {**values, "claimed_sender": sender, "claimed_message_id": message_id},
                unless_there=True,
            )
            self._database.change(
                "DELETE FROM rejection WHERE acked_at IS NOT NULL AND id <= "
                "(SELECT max(id) FROM rejection) - ?",
                keep,
            )
        return bool(new)

    def rejections(self, limit: int = 100) -> list[models.Rejection]:
        """The newest refused envelopes, newest first."""
        rows = self._database.rows(
            f"SELECT {columns(models.Rejection)} FROM rejection ORDER BY id DESC LIMIT ?",  # noqa: S608 - our own words
            limit,
        )
        return [models.Rejection(**row) for row in rows]

    def _one(self, where: str, *values: object) -> models.Ingress | None:
        return next(iter(self._many(where, *values)), None)

    def _many(self, where: str, *values: object) -> list[models.Ingress]:
        rows = self._database.rows(f"SELECT {columns(models.Ingress)} FROM ingress WHERE {where}", *values)  # noqa: S608
        return [models.Ingress(**row) for row in rows]

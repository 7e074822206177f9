"""Trust in the store: policies once in force, decisions, recommendations, and the history they rest on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from openclaw_install.messaging.models import trust as models
from openclaw_install.messaging.store.contacts import ContactTable
from openclaw_install.messaging.store.database import Row, Table, columns
from openclaw_install.messaging.trust.match import Subject
from openclaw_install.messaging.trust.policy import Section
from openclaw_install.messaging.untrusted import Standing, Untrusted
from openclaw_install.protocol.messages import TASK

_DECIDED = "(SELECT state FROM contact WHERE contact.did = trust_decision.did)"
_LOOKED_AT = 500
_DAY = 86_400.0
_ANSWERED = frozenset({"committed", "delivered"})


class TrustTable(Table):
    """The tables `trust_policy`, `trust_decision` and `trust_recommendation`."""

    def remember_policy(self, version: str, text: str, now: float, *, keep: int = 500) -> None:
        """Keeps the text of a policy that is in force; the oldest beyond `keep` go."""
        new = {"version": version, "text": text, "first_seen_at": now}
        with self._database.write():
            self._database.insert("trust_policy", new, unless_there=True)
            self._database.change(
                "DELETE FROM trust_policy WHERE version IN (SELECT version FROM trust_policy "
                "ORDER BY first_seen_at DESC LIMIT -1 OFFSET ?)",
                keep,
            )

    def policy_text(self, version: str) -> str | None:
        """The text of a policy that was in force once."""
        found: str | None = self._database.value("SELECT text FROM trust_policy WHERE version = ?", version)
        return found

    def record(self, decision: models.NewDecision) -> int:
        """Records a decision, and returns its number."""
        return self._database.insert("trust_decision", vars(decision))

    def decisions(self, *, did: str | None = None, limit: int = 20) -> list[models.TrustDecision]:
        """The newest decisions, newest first; of one agent, or all."""
        where, values = ("WHERE did = ? ", (did,)) if did else ("", ())
        rows = self._database.rows(
            f"SELECT {columns(models.TrustDecision)}, {_DECIDED} AS state FROM trust_decision "  # noqa: S608 - our own words
            f"{where}ORDER BY id DESC LIMIT ?",
            *(*values, limit),
        )
        return [_decision(**row) for row in rows]

    def recommendations(self, thread_id: str, limit: int = 50) -> list[models.Recommendation]:
        """The newest recommendations of a thread, newest first."""
        rows = self._database.rows(
            f"SELECT {columns(models.Recommendation)} FROM trust_recommendation "  # noqa: S608 - our own words
            "WHERE thread_id = ? ORDER BY id DESC LIMIT ?",
            *(thread_id, limit),
        )
        return [models.Recommendation(**row) for row in rows]

    def add_recommendation(self, new: models.Recommendation) -> models.Recommendation:
        """Stores a recommendation, and returns it with its number."""
        values = {name: value for name, value in vars(new).items() if name != "id"}
        return replace(new, id=self._database.insert("trust_recommendation", values))

    def move_recommendation(
        self, number: int, state: models.RecommendationState, by: str, now: float, policy_version: str
    ) -> None:
        """Brings a recommendation into another state."""
        self._database.change(
            "UPDATE trust_recommendation SET state = ?, changed_by = ?, changed_at = ?, "
            "policy_version = ? WHERE id = ?",
            *(state, by, now, policy_version, number),
        )

    def undecided(self, *, after: str = "", limit: int = 200) -> list[str]:
        """The DIDs of contacts that no person has decided about, in order after `after`."""
        return self._database.column(
            "SELECT did FROM contact WHERE did > ? AND "
            "((state IN ('pending', 'awaiting_reply') AND decided_at IS NULL) "
            "OR decided_by = 'outbound' "
            "OR (decided_by >= 'policy:' AND decided_by < 'policy;')) ORDER BY did LIMIT ?",
            *(after, limit),
        )

    def thread_history(self, thread_id: str, peer: str, now: float) -> models.ThreadHistory:
        """What the newest 500 messages of a thread and its contact say."""
        rows = self._database.rows(
            "SELECT direction, schema, state, known_at FROM message WHERE thread_id = ? "
            "ORDER BY id DESC LIMIT ?",
            *(thread_id, _LOOKED_AT),
        )[::-1]
        contact = ContactTable(self._database).get(peer)
        incoming = [row for row in rows if row["direction"] == "in"]
        return models.ThreadHistory(
            thread_id=thread_id,
            subject=Subject(peer, contact.alias if contact else None),
            state=contact.state if contact else "pending",
            decided=contact is not None and contact.decided_at is not None,
            exchanges=_exchanges(rows),
            tasks=sum(row["schema"] == TASK for row in incoming),
            parked=sum(row["state"] == "parked" and now - row["known_at"] < 30 * _DAY for row in incoming),
            last_hour=sum(0 <= now - row["known_at"] < 3600 for row in incoming),
            unanswered=_unanswered(rows),
            waiting=contact.waiting if contact else 0,
            refused=self._refused(peer) if contact and contact.state == "rejected" else 0,
            known_days=max(0, int((now - contact.first_seen_at) / _DAY)) if contact else 0,
        )

    def _refused(self, peer: str) -> int:
        return self._database.count(
            "SELECT count(*) FROM rejection WHERE claimed_sender = ? AND reason = 'contact_rejected'", peer
        )

    def past(self, since: float, *, limit: int = 20_000) -> tuple[list[models.PastEvent], bool]:
        """First contacts and tasks since a time, oldest first, and whether older ones were left out.

        Args:
            since: seconds since the epoch.
            limit: of each kind, the newest.
        """
        contacts = self._database.rows(
            "SELECT first_seen_at AS at, did, alias, NULL AS thread_id, NULL AS message_id, "
            "state AS outcome, decided_by FROM contact "
            "WHERE first_seen_at >= ? AND origin = 'inbound' ORDER BY first_seen_at DESC LIMIT ?",
            *(since, limit + 1),
        )
        tasks = self._database.rows(
            "SELECT message.known_at AS at, message.peer AS did, contact.alias, message.thread_id, "
            "message.message_id, message.state AS outcome, contact.decided_by "
            "FROM message LEFT JOIN contact ON contact.did = message.peer "
            "WHERE message.direction = 'in' AND message.schema = 'pingagent.task@1' "
            "AND message.known_at >= ? ORDER BY message.known_at DESC LIMIT ?",
            *(since, limit + 1),
        )
        # Who was turned away by the policy at the first message never became a contact.
        refused = self._database.rows(
            "SELECT min(at) AS at, claimed_sender AS did, NULL AS alias, NULL AS thread_id, "
            "NULL AS message_id, reason AS outcome, 'policy:' AS decided_by FROM rejection "
            "WHERE at >= ? AND reason IN ('policy_reject', 'policy_block') GROUP BY claimed_sender LIMIT ?",
            *(since, limit),
        )
        cut = len(contacts) > limit or len(tasks) > limit
        found = [_past("contact", **one) for one in (*contacts[:limit], *refused)]
        found += [_past("task", **one) for one in tasks[:limit]]
        return sorted(found, key=lambda one: one.at), cut


def _decision(*, detail: str, state: Standing | None, **columns: Any) -> models.TrustDecision:
    standing: Standing = state or ("ours" if columns["did"] is None else "unknown")
    return models.TrustDecision(detail=Untrusted(detail, standing), **columns)


def _past(section: Section, *, did: str, alias: str | None, **columns: Any) -> models.PastEvent:
    return models.PastEvent(section=section, subject=Subject(did, Untrusted(alias, "unknown")), **columns)


def _exchanges(rows: list[Row]) -> int:
    """How often a message, or several in a row, came in and was answered with a committed one."""
    count, open_question = 0, False
    for row in rows:
        if row["direction"] == "in":
            open_question = True
        elif open_question and row["state"] in _ANSWERED:
            count, open_question = count + 1, False
    return count


def _unanswered(rows: list[Row]) -> int:
    newest_out = max((n for n, row in enumerate(rows) if row["direction"] == "out"), default=-1)
    return sum(row["direction"] == "in" for row in rows[newest_out + 1 :])

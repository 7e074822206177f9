"""What the overviews count and list across the tables; every count is bounded, so it stays quick."""

from __future__ import annotations

from openclaw_install.messaging.models import ContactState, Session
from openclaw_install.messaging.models.sessions import Conversation, Figures
from openclaw_install.messaging.pacing import Passed
from openclaw_install.messaging.store import sessions
from openclaw_install.messaging.store.contacts import COLUMNS, contact_of
from openclaw_install.messaging.store.database import Row, Table
from openclaw_install.messaging.untrusted import PERSON, Untrusted

MOST_COUNTED = 1000
_VISIBLE = "schema NOT IN ('pingagent.receipt@1', 'pingagent.control@1')"
# In the words of the indexes message_came_in and outbox_by_agent, or SQLite does not use them.
_CAME_IN = f"message WHERE thread_id = ?1 AND direction = 'in' AND {_VISIBLE}"
_BY_AGENT = (
    f"outbox WHERE thread_id = ?1 AND substr(queued_by, 1, {len(PERSON)}) <> '{PERSON}' AND {_VISIBLE}"
)
# A hop from round to round, newest first: cheap where thousands of messages lie between two of them.
EXCHANGE = f"""
WITH RECURSIVE answer (id) AS (
    SELECT (SELECT max(id) FROM {_BY_AGENT} AND id < (SELECT max(id) FROM {_CAME_IN}))
    UNION ALL
    SELECT (SELECT max(id) FROM {_BY_AGENT} AND id < (SELECT max(id) FROM {_CAME_IN} AND id < answer.id))
    FROM answer WHERE answer.id IS NOT NULL LIMIT ?2
)
SELECT (SELECT queued_at FROM outbox WHERE id = answer.id) AS sent,
       (SELECT known_at FROM {_CAME_IN} AND id > answer.id ORDER BY id LIMIT 1) AS came
FROM answer WHERE id IS NOT NULL ORDER BY id
"""  # noqa: S608 - our own words
_FILTERS: dict[str, str] = {
    "waiting": "ingress WHERE stage IN ('approved', 'dispatching')",
    "paced": "ingress WHERE stage IN ('approved', 'dispatching') AND attempts = 0 AND next_attempt_at > 0",
    "parked": "ingress WHERE stage = 'parked'",
    "outgoing": "outbox WHERE state IN ('queued', 'sending')",
    "failed": "outbox WHERE state = 'failed'",
}
ContactOrder = tuple[float, str]


class OverviewTable(Table):
    """Reads over several tables; it writes nothing."""

    def figures(self, thread_id: str | None = None) -> Figures:
        """How much is under way, of all threads or of one."""
        return Figures(**{name: self._counted(rows, thread_id) for name, rows in _FILTERS.items()})

    def _counted(self, rows: str, thread_id: str | None) -> int:
        where, values = (" AND thread_id = ?", (thread_id,)) if thread_id else ("", ())
        return self._database.count(
            f"SELECT count(*) FROM (SELECT 1 FROM {rows}{where} LIMIT ?)",  # noqa: S608 - our own words
            *(*values, MOST_COUNTED),
        )

    def next_unread(self, *, besides: str | None = None) -> Session | None:
        """The approved contact's thread with unread messages that is quiet for longest."""
        # CROSS JOIN keeps SQLite from beginning with the contacts: the index of unread threads has the order.
        row = self._database.row(
            f"SELECT {sessions.COLUMNS} FROM session "  # noqa: S608 - our own words
            "CROSS JOIN contact ON contact.did = session.peer AND contact.state = 'approved' "
            "WHERE unread > 0 AND session.thread_id IS NOT ? "
            "ORDER BY last_activity_at, session.thread_id DESC LIMIT 1",
            besides,
        )
        return sessions.session_of(row) if row else None

    def unread_after(self, thread_id: str, number: int) -> int:
        """How many visible messages came in after a local number; at most 1000 are counted."""
        return self._database.count(
            "SELECT count(*) FROM (SELECT 1 FROM message WHERE thread_id = ? AND id > ? "  # noqa: S608
            f"AND direction = 'in' AND {_VISIBLE} LIMIT ?)",
            *(thread_id, number, MOST_COUNTED),
        )

    def exchange(self, thread_id: str, most: int) -> list[Passed]:
        """The newest rounds of a thread, oldest first: an answer of the agent, and what came in next.

        Args:
            most: so many rounds.
        """
        rows = self._database.rows(EXCHANGE, thread_id, most)
        return [one for row in rows for one in (Passed("out", row["sent"]), Passed("in", row["came"]))]

    def conversations(
        self, state: ContactState | None, *, after: ContactOrder | None = None, limit: int = 20
    ) -> list[Conversation]:
        """Contacts in a lasting order, those that came (or were decided about) first at the front.

        Args:
            state: only these; None gives all.
            after: `(time, did)` of the last one of the page before: of its `updated_at` where `state` is
                given, else of its `first_seen_at`.
        """
        column = "first_seen_at" if state is None else "updated_at"
        at, did = after or (float("-inf"), "")
        where, values = ("contact.state = ? AND ", (state,)) if state else ("", ())
        rows = self._database.rows(
            f"SELECT {COLUMNS}, session.thread_id, session.preview, session.unread, "  # noqa: S608
            "session.last_activity_at, session.last_direction FROM contact "
            "LEFT JOIN session ON session.peer = contact.did "
            f"WHERE {where}contact.{column} >= ? AND (contact.{column} > ? OR contact.did > ?) "
            f"ORDER BY contact.{column}, contact.did LIMIT ?",
            *(*values, at, at, did, limit),
        )
        return [_conversation(row) for row in rows]


def _conversation(row: Row) -> Conversation:
    values = dict(row)
    thread, unread, at = (values.pop(name) for name in ("thread_id", "unread", "last_activity_at"))
    preview, direction = values.pop("preview"), values.pop("last_direction")
    contact = contact_of(**values)
    said = Untrusted(preview or "", "ours" if direction == "out" else contact.state)
    return Conversation(contact, thread, said, unread or 0, at)

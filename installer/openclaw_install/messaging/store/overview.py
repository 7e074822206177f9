"""What the overviews count and list across the tables; every count is bounded, so it stays quick."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from openclaw_install.messaging.bridge.pacing import Passed
from openclaw_install.messaging.models import Contact, ContactState, Event, Session
from openclaw_install.messaging.store import sessions
from openclaw_install.messaging.store.contacts import COLUMNS, contact_of
from openclaw_install.messaging.store.database import Database
from openclaw_install.messaging.untrusted import PERSON, Untrusted

MOST_COUNTED = 1000
TRANSPORT_KINDS = ("transport.degraded", "transport.blocked", "transport.repaired", "relay.data_lost")
_TRANSPORT = ", ".join(f"'{kind}'" for kind in TRANSPORT_KINDS)
_EVENT = "SELECT id, at, kind, thread_id, message_id, data FROM event"
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
SELECT (SELECT queued_at FROM outbox WHERE id = answer.id),
       (SELECT known_at FROM {_CAME_IN} AND id > answer.id ORDER BY id LIMIT 1)
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


@dataclass(frozen=True)
class Figures:
    """How much is under way or stuck; 1000 stands for that many or more.

    Attributes:
        waiting: messages here that have still to go to the agent.
        paced: those of them that wait because agents answer each other without a pause.
        parked: messages that were given up and kept.
        outgoing: messages that are still to be sent.
        failed: messages that were not sent and will not be.
    """

    waiting: int
    paced: int
    parked: int
    outgoing: int
    failed: int


@dataclass(frozen=True)
class Conversation:
    """A contact with the preview of its thread; None and 0 where there is no thread yet."""

    contact: Contact
    thread_id: str | None
    preview: Untrusted[str]
    unread: int
    last_activity_at: float | None


class OverviewTable:
    """Reads over several tables; it writes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
        found = self._database.records(
            f"SELECT {sessions.COLUMNS} FROM session "  # noqa: S608 - our own words
            "CROSS JOIN contact ON contact.did = session.peer AND contact.state = 'approved' "
            "WHERE unread > 0 AND session.thread_id IS NOT ? "
            "ORDER BY last_activity_at, session.thread_id DESC LIMIT 1",
            besides,
        )
        return sessions.session_of(found[0]) if found else None

    def unread_after(self, thread_id: str, number: int) -> int:
        """How many visible messages came in after a local number; at most 1000 are counted."""
        return self._database.count(
            "SELECT count(*) FROM (SELECT 1 FROM message WHERE thread_id = ? AND id > ? "
            "AND direction = 'in' AND schema NOT IN ('pingagent.receipt@1', 'pingagent.control@1') LIMIT ?)",
            *(thread_id, number, MOST_COUNTED),
        )

    def exchange(self, thread_id: str, most: int) -> list[Passed]:
        """The newest rounds of a thread, oldest first: an answer of the agent, and what came in next.

        Args:
            most: so many rounds.
        """
        rows = self._database.rows(EXCHANGE, thread_id, most)
        return [one for sent, came in rows for one in (Passed("out", sent), Passed("in", came))]

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
        found = self._database.records(
            f"SELECT {COLUMNS}, session.thread_id, session.preview, session.unread, "  # noqa: S608
            "session.last_activity_at, session.last_direction FROM contact "
            "LEFT JOIN session ON session.peer = contact.did "
            f"WHERE {where}contact.{column} >= ? AND (contact.{column} > ? OR contact.did > ?) "
            f"ORDER BY contact.{column}, contact.did LIMIT ?",
            *(*values, at, at, did, limit),
        )
        return [_conversation(**one) for one in found]

    def events_before(
        self, *, thread_id: str | None, message_id: str | None, before: int | None, limit: int
    ) -> list[Event]:
        """The newest events of a thread, or of one message of it, before a cursor; newest first."""
        name, value = ("message_id", message_id) if message_id else ("thread_id", thread_id)
        and_thread = " AND thread_id = ?" if message_id and thread_id else ""
        rows = self._database.rows(
            f"{_EVENT} WHERE {name} = ?{and_thread} AND id < ? ORDER BY id DESC LIMIT ?",
            *(value, *([thread_id] if and_thread else []), 2**62 if before is None else before, limit),
        )
        return [_event(row) for row in rows]

    def transport_events(self, after: int, before: int, *, limit: int = 20) -> list[Event]:
        """What happened to the transport between two cursors, newest first."""
        rows = self._database.rows(
            f"{_EVENT} WHERE kind IN ({_TRANSPORT}) AND id > ? AND id < ? ORDER BY id DESC LIMIT ?",
            *(after, before, limit),
        )
        return [_event(row) for row in rows]

    def gaps(self) -> dict[str, int]:
        """How many of the relay's numbers are missing here, by why."""
        found = dict(self._database.rows("SELECT why, count(*) FROM gap GROUP BY why"))
        return {"withheld": found.get("withheld", 0), "deferred": found.get("deferred", 0)}


def _conversation(
    *,
    thread_id: str | None,
    preview: str | None,
    unread: int | None,
    last_activity_at: float | None,
    last_direction: str | None,
    **columns: Any,
) -> Conversation:
    contact = contact_of(**columns)
    said = Untrusted(preview or "", "ours" if last_direction == "out" else contact.state)
    return Conversation(contact, thread_id, said, unread or 0, last_activity_at)


def _event(row: tuple[Any, ...]) -> Event:
    return Event(*(*row[:5], json.loads(row[5])))

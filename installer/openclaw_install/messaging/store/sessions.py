"""Collaboration threads: activity, unread counts, the focused one, their notes and session bindings."""

from __future__ import annotations

import json
from collections.abc import Sequence

from openclaw_install.messaging.models import Direction, RouteMode, Session
from openclaw_install.messaging.models.bindings import Binding, KeptBinding
from openclaw_install.messaging.models.sessions import Summary
from openclaw_install.messaging.store.database import Row, Table, columns
from openclaw_install.messaging.summary import stored_fields
from openclaw_install.messaging.untrusted import Standing, Untrusted
from openclaw_install.protocol.did import canonical_thread, names_thread_of, thread_names

_OF_CONTACT = "contact.state AS decided, contact.alias, contact.display_name"
COLUMNS = f"{columns(Session, 'session', without=('trust', 'alias', 'display_name'))}, {_OF_CONTACT}"
"""What `session_of` makes a thread of."""
_SELECT = f"SELECT {COLUMNS} FROM session LEFT JOIN contact ON contact.did = session.peer"  # noqa: S608 - our own words


class SessionTable(Table):
    """The tables `session` and `focus`."""

    def touch(
        self, thread_id: str, peer: str, message: int, direction: Direction, preview: str, now: float
    ) -> None:
        """Notes a new message of the thread, and makes the thread where it is new."""
        self._database.change(
            "INSERT INTO session (thread_id, peer, created_at, last_activity_at, last_message, "
            "last_direction, preview, unread) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (thread_id) DO UPDATE SET last_activity_at = excluded.last_activity_at, "
            "last_message = excluded.last_message, last_direction = excluded.last_direction, "
            "preview = excluded.preview, unread = unread + excluded.unread",
            *(thread_id, peer, now, now, message, direction, preview, int(direction == "in")),
        )

    def routed(self, thread_id: str, session_key: str, mode: RouteMode, degraded: str | None) -> None:
        """Notes the OpenClaw session that the thread's newest message went to."""
        self._database.change(
            "UPDATE session SET session_key = ?, route_mode = ?, degraded = ? WHERE thread_id = ?",
            *(session_key, mode, degraded, thread_id),
        )

    def get(self, thread_id: str) -> Session | None:
        return self._one("WHERE thread_id = ?", thread_id)

    def of_peer(self, did: str) -> Session | None:
        """The thread with an agent; the most recent where there are several."""
        return self._one("WHERE peer = ? ORDER BY last_activity_at DESC LIMIT 1", did)

    def named(self, thread_ids: Sequence[str]) -> dict[str, Session]:
        """Those of these threads that are here, by their ids."""
        marks = ", ".join("?" * len(thread_ids))
        return {one.thread_id: one for one in self._many(f"WHERE thread_id IN ({marks})", *thread_ids)}

    def local_id(self, me: str, peer: str) -> str:
        """The id under which this store has, or will have, our thread with an agent.

        On the wire each version of the envelope has its own name for it. Here it keeps the one that it began
        with, because sessions of the host, notes and people know it by that.

        Raises:
            ProtocolError: one is no DID, or both are the same.
        """
        older, newer = thread_names(me, peer)
        known = self._database.row("SELECT 1 FROM message WHERE thread_id = ? LIMIT 1", older)
        return older if known else newer

    def by_name(self, me: str, name: str) -> Session | None:
        """The thread that an id names, be it our own or the one that the other side's store has for it.

        Raises:
            ProtocolError: it is no id of a direct thread.
        """
        if found := self.get(canonical_thread(name)):
            return found
        peers = self._database.column("SELECT DISTINCT peer FROM session")
        peer = next((did for did in peers if names_thread_of(name, me, did)), None)
        return self.get(self.local_id(me, peer)) if peer else None

    def recent(
        self,
        *,
        limit: int = 20,
        unread_only: bool = False,
        before: tuple[float, str] | None = None,
    ) -> list[Session]:
        """Threads by activity, newest first.

        Args:
            limit: at most so many.
            unread_only: only those with unread messages.
            before: `(last_activity_at, thread_id)` of the last one of the page before.
        """
        at, thread = before or (float("inf"), "")
        unread = "unread > 0 AND " if unread_only else ""
        return self._many(
            f"WHERE {unread}last_activity_at <= ? "
            "AND (last_activity_at < ? OR thread_id > ?) ORDER BY last_activity_at DESC, thread_id LIMIT ?",
            *(at, at, thread, limit),
        )

    def mark_read(self, thread_id: str) -> int:
        """Clears the unread count, and returns what it was."""
        with self._database.write():
            before = self._database.count("SELECT unread FROM session WHERE thread_id = ?", thread_id)
            if before:
                self.lower_unread(thread_id, 0)
        return before

    def lower_unread(self, thread_id: str, most: int) -> None:
        """Brings the unread count down to `most`; it is never raised."""
        self._database.change(
            "UPDATE session SET unread = min(unread, ?) WHERE thread_id = ?", most, thread_id
        )

    def counts(self) -> tuple[int, int]:
        """How many threads there are, and how many of them have unread messages."""
        return (
            self._database.count("SELECT count(*) FROM session"),
            self._database.count("SELECT count(*) FROM session WHERE unread > 0"),
        )

    def set_focus(self, caller: str, thread_id: str, now: float) -> None:
        """Makes a thread the one that `caller` works in."""
        self._database.put("focus", "caller", {"caller": caller, "thread_id": thread_id, "at": now})

    def focus(self, caller: str) -> str | None:
        """The thread that `caller` works in."""
        found: str | None = self._database.value("SELECT thread_id FROM focus WHERE caller = ?", caller)
        return found

    def with_prefix(self, text: str, limit: int = 50) -> list[str]:
        """Thread ids that begin with `text`, for completion in a shell."""
        return self._database.column(
            "SELECT thread_id FROM session WHERE thread_id >= ? AND thread_id < ? ORDER BY thread_id LIMIT ?",
            *(text, text + "\U0010ffff", limit),
        )

    def _one(self, where: str, *values: object) -> Session | None:
        return next(iter(self._many(where, *values)), None)

    def _many(self, where: str, *values: object) -> list[Session]:
        return [session_of(row) for row in self._database.rows(f"{_SELECT} {where}", *values)]


class SummaryTable(Table):
    """The table `session_summary`: the carry-forward notes of the threads."""

    def get(self, thread_id: str) -> Summary:
        """The thread's note; an empty one where none was written."""
        row = self._database.row(
            f"SELECT {columns(Summary, 'session_summary')}, contact.state AS decided "  # noqa: S608 - our own words
            "FROM session_summary LEFT JOIN session USING (thread_id) "
            "LEFT JOIN contact ON contact.did = session.peer WHERE session_summary.thread_id = ?",
            thread_id,
        )
        if row is None:
            return Summary(thread_id)
        values = dict(row)
        decided = values.pop("decided")
        # To whom only we have written, nothing can be quoted yet.
        standing: Standing = "ours" if decided == "awaiting_reply" else decided or "unknown"
        stored = json.loads(values.pop("fields"))
        read = {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
        return Summary(**values, fields=Untrusted(read, standing))

    def put(self, summary: Summary) -> None:
        """Writes the note in the place of the one before."""
        values = {**vars(summary), "fields": stored_fields(summary)}
        self._database.put("session_summary", "thread_id", values)


class BindingTable(Table):
    """The table `session_binding`: threads that go to a working session of their own."""

    def get(self, thread_id: str) -> Binding | None:
        row = self._database.row(
            f"SELECT {columns(Binding)} FROM session_binding WHERE thread_id = ?",  # noqa: S608 - our own words
            thread_id,
        )
        return Binding(**row) if row else None

    def listed(self, *, after: str = "", limit: int = 50) -> list[KeptBinding]:
        """Bindings by thread id, after the one that ended the page before."""
        rows = self._database.rows(
            f"SELECT {columns(Binding, 'session_binding')}, session.peer, {_OF_CONTACT} "  # noqa: S608 - our own words
            "FROM session_binding LEFT JOIN session USING (thread_id) "
            "LEFT JOIN contact ON contact.did = session.peer "
            "WHERE session_binding.thread_id > ? ORDER BY session_binding.thread_id LIMIT ?",
            *(after, limit),
        )
        return [_kept(row) for row in rows]

    def count(self) -> int:
        return self._database.count("SELECT count(*) FROM session_binding")

    def put(self, binding: Binding) -> None:
        """Binds a thread, in the place of what it was bound to before."""
        self._database.put("session_binding", "thread_id", vars(binding))

    def remove(self, thread_id: str) -> None:
        self._database.change("DELETE FROM session_binding WHERE thread_id = ?", thread_id)


def _kept(row: Row) -> KeptBinding:
    values = dict(row)
    did = values.pop("peer")
    standing: Standing = values.pop("decided") or "unknown"
    alias, display_name = (Untrusted(values.pop(name), standing) for name in ("alias", "display_name"))
    return KeptBinding(Binding(**values), did, alias, display_name)


def session_of(row: Row) -> Session:
    """A row of `session` joined with its contact; what the other side wrote or calls itself is closed."""
    values = dict(row)
    decided = values.pop("decided")
    standing: Standing = "ours" if row["last_direction"] == "out" else decided or "unknown"
    values["preview"] = Untrusted(row["preview"], standing)
    for name in ("alias", "display_name"):
        values[name] = Untrusted(row[name], decided or "unknown")
    return Session(**values, trust=decided or "pending")

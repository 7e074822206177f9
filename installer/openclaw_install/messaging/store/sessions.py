"""Collaboration threads: activity, unread counts, and which thread each caller works in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openclaw_install.messaging.models import Direction, RouteMode, Session
from openclaw_install.messaging.store.database import Database
from openclaw_install.messaging.untrusted import Standing, Untrusted

COLUMNS = (
    "session.thread_id, session.peer, created_at, last_activity_at, last_message, last_direction, preview, "
    "unread, session_key, route_mode, degraded, contact.state AS decided, contact.alias, contact.display_name"
)
_SELECT = f"SELECT {COLUMNS} FROM session LEFT JOIN contact ON contact.did = session.peer"  # noqa: S608 - our own words


class SessionTable:
    """The tables `session` and `focus`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def touch(
        self, thread_id: str, peer: str, message: int, direction: Direction, preview: str, now: float
    ) -> None:
        """Notes a new message of the thread, and makes the thread where it is new."""
        unread = 1 if direction == "in" else 0
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO session (thread_id, peer, created_at, last_activity_at, last_message, "
                "last_direction, preview, unread) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (thread_id) DO UPDATE SET last_activity_at = excluded.last_activity_at, "
                "last_message = excluded.last_message, last_direction = excluded.last_direction, "
                "preview = excluded.preview, unread = unread + excluded.unread",
                (thread_id, peer, now, now, message, direction, preview, unread),
            )

    def routed(self, thread_id: str, session_key: str, mode: RouteMode, degraded: str | None) -> None:
        """Notes the OpenClaw session that the thread's newest message went to."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE session SET session_key = ?, route_mode = ?, degraded = ? WHERE thread_id = ?",
                (session_key, mode, degraded, thread_id),
            )

    def get(self, thread_id: str) -> Session | None:
        return self._one("WHERE thread_id = ?", thread_id)

    def of_peer(self, did: str) -> Session | None:
        """The thread with an agent; the most recent where there are several."""
        return self._one("WHERE peer = ? ORDER BY last_activity_at DESC LIMIT 1", did)

    def named(self, thread_ids: Sequence[str]) -> dict[str, Session]:
        """Those of these threads that are here, by their ids."""
        marks = ", ".join("?" * len(thread_ids))
        rows = self._database.records(f"{_SELECT} WHERE thread_id IN ({marks})", *thread_ids)
        return {row["thread_id"]: session_of(row) for row in rows}

    def peers(self) -> list[str]:
        """The other sides of all threads."""
        return [row[0] for row in self._database.rows("SELECT DISTINCT peer FROM session")]

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
        rows = self._database.records(
            f"{_SELECT} WHERE {unread}last_activity_at <= ? "
            "AND (last_activity_at < ? OR thread_id > ?) ORDER BY last_activity_at DESC, thread_id LIMIT ?",
            *(at, at, thread, limit),
        )
        return [session_of(row) for row in rows]

    def mark_read(self, thread_id: str) -> int:
        """Clears the unread count, and returns what it was."""
        with self._database.write() as connection:
            before = self._database.count("SELECT unread FROM session WHERE thread_id = ?", thread_id)
            if before:
                connection.execute("UPDATE session SET unread = 0 WHERE thread_id = ?", (thread_id,))
        return before

    def lower_unread(self, thread_id: str, most: int) -> None:
        """Brings the unread count down to `most`; it is never raised."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE session SET unread = min(unread, ?) WHERE thread_id = ?", (most, thread_id)
            )

    def counts(self) -> tuple[int, int]:
        """How many threads there are, and how many of them have unread messages."""
        return (
            self._database.count("SELECT count(*) FROM session"),
            self._database.count("SELECT count(*) FROM session WHERE unread > 0"),
        )

    def set_focus(self, caller: str, thread_id: str, now: float) -> None:
        """Makes a thread the one that `caller` works in."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO focus (caller, thread_id, at) VALUES (?, ?, ?) ON CONFLICT (caller) "
                "DO UPDATE SET thread_id = excluded.thread_id, at = excluded.at",
                (caller, thread_id, now),
            )

    def focus(self, caller: str) -> str | None:
        """The thread that `caller` works in."""
        row = self._database.row("SELECT thread_id FROM focus WHERE caller = ?", caller)
        return row[0] if row else None

    def with_prefix(self, text: str, limit: int = 50) -> list[str]:
        """Thread ids that begin with `text`, for completion in a shell."""
        return [
            row[0]
            for row in self._database.rows(
                "SELECT thread_id FROM session WHERE thread_id >= ? AND thread_id < ? "
                "ORDER BY thread_id LIMIT ?",
                *(text, text + "\U0010ffff", limit),
            )
        ]

    def _one(self, where: str, *values: object) -> Session | None:
        found = self._database.records(f"{_SELECT} {where}", *values)
        return session_of(found[0]) if found else None


def session_of(row: dict[str, Any]) -> Session:
    """A row of `session` joined with its contact; what the other side wrote or calls itself is closed."""
    decided = row.pop("decided")
    standing: Standing = "ours" if row["last_direction"] == "out" else decided or "unknown"
    row["preview"] = Untrusted(row["preview"], standing)
    for name in ("alias", "display_name"):
        row[name] = Untrusted(row[name], decided or "unknown")
    return Session(**row, trust=decided or "pending")

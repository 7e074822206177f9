"""The carry-forward notes of the threads."""

from __future__ import annotations

import json

from openclaw_install.messaging.control_records import FieldValue, Summary
from openclaw_install.messaging.store.database import Database
from openclaw_install.messaging.untrusted import Standing, Untrusted


class SummaryTable:
    """The table `session_summary`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, thread_id: str) -> Summary:
        """The thread's note; an empty one where none was written."""
        row = self._database.row(
            "SELECT session_summary.thread_id, fields, revision, session_summary.updated_at, updated_by, "
            "contact.state FROM session_summary LEFT JOIN session USING (thread_id) "
            "LEFT JOIN contact ON contact.did = session.peer WHERE session_summary.thread_id = ?",
            thread_id,
        )
        if row is None:
            return Summary(thread_id)
        *values, decided = row
        # To whom only we have written, nothing can be quoted yet.
        standing: Standing = "ours" if decided == "awaiting_reply" else decided or "unknown"
        values[1] = Untrusted(_fields(values[1]), standing)
        return Summary(*values)

    def put(self, summary: Summary) -> None:
        """Writes the note in the place of the one before."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO session_summary (thread_id, fields, revision, updated_at, updated_by) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (thread_id) DO UPDATE SET fields = excluded.fields, "
                "revision = excluded.revision, updated_at = excluded.updated_at, "
                "updated_by = excluded.updated_by",
                (
                    summary.thread_id,
                    json.dumps(dict(summary.fields.carried()), ensure_ascii=False),
                    *(summary.revision, summary.updated_at, summary.updated_by),
                ),
            )


def _fields(text: str) -> dict[str, FieldValue]:
    stored = json.loads(text)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}

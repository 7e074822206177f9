"""Which threads go to a working session of their own."""

from __future__ import annotations

from openclaw_install.messaging.control_records import Binding
from openclaw_install.messaging.store.database import Database

_SELECT = "SELECT thread_id, session_key, origin, bound_at, bound_by FROM session_binding"


class BindingTable:
    """The table `session_binding`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, thread_id: str) -> Binding | None:
        row = self._database.row(f"{_SELECT} WHERE thread_id = ?", thread_id)
        return Binding(*row) if row else None

    def listed(self, *, after: str = "", limit: int = 50) -> list[Binding]:
        """Bindings by thread id, after the one that ended the page before."""
        rows = self._database.rows(f"{_SELECT} WHERE thread_id > ? ORDER BY thread_id LIMIT ?", after, limit)
        return [Binding(*row) for row in rows]

    def count(self) -> int:
        return self._database.count("SELECT count(*) FROM session_binding")

    def put(self, binding: Binding) -> None:
        """Binds a thread, in the place of what it was bound to before."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO session_binding (thread_id, session_key, origin, bound_at, bound_by) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (thread_id) DO UPDATE SET "
                "session_key = excluded.session_key, origin = excluded.origin, "
                "bound_at = excluded.bound_at, bound_by = excluded.bound_by",
                (
                    *(binding.thread_id, binding.session_key, binding.origin),
                    *(binding.bound_at, binding.bound_by),
                ),
            )

    def remove(self, thread_id: str) -> None:
        with self._database.write() as connection:
            connection.execute("DELETE FROM session_binding WHERE thread_id = ?", (thread_id,))

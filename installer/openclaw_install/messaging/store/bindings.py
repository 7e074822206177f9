"""Which threads go to a working session of their own."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from openclaw_install.messaging.models.bindings import Binding, KeptBinding
from openclaw_install.messaging.store.database import Database
from openclaw_install.messaging.untrusted import Standing, Untrusted

_NAMES = tuple(one.name for one in fields(Binding))
_COLUMNS = ", ".join(f"session_binding.{name}" for name in _NAMES)


class BindingTable:
    """The table `session_binding`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, thread_id: str) -> Binding | None:
        found = self._database.records(
            f"SELECT {_COLUMNS} FROM session_binding WHERE thread_id = ?",  # noqa: S608 - our own words
            thread_id,
        )
        return Binding(**found[0]) if found else None

    def listed(self, *, after: str = "", limit: int = 50) -> list[KeptBinding]:
        """Bindings by thread id, after the one that ended the page before."""
        found = self._database.records(
            f"SELECT {_COLUMNS}, session.peer, contact.alias, contact.display_name, contact.state "  # noqa: S608 - our own words
            "FROM session_binding LEFT JOIN session USING (thread_id) "
            "LEFT JOIN contact ON contact.did = session.peer "
            "WHERE session_binding.thread_id > ? ORDER BY session_binding.thread_id LIMIT ?",
            *(after, limit),
        )
        return [_kept(**one) for one in found]

    def count(self) -> int:
        return self._database.count("SELECT count(*) FROM session_binding")

    def put(self, binding: Binding) -> None:
        """Binds a thread, in the place of what it was bound to before."""
        with self._database.write() as connection:
            connection.execute(
                f"INSERT INTO session_binding ({', '.join(_NAMES)}) "  # noqa: S608 - our own words
                f"VALUES (:{', :'.join(_NAMES)}) "
                "ON CONFLICT (thread_id) DO UPDATE SET session_key = excluded.session_key, "
                "origin = excluded.origin, bound_at = excluded.bound_at, bound_by = excluded.bound_by",
                asdict(binding),
            )

    def remove(self, thread_id: str) -> None:
        with self._database.write() as connection:
            connection.execute("DELETE FROM session_binding WHERE thread_id = ?", (thread_id,))


def _kept(
    *, peer: str | None, alias: str | None, display_name: str | None, state: Any, **columns: Any
) -> KeptBinding:
    standing: Standing = state or "unknown"
    return KeptBinding(
        Binding(**columns), peer, Untrusted(alias, standing), Untrusted(display_name, standing)
    )

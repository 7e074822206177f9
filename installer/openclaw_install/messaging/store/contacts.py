"""Contacts, every decision about them, and the newest card that is known of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from openclaw_install.messaging.models.contacts import Contact, ContactState, Decision, Opened, Origin
from openclaw_install.messaging.store.database import Table, columns
from openclaw_install.messaging.untrusted import Untrusted

_DEFERRED = "(SELECT count(*) FROM gap WHERE why = 'deferred' AND peer = contact.did) AS deferred"
COLUMNS = f"{columns(Contact, 'contact', without=('deferred',))}, {_DEFERRED}"
"""What `contact_of` makes a contact of."""
_SELECT = f"SELECT {COLUMNS} FROM contact"  # noqa: S608 - our own words

# In the words of the index, which SQLite would pass over for that of the states.
_KNOCKS = (
    "contact INDEXED BY contact_knocks WHERE state = 'pending' AND origin = 'inbound' AND waiting = 0 "
    "AND decided_at IS NULL AND last_knock_at IS NOT NULL"
)


class ContactTable(Table):
    """The tables `contact` and `contact_decision`."""

    def get(self, did: str) -> Contact | None:
        return self._one("did = ?", did)

    def by_alias(self, alias: str) -> Contact | None:
        return self._one("alias = ?", alias)

    def _one(self, where: str, value: str) -> Contact | None:
        row = self._database.row(f"{_SELECT} WHERE {where}", value)
        return contact_of(**row) if row else None

    def add(
        self,
        did: str,
        state: ContactState,
        origin: Origin,
        now: float,
        *,
        by: str | None = None,
        opened_by: str | None = None,
    ) -> Contact:
        """Makes a contact; where `by` decided its state at once, that is recorded.

        Args:
            opened_by: the agent of ours that wrote first to it, unasked.
        """
        new: dict[str, Any] = {
            "did": did,
            "state": state,
            "origin": origin,
            "first_seen_at": now,
            "updated_at": now,
            "decided_at": now if by else None,
            "decided_by": by,
        }
        with self._database.write():
            self._database.insert("contact", {**new, "opened_by": opened_by})
            if by:
                self._decision(did, None, state, by, now, "")
        return contact_of(alias=None, display_name=None, waiting=0, **new)

    def replied(self, did: str, now: float) -> None:
        """A contact that awaited a reply has written: from now on it waits for a decision."""
        self._database.change(
            "UPDATE contact SET state = 'pending', updated_at = ? WHERE did = ? AND state = 'awaiting_reply'",
            *(now, did),
        )

    def opened(self, now: float) -> Opened:
        """What agents of ours have opened; times that lie ahead are of a clock that was set back."""
        since = "SELECT count(*) FROM contact WHERE opened_by IS NOT NULL AND first_seen_at BETWEEN ? AND ?"
        return Opened(
            last_hour=self._database.count(since, now - 3600.0, now),
            last_day=self._database.count(since, now - 86_400.0, now),
            awaiting=self._database.count("SELECT count(*) FROM contact WHERE state = 'awaiting_reply'"),
        )

    def knocked(self, did: str, now: float) -> None:
        """A message of an undecided contact was left at the relay."""
        self._database.change("UPDATE contact SET last_knock_at = ? WHERE did = ?", now, did)

    def forget_knocks(self, keep: int) -> int:
        """Forgets contacts that only knocked, but the newest `keep`; returns how many."""
        with self._database.write():
            over = self._database.count(f"SELECT count(*) FROM {_KNOCKS}") - keep  # noqa: S608
            if over <= 0:
                return 0
            oldest = f"SELECT did FROM {_KNOCKS} ORDER BY last_knock_at, did LIMIT ?"  # noqa: S608
            return self._database.change(f"DELETE FROM contact WHERE did IN ({oldest})", over)  # noqa: S608

    def let_in_by_agents(self) -> int:
        """Contacts that an agent's first word approved, as it did up to version 0.2.0."""
        return self._database.count(
            "SELECT count(*) FROM contact WHERE state = 'approved' AND decided_by = 'outbound'"
        )

    def decide(self, did: str, state: ContactState, by: str, now: float, reason: str = "") -> None:
        """Changes a contact's state, and records who did, when and why."""
        with self._database.write():
            known = self.get(did)
            self._database.change(
                "UPDATE contact SET state = ?, updated_at = ?, decided_at = ?, decided_by = ? WHERE did = ?",
                *(state, now, now, by, did),
            )
            self._decision(did, known.state if known else None, state, by, now, reason)

    def _decision(
        self, did: str, before: ContactState | None, after: ContactState, by: str, now: float, reason: str
    ) -> None:
        self._database.insert(
            "contact_decision",
            {"did": did, "at": now, "by": by, "before": before, "after": after, "reason": reason},
        )

    def decisions(self, did: str, limit: int = 50) -> list[Decision]:
        """What was decided about a contact, newest first."""
        rows = self._database.rows(
            f"SELECT {columns(Decision)} FROM contact_decision WHERE did = ? ORDER BY id DESC LIMIT ?",  # noqa: S608 - our own words
            *(did, limit),
        )
        return [Decision(**row) for row in rows]

    def listed(
        self, state: ContactState | None = None, *, limit: int = 100, after: str = ""
    ) -> list[Contact]:
        """Contacts by DID, of one state or of all, after the DID that ended the page before."""
        where, values = ("state = ? AND ", (state,)) if state else ("", ())
        rows = self._database.rows(
            f"{_SELECT} WHERE {where}did > ? ORDER BY did LIMIT ?", *values, after, limit
        )
        return [contact_of(**row) for row in rows]

    def counts(self) -> dict[ContactState, int]:
        """How many contacts each state has."""
        found = self._database.pairs("SELECT state, count(*) FROM contact GROUP BY state")
        states: tuple[ContactState, ...] = get_args(ContactState)
        return {state: found.get(state, 0) for state in states}

    def waiting_in_all(self) -> int:
        """Messages that wait for a decision, of all contacts."""
        return self._database.count("SELECT sum(waiting) FROM contact WHERE waiting > 0")

    def add_waiting(self, did: str, change: int) -> None:
        self._database.change("UPDATE contact SET waiting = max(0, waiting + ?) WHERE did = ?", change, did)

    def set_waiting(self, did: str, count: int) -> None:
        self._database.change("UPDATE contact SET waiting = ? WHERE did = ?", count, did)

    def card(self, did: str) -> str | None:
        """The newest verified card of a contact, as JSON."""
        found: str | None = self._database.value("SELECT card FROM contact WHERE did = ?", did)
        return found

    def keys_seen(self, did: str) -> dict[int, float]:
        """When the entries of a contact's rotation log were first seen, by their numbers."""
        return self._database.pairs("SELECT seq, first_seen_at FROM key_seen WHERE did = ?", did)

    def add_keys_seen(self, did: str, seen: Mapping[int, float]) -> None:
        """Keeps when entries of a contact's rotation log were first seen; what is known of one stays."""
        with self._database.write() as connection:
            connection.executemany(
                "INSERT INTO key_seen (did, seq, first_seen_at) SELECT did, ?, ? FROM contact WHERE did = ? "
                "ON CONFLICT (did, seq) DO NOTHING",
                [(seq, at, did) for seq, at in seen.items()],
            )

    def set_card(
        self, did: str, card: str, now: float, *, alias: str | None, display_name: str | None
    ) -> None:
        """Keeps a verified card, with the names that it carries."""
        self._database.change(
            "UPDATE contact SET card = ?, card_at = ?, alias = ?, display_name = ? WHERE did = ?",
            *(card, now, alias, display_name, did),
        )


def contact_of(*, alias: str | None, display_name: str | None, **values: Any) -> Contact:
    """A row of `COLUMNS`, by name; what the agent calls itself is closed."""
    state: ContactState = values["state"]
    return Contact(alias=Untrusted(alias, state), display_name=Untrusted(display_name, state), **values)

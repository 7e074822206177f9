"""What came in of each sender's chain: how far it is settled, what is missing, what is held."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from openclaw_install.messaging.store.database import Database
from openclaw_install.protocol.chain import Link, Span

_FIELDS = "peer, chain, settled, newest, out_of_order, missing, ahead, heard_at"
_SELECT = f"SELECT {_FIELDS} FROM heard_chain"  # noqa: S608 - our own words
# A sender begins a new chain with a new store; nobody needs more of the old ones than this.
_MOST_CHAINS = 8
_MOST_MISSING = 64
_MOST_FORKS = 100


@dataclass(frozen=True)
class HeardChain:
    """One sender's chain, as far as it came in.

    Attributes:
        settled: all up to here came in, were skipped, or are waited for no longer.
        newest: the highest counter that came in; 0 before any.
        out_of_order: how many came in after one with a higher counter.
        missing: what is waited for no longer, and did not come.
        ahead: beyond `settled`: what came in, or was skipped.
        heard_at: of the newest message, in seconds since the epoch.
    """

    peer: str
    chain: str
    settled: int
    newest: int
    out_of_order: int
    missing: tuple[Span, ...]
    ahead: tuple[Span, ...]
    heard_at: float


class ChainTable:
    """The tables `heard_chain`, `heard_link`, `chain_fork` and `newer_peer`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, peer: str, chain: str) -> HeardChain | None:
        return self._one("peer = ? AND chain = ?", peer, chain)

    def current(self, peer: str) -> HeardChain | None:
        """The chain that was heard last of a sender."""
        return self._one("peer = ? ORDER BY heard_at DESC, chain LIMIT 1", peer)

    def with_gaps(self, limit: int = 50) -> list[HeardChain]:
        """Chains of which something is missing."""
        rows = self._database.rows(f"{_SELECT} WHERE missing <> '[]' ORDER BY heard_at DESC LIMIT ?", limit)
        return [_chain(row) for row in rows]

    def put(self, chain: HeardChain) -> None:
        """Writes a chain; of many of one sender, and of many gaps, the newest stay."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO heard_chain (peer, chain, settled, newest, out_of_order, missing, "
                "ahead, heard_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(chain.peer, chain.chain, chain.settled, chain.newest, chain.out_of_order),
                    *(json.dumps(chain.missing[-_MOST_MISSING:]), json.dumps(chain.ahead), chain.heard_at),
                ),
            )
            connection.execute(
                "DELETE FROM heard_chain WHERE peer = ? AND chain NOT IN (SELECT chain FROM heard_chain "
                "WHERE peer = ? ORDER BY heard_at DESC, chain LIMIT ?)",
                (chain.peer, chain.peer, _MOST_CHAINS),
            )

    def hash_at(self, peer: str, chain: str, counter: int) -> tuple[str | None, bool]:
        """The hash that is known for a counter, and whether that envelope came in."""
        row = self._database.row(
            "SELECT sha256, came FROM heard_link WHERE peer = ? AND chain = ? AND counter = ?",
            *(peer, chain, counter),
        )
        return (row[0], bool(row[1])) if row else (None, False)

    def came(self, peer: str, link: Link, sha256: str, item: int | None, keep_until: float) -> None:
        """Notes an envelope that came in, and the hash that it tells of the one before."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO heard_link (peer, chain, counter, sha256, came, item, keep_until) "
                "VALUES (?, ?, ?, ?, 1, ?, ?) ON CONFLICT (peer, chain, counter) DO UPDATE SET "
                "came = 1, item = excluded.item, keep_until = max(keep_until, excluded.keep_until)",
                (peer, link.chain, link.counter, sha256, item, keep_until),
            )
            if link.previous is not None:
                connection.execute(
                    "INSERT OR IGNORE INTO heard_link (peer, chain, counter, sha256, came, item, keep_until) "
                    "VALUES (?, ?, ?, ?, 0, NULL, ?)",
                    (peer, link.chain, link.counter - 1, link.previous, keep_until),
                )

    def held(self, peer: str, chain: str) -> list[tuple[int, int, float]]:
        """Counter, local number and deadline of the messages that are held, in the sender's order."""
        return self._database.rows(
            "SELECT counter, id, held_until FROM heard_link JOIN ingress ON ingress.id = heard_link.item "
            "WHERE heard_link.peer = ? AND chain = ? AND turn IS NULL ORDER BY counter",
            *(peer, chain),
        )

    def overdue(self, now: float) -> list[tuple[str, str]]:
        """Senders and their chains of which something is held for longer than it should be."""
        return self._database.rows(
            "SELECT DISTINCT heard_link.peer, chain FROM ingress "
            "JOIN heard_link ON heard_link.item = ingress.id WHERE turn IS NULL AND held_until <= ?",
            now,
        )

    def fork(
        self, at: float, peer: str, link: Link, known: str | None, evidence: tuple[str, str, str]
    ) -> bool:
        """Keeps evidence of a fork once; whether it is new.

        Args:
            known: the hash that was known.
            evidence: hash, message id and bytes of the envelope that contradicts it.
        """
        with self._database.write() as connection:
            if self._database.row("SELECT 1 FROM chain_fork WHERE sha256 = ?", evidence[0]):
                return False
            connection.execute(
                "INSERT INTO chain_fork (at, peer, chain, counter, known_sha256, sha256, message_id, "
                "envelope) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (at, peer, link.chain, link.counter, known, *evidence),
            )
            connection.execute(
                "DELETE FROM chain_fork WHERE id <= (SELECT max(id) FROM chain_fork) - ?", (_MOST_FORKS,)
            )
        return True

    def forks(self, limit: int = 20) -> list[tuple[float, str, int, str]]:
        """Time, sender, counter and message id of the newest forks."""
        return self._database.rows(
            "SELECT at, peer, counter, message_id FROM chain_fork ORDER BY id DESC LIMIT ?", limit
        )

    def newer_since(self, did: str) -> float | None:
        """Since when an agent seals version 2, by its own clock; None where it was not met with it."""
        row = self._database.row("SELECT since FROM newer_peer WHERE did = ?", did)
        return row[0] if row else None

    def note_newer(self, did: str, sent_at: float) -> None:
        """Notes an envelope of version 2 of an agent; the earliest one counts."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO newer_peer (did, since) VALUES (?, ?) ON CONFLICT (did) DO UPDATE SET "
                "since = excluded.since WHERE excluded.since < since",
                (did, sent_at),
            )

    def forget(self, now: float, most: int = 1000) -> None:
        """Deletes hashes of envelopes that are over, and of which nothing is held."""
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM heard_link WHERE (peer, chain, counter) IN (SELECT heard_link.peer, chain, "
                "counter FROM heard_link LEFT JOIN ingress ON ingress.id = heard_link.item "
                "WHERE keep_until < ? AND (item IS NULL OR turn IS NOT NULL) LIMIT ?)",
                (now, most),
            )

    def _one(self, where: str, *values: object) -> HeardChain | None:
        row = self._database.row(f"{_SELECT} WHERE {where}", *values)
        return _chain(row) if row else None


def _chain(row: tuple[Any, ...]) -> HeardChain:
    peer, chain, settled, newest, out_of_order, missing, ahead, at = row
    return HeardChain(peer, chain, settled, newest, out_of_order, _spans(missing), _spans(ahead), at)


def _spans(text: str) -> tuple[Span, ...]:
    return tuple((first, last) for first, last in json.loads(text))

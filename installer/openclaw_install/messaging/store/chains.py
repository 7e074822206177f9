"""The chains of signed messages: what came in of each sender's, and what we sealed for each agent in ours."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NamedTuple

from openclaw_install.messaging.store.database import Row, Table, columns
from openclaw_install.protocol.chain import MOST_RANGES, Link, Span, new_chain_id, spans

# A sender begins a new chain with a new store; nobody needs more of the old ones than this.
_MOST_CHAINS = 8
_MOST_MISSING = 64
_MOST_FORKS = 100
# A link is void where its message failed, or was sealed anew: it will not come.
_VOID = (
    "SELECT link.counter FROM sent_link AS link JOIN outbox ON outbox.id = link.item "
    "WHERE link.peer = ? AND link.chain = ? AND link.told = 0 AND (outbox.state = 'failed' OR EXISTS "
    "(SELECT 1 FROM sent_link AS later WHERE later.item = link.item AND later.peer = link.peer "
    "AND later.chain = link.chain AND later.counter > link.counter) "
    "OR (outbox.wire IS NULL AND outbox.state IN ('queued', 'sending'))) ORDER BY link.counter"
)


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


@dataclass(frozen=True)
class SentChain:
    """Our chain to one agent.

    Attributes:
        counter: of what was sealed last; 0 before anything.
        missing, out_of_order: as the other side told last.
    """

    chain: str
    counter: int
    sha256: str | None
    missing: tuple[Span, ...]
    out_of_order: int


class Held(NamedTuple):
    """A message that waits for one before it in its sender's chain; `id` is its local number."""

    counter: int
    id: int
    held_until: float


class Fork(NamedTuple):
    """Two messages that one sender signed with one number; `message_id` is the second one's."""

    at: float
    peer: str
    counter: int
    message_id: str


class ChainTable(Table):
    """The tables `heard_chain`, `heard_link`, `chain_fork` and `newer_peer`."""

    def get(self, peer: str, chain: str) -> HeardChain | None:
        return next(iter(self._many("peer = ? AND chain = ?", peer, chain)), None)

    def current(self, peer: str) -> HeardChain | None:
        """The chain that was heard last of a sender."""
        return next(iter(self._many("peer = ? ORDER BY heard_at DESC, chain LIMIT 1", peer)), None)

    def with_gaps(self, limit: int = 50) -> list[HeardChain]:
        """Chains of which something is missing."""
        return self._many("missing <> '[]' ORDER BY heard_at DESC LIMIT ?", limit)

    def put(self, chain: HeardChain) -> None:
        """Writes a chain; of many of one sender, and of many gaps, the newest stay."""
        lists = {"missing": json.dumps(chain.missing[-_MOST_MISSING:]), "ahead": json.dumps(chain.ahead)}
        with self._database.write():
            self._database.put("heard_chain", "peer, chain", {**vars(chain), **lists})
            self._database.change(
                "DELETE FROM heard_chain WHERE peer = ? AND chain NOT IN (SELECT chain FROM heard_chain "
                "WHERE peer = ? ORDER BY heard_at DESC, chain LIMIT ?)",
                *(chain.peer, chain.peer, _MOST_CHAINS),
            )

    def hash_at(self, peer: str, chain: str, counter: int) -> tuple[str | None, bool]:
        """The hash that is known for a counter, and whether that envelope came in."""
        row = self._database.row(
            "SELECT sha256, came FROM heard_link WHERE peer = ? AND chain = ? AND counter = ?",
            *(peer, chain, counter),
        )
        return (row["sha256"], bool(row["came"])) if row else (None, False)

    def came(self, peer: str, link: Link, sha256: str, item: int | None, keep_until: float) -> None:
        """Notes an envelope that came in, and the hash that it tells of the one before."""
        with self._database.write():
            self._database.change(
                "INSERT INTO heard_link (peer, chain, counter, sha256, came, item, keep_until) "
                "VALUES (?, ?, ?, ?, 1, ?, ?) ON CONFLICT (peer, chain, counter) DO UPDATE SET "
                "came = 1, item = excluded.item, keep_until = max(keep_until, excluded.keep_until)",
                *(peer, link.chain, link.counter, sha256, item, keep_until),
            )
            if link.previous is not None:
                self._database.change(
                    "INSERT OR IGNORE INTO heard_link (peer, chain, counter, sha256, came, item, keep_until) "
                    "VALUES (?, ?, ?, ?, 0, NULL, ?)",
                    *(peer, link.chain, link.counter - 1, link.previous, keep_until),
                )

    def held(self, peer: str, chain: str) -> list[Held]:
        """The messages that are held, in the sender's order."""
        rows = self._database.rows(
            "SELECT counter, id, held_until FROM heard_link JOIN ingress ON ingress.id = heard_link.item "
            "WHERE heard_link.peer = ? AND chain = ? AND turn IS NULL ORDER BY counter",
            *(peer, chain),
        )
        return [Held(**row) for row in rows]

    def overdue(self, now: float) -> list[tuple[str, str]]:
        """Senders and their chains of which something is held for longer than it should be."""
        rows = self._database.rows(
            "SELECT DISTINCT heard_link.peer, chain FROM ingress "
            "JOIN heard_link ON heard_link.item = ingress.id WHERE turn IS NULL AND held_until <= ?",
            now,
        )
        return [(row["peer"], row["chain"]) for row in rows]

    def fork(
        self, at: float, peer: str, link: Link, known: str | None, evidence: tuple[str, str, str]
    ) -> bool:
        """Keeps evidence of a fork once; whether it is new.

        Args:
            known: the hash that was known.
            evidence: hash, message id and bytes of the envelope that contradicts it.
        """
        with self._database.write():
            if self._database.row("SELECT 1 FROM chain_fork WHERE sha256 = ?", evidence[0]):
                return False
            self._database.change(
                "INSERT INTO chain_fork (at, peer, chain, counter, known_sha256, sha256, message_id, "
                "envelope) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                *(at, peer, link.chain, link.counter, known, *evidence),
            )
            self._database.change(
                "DELETE FROM chain_fork WHERE id <= (SELECT max(id) FROM chain_fork) - ?", _MOST_FORKS
            )
        return True

    def forks(self, limit: int = 20) -> list[Fork]:
        """The newest forks, newest first."""
        rows = self._database.rows(
            "SELECT at, peer, counter, message_id FROM chain_fork ORDER BY id DESC LIMIT ?", limit
        )
        return [Fork(**row) for row in rows]

    def newer_since(self, did: str) -> float | None:
        """Since when an agent seals version 2, by its own clock; None where it was not met with it."""
        since: float | None = self._database.value("SELECT since FROM newer_peer WHERE did = ?", did)
        return since

    def note_newer(self, did: str, sent_at: float) -> None:
        """Notes an envelope of version 2 of an agent; the earliest one counts."""
        self._database.change(
            "INSERT INTO newer_peer (did, since) VALUES (?, ?) ON CONFLICT (did) DO UPDATE SET "
            "since = excluded.since WHERE excluded.since < since",
            *(did, sent_at),
        )

    def forget(self, now: float, most: int = 1000) -> None:
        """Deletes hashes of envelopes that are over, and of which nothing is held."""
        self._database.change(
            "DELETE FROM heard_link WHERE (peer, chain, counter) IN (SELECT heard_link.peer, chain, "
            "counter FROM heard_link LEFT JOIN ingress ON ingress.id = heard_link.item "
            "WHERE keep_until < ? AND (item IS NULL OR turn IS NOT NULL) LIMIT ?)",
            *(now, most),
        )

    def _many(self, where: str, *values: object) -> list[HeardChain]:
        rows = self._database.rows(f"SELECT {columns(HeardChain)} FROM heard_chain WHERE {where}", *values)  # noqa: S608 - our own words
        return [HeardChain(**{**row, **_lists(row, "missing", "ahead")}) for row in rows]


class SentTable(Table):
    """The tables `sent_chain` and `sent_link`."""

    def get(self, peer: str) -> SentChain | None:
        row = self._database.row(f"SELECT {columns(SentChain)} FROM sent_chain WHERE peer = ?", peer)  # noqa: S608 - our own words
        return SentChain(**{**row, **_lists(row, "missing")}) if row else None

    def next_link(self, peer: str, now: float) -> Link:
        """The link of the next envelope to an agent; within the transaction that seals it."""
        known = self.get(peer) or self.begin(peer, now)
        skipped = spans(self._database.column(_VOID, peer, known.chain))
        if len(skipped) > MOST_RANGES:
            # More than an envelope can name: a new chain leaves all of it behind.
            known, skipped = self.begin(peer, now), ()
        return Link(known.chain, known.counter + 1, known.sha256, skipped)

    def begin(self, peer: str, now: float) -> SentChain:
        """Begins a new chain."""
        made = SentChain(new_chain_id(), 0, None, (), 0)
        self._database.put(
            "sent_chain", "peer", {**vars(made), "missing": "[]", "peer": peer, "begun_at": now}
        )
        return made

    def sealed(self, peer: str, link: Link, sha256: str, item: int, keep_until: float) -> None:
        """Notes an envelope: the chain goes on behind it, whatever becomes of it."""
        with self._database.write():
            self._database.change(
                "INSERT INTO sent_link (peer, chain, counter, sha256, item, skipped, keep_until) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                *(peer, link.chain, link.counter, sha256, item, json.dumps(link.skipped), keep_until),
            )
            self._database.change(
                "UPDATE sent_chain SET counter = ?, sha256 = ? WHERE peer = ? AND chain = ?",
                *(link.counter, sha256, peer, link.chain),
            )

    def committed(self, peer: str, item: int) -> None:
        """Notes that the relay has a message's envelope: what it says to skip is told."""
        row = self._database.row(
            "SELECT chain, skipped FROM sent_link WHERE item = ? ORDER BY counter DESC LIMIT 1", item
        )
        if row is None:
            return
        with self._database.write() as connection:
            connection.executemany(
                "UPDATE sent_link SET told = 1 WHERE peer = ? AND chain = ? AND counter BETWEEN ? AND ?",
                [(peer, row["chain"], first, last) for first, last in json.loads(row["skipped"])],
            )

    def hash_at(self, peer: str, chain: str, counter: int) -> str | None:
        found: str | None = self._database.value(
            "SELECT sha256 FROM sent_link WHERE peer = ? AND chain = ? AND counter = ?",
            *(peer, chain, counter),
        )
        return found

    def messages_at(self, peer: str, chain: str, span: Span, limit: int = 20) -> list[str]:
        """The ids of the messages with these counters that the relay took."""
        return self._database.column(
            "SELECT message_id FROM sent_link JOIN outbox ON outbox.id = item WHERE peer = ? AND chain = ? "
            "AND counter BETWEEN ? AND ? AND state IN ('committed', 'delivered') ORDER BY counter LIMIT ?",
            *(peer, chain, *span, limit),
        )

    def note_seen(self, peer: str, missing: tuple[Span, ...], out_of_order: int) -> None:
        """Keeps what the other side said of our chain, so that only what is new is told."""
        self._database.change(
            "UPDATE sent_chain SET missing = ?, out_of_order = ? WHERE peer = ?",
            *(json.dumps(missing), out_of_order, peer),
        )

    def with_gaps(self, limit: int = 50) -> list[tuple[str, tuple[Span, ...]]]:
        """Agents that miss some of what the relay took from us, and what."""
        rows = self._database.rows(
            "SELECT peer, missing FROM sent_chain WHERE missing <> '[]' ORDER BY peer LIMIT ?", limit
        )
        return [(row["peer"], _lists(row, "missing")["missing"]) for row in rows]

    def forget(self, now: float, most: int = 1000) -> None:
        """Deletes links of envelopes that are over; those of failed ones that no later one told stay."""
        self._database.change(
            "DELETE FROM sent_link WHERE (peer, chain, counter) IN (SELECT peer, chain, counter "
            "FROM sent_link JOIN outbox ON outbox.id = item WHERE keep_until < ? "
            "AND (told = 1 OR state IN ('committed', 'delivered')) LIMIT ?)",
            *(now, most),
        )


def _lists(row: Row, *names: str) -> dict[str, tuple[Span, ...]]:
    """The columns that hold ranges of counters, read."""
    return {name: tuple((first, last) for first, last in json.loads(row[name])) for name in names}

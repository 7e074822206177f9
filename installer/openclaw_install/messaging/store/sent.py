"""What we sealed for each agent: our chain's counter and hash, and which of it could not be sent."""

from __future__ import annotations

import json
from dataclasses import dataclass

from openclaw_install.messaging.store.database import Database
from openclaw_install.protocol.chain import MOST_RANGES, Link, Span, new_chain_id, spans

# A link is void where its message failed, or was sealed anew: it will not come.
_VOID = (
    "SELECT link.counter FROM sent_link AS link JOIN outbox ON outbox.id = link.item "
    "WHERE link.peer = ? AND link.chain = ? AND link.told = 0 AND (outbox.state = 'failed' OR EXISTS "
    "(SELECT 1 FROM sent_link AS later WHERE later.item = link.item AND later.peer = link.peer "
    "AND later.chain = link.chain AND later.counter > link.counter) "
    "OR (outbox.wire IS NULL AND outbox.state IN ('queued', 'sending'))) ORDER BY link.counter"
)


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


class SentTable:
    """The tables `sent_chain` and `sent_link`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, peer: str) -> SentChain | None:
        row = self._database.row(
            "SELECT chain, counter, sha256, missing, out_of_order FROM sent_chain WHERE peer = ?", peer
        )
        if row is None:
            return None
        missing = tuple((first, last) for first, last in json.loads(row[3]))
        return SentChain(row[0], row[1], row[2], missing, row[4])

    def next_link(self, peer: str, now: float) -> Link:
        """The link of the next envelope to an agent; within the transaction that seals it."""
        known = self.get(peer) or self.begin(peer, now)
        found = self._database.rows(_VOID, peer, known.chain)
        skipped = spans(row[0] for row in found)
        if len(skipped) > MOST_RANGES:
            # More than an envelope can name: a new chain leaves all of it behind.
            known, skipped = self.begin(peer, now), ()
        return Link(known.chain, known.counter + 1, known.sha256, skipped)

    def begin(self, peer: str, now: float) -> SentChain:
        """Begins a new chain."""
        made = SentChain(new_chain_id(), 0, None, (), 0)
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO sent_chain (peer, chain, counter, sha256, begun_at) "
                "VALUES (?, ?, 0, NULL, ?)",
                (peer, made.chain, now),
            )
        return made

    def sealed(self, peer: str, link: Link, sha256: str, item: int, keep_until: float) -> None:
        """Notes an envelope: the chain goes on behind it, whatever becomes of it."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO sent_link (peer, chain, counter, sha256, item, skipped, keep_until) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (peer, link.chain, link.counter, sha256, item, json.dumps(link.skipped), keep_until),
            )
            connection.execute(
                "UPDATE sent_chain SET counter = ?, sha256 = ? WHERE peer = ? AND chain = ?",
                (link.counter, sha256, peer, link.chain),
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
                [(peer, row[0], first, last) for first, last in json.loads(row[1])],
            )

    def hash_at(self, peer: str, chain: str, counter: int) -> str | None:
        row = self._database.row(
            "SELECT sha256 FROM sent_link WHERE peer = ? AND chain = ? AND counter = ?",
            *(peer, chain, counter),
        )
        return row[0] if row else None

    def messages_at(self, peer: str, chain: str, span: Span, limit: int = 20) -> list[str]:
        """The ids of the messages with these counters that the relay took."""
        rows = self._database.rows(
            "SELECT message_id FROM sent_link JOIN outbox ON outbox.id = item WHERE peer = ? AND chain = ? "
            "AND counter BETWEEN ? AND ? AND state IN ('committed', 'delivered') ORDER BY counter LIMIT ?",
            *(peer, chain, *span, limit),
        )
        return [row[0] for row in rows]

    def note_seen(self, peer: str, missing: tuple[Span, ...], out_of_order: int) -> None:
        """Keeps what the other side said of our chain, so that only what is new is told."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE sent_chain SET missing = ?, out_of_order = ? WHERE peer = ?",
                (json.dumps(missing), out_of_order, peer),
            )

    def with_gaps(self, limit: int = 50) -> list[tuple[str, tuple[Span, ...]]]:
        """Agents that miss some of what the relay took from us, and what."""
        rows = self._database.rows(
            "SELECT peer, missing FROM sent_chain WHERE missing <> '[]' ORDER BY peer LIMIT ?", limit
        )
        return [(row[0], tuple((first, last) for first, last in json.loads(row[1]))) for row in rows]

    def forget(self, now: float, most: int = 1000) -> None:
        """Deletes links of envelopes that are over; those of failed ones that no later one told stay."""
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM sent_link WHERE (peer, chain, counter) IN (SELECT peer, chain, counter "
                "FROM sent_link JOIN outbox ON outbox.id = item WHERE keep_until < ? "
                "AND (told = 1 OR state IN ('committed', 'delivered')) LIMIT ?)",
                (now, most),
            )

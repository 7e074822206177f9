"""The audit's hash chain: pure functions that link a row to the one before it, and find a broken link."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from openclaw_install.hub.model import AuditEntry, AuditRow

GENESIS = "0" * 64


@dataclass(frozen=True)
class ChainVerdict:
    """What `verify` found.

    Attributes:
        rows: how many rows were read.
        head: the hash of the last row that holds; keep it elsewhere to notice a cut tail.
        broken_at: the `seq` of the first row that does not hold; None when all do.
        reason: what is wrong there.
        saw_head: whether the hash that the operator kept is in the chain; None if none was given.
    """

    rows: int
    head: str
    broken_at: int | None = None
    reason: str | None = None
    saw_head: bool | None = None

    @property
    def ok(self) -> bool:
        return self.broken_at is None and self.saw_head is not False


def link(seq: int, previous: str, entry: AuditEntry) -> AuditRow:
    """The row that puts `entry` behind the row whose hash is `previous`."""
    text = json.dumps([seq, previous, asdict(entry)], sort_keys=True, separators=(",", ":"))
    return AuditRow(seq, entry, previous, hashlib.sha256(text.encode("ascii")).hexdigest())


def verify(rows: Iterable[AuditRow], *, kept_head: str | None = None) -> ChainVerdict:
    """Follows the chain from its first row.

    Args:
        rows: all rows, oldest first.
        kept_head: a hash that the operator noted earlier; a chain that was cut or rebuilt lacks it.
    """
    head, count, seen = GENESIS, 0, kept_head == GENESIS
    for row in rows:
        expected = link(count + 1, head, row.entry)
        reason = None
        if row.seq != expected.seq:
            reason = f"row {expected.seq} is missing"
        elif row.previous != head:
            reason = "it does not follow the row before it"
        elif row.hash != expected.hash:
            reason = "its fields are not the ones that were hashed"
        if reason is not None:
            saw = None if kept_head is None else seen
            return ChainVerdict(count, head, row.seq, reason, saw)
        head, count = row.hash, count + 1
        seen = seen or head == kept_head
    return ChainVerdict(count, head, saw_head=None if kept_head is None else seen)

"""The audit's hash chain: pure functions that link a row to the one before it, and find a broken link."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from openclaw_install.hub.model import AuditEntry, AuditRow

GENESIS = "0" * 64


@dataclass(frozen=True)
class ChainVerdict:
    """What following the audit's hash chain showed.

    Attributes:
        ok: every row holds, and the head that was given is in the chain.
        rows: how many rows hold.
        head: the hash of the last row that holds; keep it elsewhere to notice a cut tail.
        broken_at: the `seq` of the first row that does not hold; null when all do.
        reason: what is wrong there.
        saw_head: whether the head that was given is in the chain; null if none was.
    """

    ok: bool
    rows: int
    head: str
    broken_at: int | None
    reason: str | None
    saw_head: bool | None


def link(seq: int, previous: str, entry: AuditEntry) -> AuditRow:
    """The row that puts `entry` behind the row whose hash is `previous`."""
    text = json.dumps([seq, previous, vars(entry)], sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()
    return AuditRow(**vars(entry), seq=seq, previous=previous, hash=digest)


def verify(rows: Iterable[AuditRow], *, kept_head: str | None = None) -> ChainVerdict:
    """Follows the chain from its first row.

    Args:
        rows: all rows, oldest first.
        kept_head: a hash that the operator noted earlier; a chain that was cut or rebuilt lacks it.
    """
    head, count, seen = GENESIS, 0, kept_head == GENESIS
    broken_at, reason = None, None
    for row in rows:
        expected = link(count + 1, head, row.entry)
        if row.seq != expected.seq:
            reason = f"row {expected.seq} is missing"
        elif row.previous != head:
            reason = "it does not follow the row before it"
        elif row.hash != expected.hash:
            reason = "its fields are not the ones that were hashed"
        if reason is not None:
            broken_at = row.seq
            break
        head, count = row.hash, count + 1
        seen = seen or head == kept_head
    saw_head = None if kept_head is None else seen
    return ChainVerdict(broken_at is None and saw_head is not False, count, head, broken_at, reason, saw_head)

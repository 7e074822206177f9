"""The log that leads from an agent's first signing key to the one that counts now."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated

from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.did import did_of
from openclaw_install.protocol.errors import RotationError
from openclaw_install.protocol.keys import KEY_BYTES, SigningKey, is_signed, kid_of
from openclaw_install.protocol.shape import (
    Instant,
    Json,
    Record,
    Signature,
    array,
    integer,
    octets,
    record,
    text,
)
from openclaw_install.protocol.times import MAX_SKEW, iso, to_milliseconds

MAX_ENTRIES = 128
FirstSeen = Mapping[int, float]
"""When a verifier first saw the entries of a log, by their numbers; seconds since 1970."""
NEVER_SEEN: FirstSeen = MappingProxyType({})
_CORRECTION_MILLISECONDS = 1
_DOMAIN = b"pingagent-rotation-v1\0"
_POSSESSION = b"pingagent-possession-v1\0"


@dataclass(frozen=True)
class RotationEntry(Record):
    """One signing key taking over.

    Attributes:
        seq: 0 for the first key, then 1, 2, 3, ...
        key: the raw Ed25519 public key that counts from here on.
        previous_hash: SHA-256 (hex) of the previous entry's signed content; empty at seq 0.
        at: when, in seconds since 1970.
        signature: by the key before (by itself at seq 0).
        possession: by the new key, so that nobody can name a key that is not theirs.
    """

    seq: Annotated[int, integer(0, MAX_ENTRIES - 1)]
    key: Annotated[bytes, octets(KEY_BYTES)]
    previous_hash: Annotated[str, text(re.compile(r"(?:[0-9a-f]{64})?"))]
    at: Instant
    signature: Signature
    possession: Signature

    @property
    def kid(self) -> str:
        return kid_of(self.key)

    def bound(self, did: str) -> Json:
        """What both signatures cover: the entry, bound to its agent."""
        return {"did": did, **self.content()}


ROTATION = array(record(RotationEntry), MAX_ENTRIES, 1)
RotationLog = Annotated[tuple[RotationEntry, ...], ROTATION]
"""The entries of a log; what stands in them is not verified by reading them."""


def first_entry(key: SigningKey, now: float) -> RotationEntry:
    """The entry of an agent's first key."""
    return _signed(did_of(key.public_raw), 0, "", to_milliseconds(now), key, key)


def next_entry(
    did: str,
    entries: Sequence[RotationEntry],
    old: SigningKey,
    new: SigningKey,
    now: float,
    *,
    correcting: bool = False,
) -> RotationEntry:
    """The entry by which `old`, the last key of the log, names `new`.

    Args:
        correcting: the last entry was made by a clock that ran ahead. Times in a log do not go back, so that
            the new one is dated a millisecond after it: that says that neither time holds.

    Raises:
        RotationError: the log is full, `old` is not its last key, `new` was in it before, or `now` is not
            after the last entry.
    """
    last = entries[-1]
    if last.key != old.public_raw:
        raise RotationError("only the current signing key can name the next one")
    if any(entry.key == new.public_raw for entry in entries):
        raise RotationError("a signing key does not come back")
    if len(entries) >= MAX_ENTRIES:
        raise RotationError(
            f"the rotation log has {MAX_ENTRIES} entries, which is its limit", next_step="make a new identity"
        )
    at = to_milliseconds(now)
    if at <= last.at and correcting:
        at = to_milliseconds(last.at + _CORRECTION_MILLISECONDS / 1000)
    elif at <= last.at:
        raise RotationError(
            f"the clock stands at {iso(now)}, before the last rotation at {iso(last.at)}",
            next_step="set the clock of this machine; if it is right, and was wrong at that rotation: "
            "pingagent identity rotate --correct-time",
            code="rotation.ahead",
        )
    return _signed(did, last.seq + 1, _hash(did, last), at, old, new)


def verify_rotation(did: str, entries: Sequence[RotationEntry]) -> bytes:
    """The raw signing key that counts now for `did`.

    Raises:
        RotationError: the first key is not the DID's, an entry does not follow its predecessor, a signature
            does not hold, or a key appears twice.
    """
    if not 1 <= len(entries) <= MAX_ENTRIES:
        raise RotationError(f"a rotation log has 1 to {MAX_ENTRIES} entries")
    if did_of(entries[0].key) != did:
        raise RotationError("the first key of the rotation log is not the one that the DID names")
    signer = entries[0].key
    previous: RotationEntry | None = None
    for number, entry in enumerate(entries):
        _verify_entry(did, number, entry, previous, signer)
        signer, previous = entry.key, entry
    if len({entry.key for entry in entries}) != len(entries):
        raise RotationError("a signing key comes back in the rotation log")
    return signer


def extends(old: Sequence[RotationEntry], new: Sequence[RotationEntry]) -> bool:
    """Whether `new` holds all that `old` says, and perhaps more: neither rolled back nor forked."""
    if len(new) < len(old):
        return False
    return all(_same(before, after) for before, after in zip(old, new, strict=False))


def forks(a: Sequence[RotationEntry], b: Sequence[RotationEntry]) -> bool:
    """Whether two logs say different things about the same step: somebody signed twice."""
    return not all(_same(left, right) for left, right in zip(a, b, strict=False))


def is_correction(before: RotationEntry, entry: RotationEntry) -> bool:
    """Whether `entry` says of the one before that its time does not hold."""
    return round((entry.at - before.at) * 1000) == _CORRECTION_MILLISECONDS


def is_from_future(entries: Sequence[RotationEntry], now: float) -> bool:
    """Whether the last key took over at a time that has not come, and nobody has corrected that.

    What such a log says of the keys before is worth nothing: a stolen one would speak until then.
    """
    if len(entries) < 2 or entries[-1].at <= now + MAX_SKEW:
        return False
    return not is_correction(entries[-2], entries[-1])


def ended_at(entries: Sequence[RotationEntry], number: int, now: float, seen: FirstSeen) -> float | None:
    """When the key of an entry before the last one ceased to speak for the agent.

    That is when its successor took over, by the log, or when the verifier first saw the successor, whichever
    was earlier.

    Args:
        number: of the entry.
        now: seconds since 1970.
        seen: when the verifier saw what.

    Returns:
        None: no time in the log says when, so that the key is worth nothing any more.
    """
    if any(is_correction(before, entry) for before, entry in pairwise(entries[number:])):
        return None
    successor = entries[number + 1]
    first_seen = seen.get(successor.seq)
    if first_seen is None:
        return successor.at if successor.at <= now + MAX_SKEW else None
    return min(successor.at, first_seen)


def _verify_entry(
    did: str, number: int, entry: RotationEntry, previous: RotationEntry | None, signer: bytes
) -> None:
    content = entry.bound(did)
    expected = _hash(did, previous) if previous else ""
    if entry.seq != number or entry.previous_hash != expected:
        raise RotationError(f"entry {number} of the rotation log does not follow the one before")
    if previous and entry.at <= previous.at:
        raise RotationError(f"entry {number} of the rotation log is not later than the one before")
    if not is_signed(signer, entry.signature, _DOMAIN, content):
        raise RotationError(f"entry {number} of the rotation log is not signed by the key before it")
    if not is_signed(entry.key, entry.possession, _POSSESSION, content):
        raise RotationError(f"entry {number} of the rotation log names a key without its consent")


def _signed(
    did: str, seq: int, previous_hash: str, at: float, old: SigningKey, new: SigningKey
) -> RotationEntry:
    unsigned = RotationEntry(seq, new.public_raw, previous_hash, at, b"", b"")
    content = unsigned.bound(did)
    return replace(unsigned, signature=old.sign(_DOMAIN, content), possession=new.sign(_POSSESSION, content))


def _hash(did: str, entry: RotationEntry) -> str:
    return hashlib.sha256(canonical_json(entry.bound(did))).hexdigest()


def _same(a: RotationEntry, b: RotationEntry) -> bool:
    """Signatures aside: the same step may be signed again without meaning something else."""
    return (a.seq, a.key, a.previous_hash, a.at) == (b.seq, b.key, b.previous_hash, b.at)

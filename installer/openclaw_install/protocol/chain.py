"""What an envelope of version 2 says, sealed and signed, of its place among all that its sender sent.

The envelopes from one agent to another are a chain: each holds its counter and the hash of the one before, so
that whoever carries them can neither reorder nor leave out any unnoticed.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from openclaw_install.protocol.canonical import MAX_INTEGER
from openclaw_install.protocol.errors import ProtocolError
from openclaw_install.protocol.shape import Json, integer, items, only, text

CHAIN_ID = re.compile(r"ch_[a-z2-7]{32}")
MOST_RANGES = 16
"""Ranges of counters that one envelope may name in one list."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LINK = frozenset({"id", "counter"})
_LINK_MORE = frozenset({"previous", "skipped"})
_SEEN = frozenset({"chain", "counter", "newest", "out_of_order"})
_SEEN_MORE = frozenset({"sha256", "missing"})

Span = tuple[int, int]
"""The first and the last of some counters in a row."""


@dataclass(frozen=True)
class Link:
    """An envelope's place in its sender's chain.

    Attributes:
        chain: names the chain. A sender begins a new one when its store is new, and with it at 1.
        counter: 1, 2, 3, ... in the order in which the sender sealed.
        previous: SHA-256 (hex) of the envelope with the counter before; None for the first.
        skipped: counters of envelopes that were sealed and will not come: they could not be sent.
    """

    chain: str
    counter: int
    previous: str | None = None
    skipped: tuple[Span, ...] = ()

    def to_json(self) -> Json:
        """The link as it is sealed."""
        document: Json = {"id": self.chain, "counter": self.counter}
        if self.previous is not None:
            document["previous"] = self.previous
        if self.skipped:
            document["skipped"] = [list(span) for span in self.skipped]
        return document


@dataclass(frozen=True)
class Seen:
    """How much of the other direction's chain came in at the sender of this envelope.

    Attributes:
        chain: the other side's chain.
        counter: everything up to here came in, or was told as skipped; 0 where the first is missing.
        sha256: of the envelope with that counter; None where it is not known.
        newest: the highest counter that came in.
        missing: counters below `newest` that are waited for no longer.
        out_of_order: how many came in after one with a higher counter.
    """

    chain: str
    counter: int
    newest: int
    sha256: str | None = None
    missing: tuple[Span, ...] = ()
    out_of_order: int = 0

    def to_json(self) -> Json:
        """The counters as they are sealed."""
        document: Json = {
            "chain": self.chain,
            "counter": self.counter,
            "newest": self.newest,
            "out_of_order": self.out_of_order,
        }
        if self.sha256 is not None:
            document["sha256"] = self.sha256
        if self.missing:
            document["missing"] = [list(span) for span in self.missing]
        return document


def new_chain_id() -> str:
    """A name for a new chain: 160 random bits."""
    return "ch_" + base64.b32encode(secrets.token_bytes(20)).decode("ascii").lower()


def read_link(value: Any) -> Link:
    """The link in `value`.

    Raises:
        ProtocolError: malformed: among others, the first one of a chain names no envelope before it, each
            other one does, and what is skipped lies before it.
    """
    document = only(value, "the chain", _LINK, _LINK_MORE)
    counter = integer(document, "counter", 1)
    previous = text(document, "previous", _SHA256) if "previous" in document else None
    if (previous is None) != (counter == 1):
        raise ProtocolError("the first envelope of a chain, and no other, names none before it")
    return Link(text(document, "id", CHAIN_ID), counter, previous, _spans(document, "skipped", counter - 1))


def read_seen(value: Any) -> Seen:
    """The counters in `value`.

    Raises:
        ProtocolError: malformed, or they contradict each other.
    """
    document = only(value, "seen", _SEEN, _SEEN_MORE)
    newest = integer(document, "newest", 1)
    counter = integer(document, "counter", 0, newest)
    missing = _spans(document, "missing", newest - 1)
    if missing and missing[0][0] <= counter:
        raise ProtocolError("seen names a counter as missing up to which nothing is")
    if counter == 0 and "sha256" in document:
        raise ProtocolError("seen names the hash of an envelope with the counter 0")
    return Seen(
        text(document, "chain", CHAIN_ID),
        counter,
        newest,
        text(document, "sha256", _SHA256) if "sha256" in document else None,
        missing,
        integer(document, "out_of_order", 0),
    )


def spans(counters: Iterable[int]) -> tuple[Span, ...]:
    """Counters in ascending order, gathered to ranges."""
    found: list[Span] = []
    for counter in counters:
        if found and counter == found[-1][1] + 1:
            found[-1] = (found[-1][0], counter)
        else:
            found.append((counter, counter))
    return tuple(found)


def _spans(document: Json, key: str, most: int) -> tuple[Span, ...]:
    """The ranges in `key`: in order, apart from each other, and none beyond `most`."""
    if key not in document:
        return ()
    found: list[Span] = []
    after = 0
    for item in items(document, key, MOST_RANGES):
        pair = (
            {"first": item[0], "last": item[1]} if isinstance(item, (list, tuple)) and len(item) == 2 else {}
        )
        if not pair:
            raise ProtocolError(f"{key} holds something else than pairs of counters")
        first = integer(pair, "first", after + 1, MAX_INTEGER)
        last = integer(pair, "last", first, MAX_INTEGER)
        found.append((first, last))
        after = last + 1
    if not found or found[-1][1] > most:
        raise ProtocolError(f"{key} is empty, or names counters that cannot be meant")
    return tuple(found)

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
from typing import Annotated, Any, Self

from openclaw_install.protocol.errors import ProtocolError
from openclaw_install.protocol.shape import Form, Record, Sha256, integer, text

CHAIN_ID = re.compile(r"ch_[a-z2-7]{32}")
MOST_RANGES = 16
"""Ranges of counters that one envelope may name in one list."""

Span = tuple[int, int]
"""The first and the last of some counters in a row."""


def _spans(name: str, value: Any) -> tuple[Span, ...]:
    """Ranges of counters: in order, and apart from each other."""
    if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= MOST_RANGES:
        raise ProtocolError(f"{name} is no array of 1 to {MOST_RANGES} ranges")
    found: list[Span] = []
    after = 0
    for item in value:
        if not isinstance(item, (list, tuple)) or len(item) != 2:
            raise ProtocolError(f"{name} holds something else than pairs of counters")
        first = integer(after + 1).read(name, item[0])
        last = integer(first).read(name, item[1])
        found.append((first, last))
        after = last + 1
    return tuple(found)


Spans = Annotated[tuple[Span, ...], Form(_spans, lambda spans: [list(span) for span in spans])]


@dataclass(frozen=True)
class Link(Record):
    """An envelope's place in its sender's chain.

    Attributes:
        chain: names the chain. A sender begins a new one when its store is new, and with it at 1.
        counter: 1, 2, 3, ... in the order in which the sender sealed.
        previous: SHA-256 (hex) of the envelope with the counter before; None for the first.
        skipped: counters of envelopes that were sealed and will not come: they could not be sent.
    """

    chain: Annotated[str, text(CHAIN_ID), "id"]
    counter: Annotated[int, integer(1)]
    previous: Sha256 | None = None
    skipped: Spans = ()

    @classmethod
    def read(cls, value: Any, what: str = "the chain") -> Self:
        """The link in `value`.

        Raises:
            ProtocolError: malformed: among others, the first one of a chain names no envelope before it, each
                other one does, and what is skipped lies before it.
        """
        link = super().read(value, what)
        if (link.previous is None) != (link.counter == 1):
            raise ProtocolError("the first envelope of a chain, and no other, names none before it")
        _require_below("skipped", link.skipped, link.counter)
        return link


@dataclass(frozen=True)
class Seen(Record):
    """How much of the other direction's chain came in at the sender of this envelope.

    Attributes:
        chain: the other side's chain.
        counter: everything up to here came in, or was told as skipped; 0 where the first is missing.
        sha256: of the envelope with that counter; None where it is not known.
        newest: the highest counter that came in.
        missing: counters below `newest` that are waited for no longer.
        out_of_order: how many came in after one with a higher counter.
    """

    chain: Annotated[str, text(CHAIN_ID)]
    counter: Annotated[int, integer(0)]
    newest: Annotated[int, integer(1)]
    sha256: Sha256 | None = None
    missing: Spans = ()
    out_of_order: Annotated[int, integer(0)] = 0

    @classmethod
    def read(cls, value: Any, what: str = "seen") -> Self:
        """The counters in `value`.

        Raises:
            ProtocolError: malformed, or they contradict each other.
        """
        seen = super().read(value, what)
        if seen.counter > seen.newest:
            raise ProtocolError("seen names a counter beyond the newest")
        if seen.missing and seen.missing[0][0] <= seen.counter:
            raise ProtocolError("seen names a counter as missing up to which nothing is")
        if seen.counter == 0 and seen.sha256 is not None:
            raise ProtocolError("seen names the hash of an envelope with the counter 0")
        _require_below("missing", seen.missing, seen.newest)
        return seen


def new_chain_id() -> str:
    """A name for a new chain: 160 random bits."""
    return "ch_" + base64.b32encode(secrets.token_bytes(20)).decode("ascii").lower()


def spans(counters: Iterable[int]) -> tuple[Span, ...]:
    """Counters in ascending order, gathered to ranges."""
    found: list[Span] = []
    for counter in counters:
        if found and counter == found[-1][1] + 1:
            found[-1] = (found[-1][0], counter)
        else:
            found.append((counter, counter))
    return tuple(found)


def _require_below(name: str, spans: tuple[Span, ...], end: int) -> None:
    if spans and spans[-1][1] >= end:
        raise ProtocolError(f"{name} names counters that cannot be meant")

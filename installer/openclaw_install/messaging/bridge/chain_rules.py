"""Verdict on an envelope by its position in its sender's hash chain, and on our own counters. Pure.

    envelope                                verdict   what becomes of it
    another hash than is known for its      fork      refused, kept as evidence: two things were signed
      place, or for the place before it                for one place
    the same again                          repeat    dropped
    the next one                            next      goes on, and with it what waited only for it
    behind a gap                            wait      held until the gap is filled, or is waited for no longer
    from a gap that is no longer waited     late      goes on, marked: later ones went before it
      for, or that the sender said to skip

Counters that the sender says to skip (it sealed them and could not send them) are no gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from openclaw_install.protocol.chain import MOST_RANGES, Link, Seen, Span

Verdict = Literal["next", "wait", "late", "repeat", "fork"]
Heard = Literal["fits", "other_chain", "ahead", "fork"]


@dataclass(frozen=True)
class OrderLimits:
    """How long and how much is held behind a gap: who withholds one message stops no thread for good.

    Attributes:
        hold_seconds: from when a message came in behind a gap until it goes on without what is missing.
        most_held: messages of one chain; one more, and the oldest gap is waited for no longer.
        most_ahead: ranges that are remembered behind gaps, also where nothing is held; the same holds.
    """

    hold_seconds: float = 120.0
    most_held: int = 64
    most_ahead: int = 256


@dataclass(frozen=True)
class Around:
    """What is known of a chain, as far as it matters for one envelope.

    Attributes:
        settled: all up to here came in, were skipped, or are waited for no longer.
        ahead: counters beyond it that came in or were skipped, in order and apart.
        here, before: the hashes known for the envelope's own counter and for the one before: of what came in,
            or as the one after told it. None where nothing is known.
        came: whether an envelope with this counter came in.
    """

    settled: int = 0
    ahead: tuple[Span, ...] = ()
    here: str | None = None
    before: str | None = None
    came: bool = False


@dataclass(frozen=True)
class Classified:
    """What an envelope comes to.

    Attributes:
        settled: as it is with this envelope. All that is held up to here goes on.
    """

    verdict: Verdict
    settled: int


def classify(around: Around, link: Link, sha256: str) -> Classified:
    """What the envelope with this link and hash comes to.

    Args:
        sha256: of the envelope itself.
    """
    if around.here not in (None, sha256) or around.before not in (None, link.previous):
        return Classified("fork", around.settled)
    if around.came:
        return Classified("repeat", around.settled)
    here = (link.counter, link.counter)
    settled = advance(around.settled, merged([*around.ahead, *link.skipped, here]))
    if link.counter <= around.settled:
        return Classified("late", settled)
    return Classified("next" if link.counter <= settled else "wait", settled)


def advance(settled: int, ahead: Sequence[Span]) -> int:
    """How far a chain is settled, by what lies beyond; `ahead` is in order."""
    for first, last in ahead:
        if first > settled + 1:
            break
        settled = max(settled, last)
    return settled


def give_up(settled: int, ahead: Sequence[Span]) -> tuple[int, Span | None]:
    """Waits for the first gap no longer: how far the chain is settled then, and what is missing.

    Args:
        ahead: as `Around` has it, of all that lies beyond `settled`.
    """
    beyond = [span for span in ahead if span[1] > settled]
    if not beyond or beyond[0][0] <= settled + 1:
        return advance(settled, beyond), None
    gap = (settled + 1, beyond[0][0] - 1)
    return advance(gap[1], beyond), gap


def merged(found: Iterable[Span]) -> tuple[Span, ...]:
    """Ranges in order and apart from each other."""
    made: list[Span] = []
    for first, last in sorted(found):
        if made and first <= made[-1][1] + 1:
            made[-1] = (made[-1][0], max(made[-1][1], last))
        else:
            made.append((first, last))
    return tuple(made)


def without(found: Sequence[Span], counter: int) -> tuple[Span, ...]:
    """Ranges without one counter, which may split one of them in two."""
    made: list[Span] = []
    for first, last in found:
        if not first <= counter <= last:
            made.append((first, last))
            continue
        made += [(first, counter - 1)] if first < counter else []
        made += [(counter + 1, last)] if counter < last else []
    return tuple(made)


def seen_of(
    chain: str, settled: int, newest: int, missing: Sequence[Span], out_of_order: int
) -> tuple[Seen, bool]:
    """What the sender of a chain learns of it, without a hash; and whether all of it could be said."""
    whole = min(missing[0][0] - 1 if missing else settled, newest)
    named = tuple(span for span in missing if span[1] < newest)[:MOST_RANGES]
    return Seen(chain, whole, newest, None, named, out_of_order), len(named) == len(missing)


def heard(seen: Seen, chain: str, counter: int, sha256: str | None) -> Heard:
    """What the counters of the other side say of our chain.

    Args:
        chain, counter: ours to that side: its name, and what was sealed last.
        sha256: of our envelope with the counter `seen.counter`; None where it is not known any more.
    """
    if seen.chain != chain:
        return "other_chain"
    if seen.newest > counter:
        # More than we sealed: this store is older than what the other side met.
        return "ahead"
    if sha256 is not None and seen.sha256 not in (None, sha256):
        return "fork"
    return "fits"


def words(found: Sequence[Span]) -> str:
    """Ranges for people: `2, 4-6`."""
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)

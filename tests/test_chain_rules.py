"""The rules of a chain: its table, and whatever a relay drops, repeats or reorders, or a sender forks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.messaging.bridge.chain_rules import (
    Around,
    advance,
    classify,
    give_up,
    heard,
    merged,
    seen_of,
    without,
    words,
)
from openclaw_install.protocol.chain import Link, Seen, Span, spans

CHAIN = "ch_" + "a" * 32


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _sent(counter: int, skipped: tuple[Span, ...] = ()) -> tuple[Link, str]:
    """The envelope with a counter, as its honest sender sealed it, and its hash."""
    previous = _hash(str(counter - 1)) if counter > 1 else None
    return Link(CHAIN, counter, previous, skipped), _hash(str(counter))


_TABLE = {
    "the first": (Around(), _sent(1), "next", 1),
    "the next": (Around(settled=4), _sent(5), "next", 5),
    "one that closes a gap": (Around(settled=4, ahead=((6, 8), (10, 10))), _sent(5), "next", 8),
    "behind a gap": (Around(settled=4), _sent(6), "wait", 4),
    "the first that is seen, not the first of its chain": (Around(), _sent(7), "wait", 0),
    "behind what the sender skipped": (Around(settled=4), _sent(7, ((5, 6),)), "next", 7),
    "behind more than it skipped": (Around(settled=4), _sent(8, ((6, 7),)), "wait", 4),
    "given up before": (Around(settled=9), _sent(5), "late", 9),
    "the same again": (Around(settled=9, here=_hash("5"), came=True), _sent(5), "repeat", 9),
    "foretold by the next one": (Around(settled=4, here=_hash("5")), _sent(5), "next", 5),
    "another one for its place": (Around(settled=9, here=_hash("x"), came=True), _sent(5), "fork", 9),
    "another one than was foretold": (Around(settled=4, here=_hash("x")), _sent(5), "fork", 4),
    "after another one than came before": (Around(settled=4, before=_hash("x")), _sent(5), "fork", 4),
}


@pytest.mark.parametrize("case", _TABLE)
def test_the_table_of_verdicts(case: str) -> None:
    around, (link, sha256), verdict, settled = _TABLE[case]
    judgement = classify(around, link, sha256)
    assert (judgement.verdict, judgement.settled) == (verdict, settled)


@dataclass
class _Receiver:
    """Applies verdicts as the store does, and nothing else."""

    settled: int = 0
    ahead: tuple[Span, ...] = ()
    hashes: dict[int, str] = field(default_factory=dict)
    came: set[int] = field(default_factory=set)
    held: set[int] = field(default_factory=set)
    missing: tuple[Span, ...] = ()
    given: list[int] = field(default_factory=list)
    forks: int = 0

    def take(self, link: Link, sha256: str) -> None:
        n = link.counter
        around = Around(self.settled, self.ahead, self.hashes.get(n), self.hashes.get(n - 1), n in self.came)
        found = classify(around, link, sha256)
        if found.verdict in {"fork", "repeat"}:
            self.forks += found.verdict == "fork"
            return
        self.hashes[n] = sha256
        if link.previous:
            self.hashes.setdefault(n - 1, link.previous)
        self.came.add(n)
        self.held.add(n)
        self.missing = without(self.missing, n)
        self._settle(found.settled, merged([*self.ahead, *link.skipped, (n, n)]))

    def give_up(self) -> None:
        while self.held:
            settled, gap = give_up(self.settled, self.ahead)
            self.missing = merged([*self.missing, *([gap] if gap else [])])
            self._settle(settled, self.ahead)

    def _settle(self, settled: int, ahead: tuple[Span, ...]) -> None:
        self.settled, self.ahead = settled, tuple(one for one in ahead if one[1] > settled)
        free = sorted(one for one in self.held if one <= settled)
        self.given += free
        self.held -= set(free)


_COUNT = 8


@given(st.permutations(range(1, _COUNT + 1)), st.lists(st.integers(1, _COUNT), max_size=6))
def test_whatever_the_order_and_however_often_all_go_on_once_in_the_senders_order(
    order: list[int], again: list[int]
) -> None:
    receiver = _Receiver()
    for counter in (*order, *again):
        receiver.take(*_sent(counter))
    assert receiver.given == list(range(1, _COUNT + 1))
    assert (receiver.forks, receiver.missing) == (0, ())


@given(st.sets(st.integers(1, _COUNT - 1)), st.permutations(range(1, _COUNT + 1)))
def test_what_is_dropped_is_named_exactly_and_the_rest_goes_on_in_order(
    dropped: set[int], order: list[int]
) -> None:
    receiver = _Receiver()
    for counter in order:
        if counter not in dropped:
            receiver.take(*_sent(counter))
    before = list(receiver.given)
    assert before == list(range(1, min(dropped, default=_COUNT + 1)))
    receiver.give_up()
    assert receiver.given == [one for one in range(1, _COUNT + 1) if one not in dropped]
    assert receiver.missing == spans(sorted(dropped))
    for counter in dropped:
        receiver.take(*_sent(counter))
    assert receiver.missing == ()
    assert sorted(receiver.given) == list(range(1, _COUNT + 1))


@given(st.sets(st.integers(1, _COUNT - 1)), st.permutations(range(1, _COUNT + 1)))
def test_what_the_sender_says_to_skip_is_no_gap(failed: set[int], order: list[int]) -> None:
    """An honest sender names what failed in the next one that it can send."""
    sent = [counter for counter in range(1, _COUNT + 1) if counter not in failed]
    receiver = _Receiver()
    for counter in (one for one in order if one in sent):
        before = max((one for one in sent if one < counter), default=0)
        skipped = spans(one for one in range(before + 1, counter))
        receiver.take(*_sent(counter, skipped))
    assert receiver.given == sent
    assert receiver.missing == ()


@given(st.permutations(range(1, _COUNT + 1)), st.integers(1, _COUNT - 1))
def test_two_envelopes_for_one_place_are_a_fork_in_whatever_order_they_come(
    order: list[int], place: int
) -> None:
    receiver = _Receiver()
    link, _ = _sent(place)
    for counter in order:
        receiver.take(*_sent(counter))
        if counter == order[0]:
            receiver.take(link, _hash("another"))
    receiver.take(link, _hash("another"))
    assert receiver.forks >= 1
    assert len(receiver.given) == len(set(receiver.given))


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 5)), max_size=8), st.integers(1, 36))
def test_ranges_are_merged_and_split_as_sets_are(found: list[tuple[int, int]], counter: int) -> None:
    made = merged((first, first + more) for first, more in found)
    held = {one for first, more in found for one in range(first, first + more + 1)}
    assert made == spans(sorted(held))
    assert without(made, counter) == spans(sorted(held - {counter}))
    assert advance(0, made) == next(n for n in range(40) if n + 1 not in held)


@pytest.mark.parametrize(
    ("seen", "sha256", "verdict"),
    [
        (Seen(CHAIN, 3, 3, _hash("3")), _hash("3"), "fits"),
        (Seen(CHAIN, 3, 3), _hash("3"), "fits"),
        (Seen(CHAIN, 3, 5, _hash("3")), None, "fits"),
        (Seen("ch_" + "b" * 32, 9, 9, _hash("x")), None, "other_chain"),
        (Seen(CHAIN, 3, 6), _hash("3"), "ahead"),
        (Seen(CHAIN, 3, 4, _hash("x")), _hash("3"), "fork"),
    ],
)
def test_what_the_other_sides_counters_say(seen: Seen, sha256: str | None, verdict: str) -> None:
    assert heard(seen, CHAIN, 5, sha256) == verdict


def test_the_sender_is_told_up_to_where_all_came_in_and_what_is_missing() -> None:
    seen, whole = seen_of(CHAIN, 9, 9, ((3, 4), (7, 7)), 2)
    assert (seen, whole) == (Seen(CHAIN, 2, 9, None, ((3, 4), (7, 7)), 2), True)
    many = tuple((number, number) for number in range(2, 60, 2))
    seen, whole = seen_of(CHAIN, 70, 70, many, 0)
    assert (len(seen.missing), whole) == (16, False)
    assert words(((2, 2), (4, 6))) == "2, 4-6"

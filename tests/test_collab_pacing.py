"""How rounds are counted and how long a thread waits: the rule, and what the store tells of a thread."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.messaging.bridge.loop_guard import hold_back
from openclaw_install.messaging.models import Ingress, NewMessage, Outgoing
from openclaw_install.messaging.outgoing import enqueue
from openclaw_install.messaging.pacing import (
    PacingLimits,
    Passed,
    host_paced_until,
    is_due,
    is_paced,
    pace_reason,
    paced_until,
    rounds,
)
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.store.overview import EXCHANGE
from openclaw_install.protocol.did import conversation_of
from openclaw_install.protocol.header import new_message_id
from openclaw_install.protocol.messages import RECEIPT, TEXT, receipt_body, text_body
from tests.collab_rig import Agent, rig

LIMITS = PacingLimits(rounds=3, window=600.0)


def _passed(ways: str, first: float = 0.0) -> list[Passed]:
    """`i` came in, `o` went out; a second apart."""
    return [Passed("in" if way == "i" else "out", first + number) for number, way in enumerate(ways)]


@pytest.mark.parametrize(
    ("ways", "times"),
    [
        ("", []),
        ("iii", []),
        ("ooo", []),
        ("ioi", [2]),
        ("oiiiooi", [1, 6]),
        ("ioioio", [2, 4]),
        ("i" * 10_000 + "o" * 5_000 + "i" + "o" * 5_000, [15_000]),
    ],
)
def test_a_round_is_what_came_in_after_an_answer_and_a_backlog_is_one(ways: str, times: list[float]) -> None:
    assert list(rounds(_passed(ways))) == times


def test_above_the_limit_the_next_message_waits_until_the_oldest_round_is_over() -> None:
    three, four = _passed("i" + "oi" * 3, first=100.0), _passed("i" + "oi" * 4, first=100.0)
    assert paced_until(three, 110.0, LIMITS) is None
    assert paced_until(four, 110.0, LIMITS) == 702.0
    assert paced_until(four, 701.9, LIMITS) == 702.0
    assert paced_until(four, 702.0, LIMITS) is None
    # What is too many by more than one waits for as many rounds to be over.
    assert paced_until(_passed("i" + "oi" * 6, first=100.0), 120.0, LIMITS) == 706.0


def test_a_clock_that_was_set_back_neither_counts_what_lies_ahead_nor_keeps_a_pause_from_before() -> None:
    assert paced_until(_passed("i" + "oi" * 9, first=5000.0), 1000.0, LIMITS) is None
    row = _row()
    assert not is_paced(row)
    assert is_due(row, 0.0, LIMITS)
    paced = replace(row, next_attempt_at=5000.0)
    assert is_paced(paced)
    assert [is_due(paced, now, LIMITS) for now in (4399.0, 4400.0, 4999.0, 5000.0)] == [
        *(True, False, False),
        True,
    ]
    # A pause that the gateway asked for is no pace.
    retried = replace(paced, attempts=1)
    assert not is_paced(retried)
    assert not is_due(retried, 1000.0, LIMITS)


@given(
    st.lists(st.tuples(st.sampled_from("io"), st.floats(0, 5000)), max_size=60),
    st.floats(0, 5000),
    st.integers(0, 5),
)
def test_no_wait_is_longer_than_the_window_and_after_it_the_message_goes(
    found: list[tuple[str, float]], now: float, most: int
) -> None:
    passed = [Passed("in" if way == "i" else "out", at) for way, at in found]
    limits = PacingLimits(rounds=most, window=600.0)
    until = paced_until(passed, now, limits)
    assert until is None or now < until <= now + limits.window
    # Where nothing lies ahead of the clock, and nothing comes in meanwhile, one pause is enough.
    until = paced_until(passed, 5000.0, limits)
    assert until is None or paced_until(passed, until, limits) is None


def test_the_reason_tells_limit_and_time_in_the_room_that_lists_have_for_it() -> None:
    said = pace_reason(1_800_000_000.0, PacingLimits())
    assert said == "over 20 rounds in 10 minutes; its turn comes at 2027-01-15T08:00:00.000Z"
    assert len(said) <= 80


def _row() -> Ingress:
    return Ingress(
        *(1, "t", "p", "log", 1, "approved", 0, 0, 0, None, 0.0, None, None, None, None, None, None),
        *(None, None, None, None, None, ""),
    )


class _Thread:
    """A thread in a store, filled message by message, and what should be counted of it."""

    def __init__(self, store: Store, me: Agent, peer: Agent) -> None:
        self.store, self.me, self.peer = store, me, peer
        self.id = conversation_of(me.did, peer.did)
        self.passed: list[Passed] = []
        self.now = 1000.0
        store.contacts.add(peer.did, "approved", "operator", self.now, by="cli:alice")

    def add(self, way: str) -> None:
        """`i` came in, `r` a receipt too; the agent wrote `a`, a person `p`, the bridge the receipt `b`."""
        self.now += 1.0
        number = int(self.now)
        if way in "ir":
            schema, body = (TEXT, text_body("x")) if way == "i" else (RECEIPT, self._receipt())
            self.store.messages.add(
                NewMessage(
                    direction="in",
                    sender=self.peer.did,
                    message_id=f"msg_{self.id}{number}",
                    thread_id=self.id,
                    peer=self.peer.did,
                    schema=schema,
                    body=body,
                    sent_at=self.now,
                    known_at=self.now,
                    state="approved",
                    seq=number,
                )
            )
        elif way == "b":
            self._send(Outgoing(self.peer.did, RECEIPT, self._receipt(), "bridge"))
        else:
            by = "mcp:1" if way == "a" else "cli:alice"
            self._send(Outgoing(self.peer.did, TEXT, text_body("x"), by))
        if way in "ia":
            self.passed.append(Passed("in" if way == "i" else "out", self.now))

    def _receipt(self) -> dict[str, object]:
        return dict(receipt_body(new_message_id(self.now), "delivered", self.now))

    def _send(self, outgoing: Outgoing) -> None:
        enqueue(self.store, self.me.did, outgoing, self.now)


def test_the_store_tells_the_newest_rounds_as_the_rule_counts_them_among_all_messages(tmp_path: Path) -> None:
    me = Agent.make(tmp_path / "me")
    chance = random.Random(7)  # noqa: S311 - any order will do
    with Store(me.store_path) as store, store.write():
        threads = [_Thread(store, me, Agent.make(tmp_path / f"peer{n}")) for n in range(8)]
        for _ in range(400):
            chance.choice(threads).add(chance.choice("iiaarpb"))
        for thread in threads:
            whole = list(rounds(thread.passed))
            assert len(whole) > 5
            for most in (1, 4, 100):
                assert list(rounds(store.overview.exchange(thread.id, most))) == whole[-most:]


def test_what_a_person_typed_is_no_round_of_the_agents(tmp_path: Path) -> None:
    me = Agent.make(tmp_path / "me")
    with Store(me.store_path) as store, store.write():
        thread = _Thread(store, me, Agent.make(tmp_path / "peer"))
        for way in "i" + "pi" * 50:
            thread.add(way)
        assert store.overview.exchange(thread.id, 21) == []


def test_the_rounds_of_a_thread_are_found_by_indexes_alone(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        plan = [row[3] for row in store.database.rows(f"EXPLAIN QUERY PLAN {EXCHANGE}", "t", 21)]
    looks = [step for step in plan if "message" in step or "outbox" in step]
    assert all("SEARCH" in step for step in looks), plan
    assert sum("message_came_in" in step for step in looks) == 3
    assert sum("outbox_by_agent" in step for step in looks) == 2


def test_a_pause_from_a_clock_that_was_set_back_is_over_for_the_store_too(tmp_path: Path) -> None:
    me = Agent.make(tmp_path / "me")
    with Store(me.store_path) as store, store.write():
        thread = _Thread(store, me, Agent.make(tmp_path / "peer"))
        thread.add("i")
        store.ingress.add(1, thread.id, thread.peer.did, "log", 1, "approved")
        store.ingress.update(1, next_attempt_at=5000.0)
        assert store.ingress.due_threads(4400.0, longest=600.0) == []
        assert store.ingress.due_threads(4399.0, longest=600.0) == [thread.id]
        assert store.ingress.due_threads(4399.0) == []
        store.ingress.update(1, attempts=1)
        assert store.ingress.due_threads(4399.0, longest=600.0) == []


def test_a_pause_that_is_made_longer_is_told_once_and_what_was_attempted_is_not_held(tmp_path: Path) -> None:
    with rig(tmp_path) as made, made.store() as store:
        limits = PacingLimits(rounds=1, window=600.0)
        thread = _Thread(store, made.me, made.peer)
        for way in "iaiai":
            thread.add(way)
        store.ingress.add(5, thread.id, made.peer.did, "log", 5, "approved")

        def head() -> Ingress:
            row = store.ingress.head(thread.id)
            assert row is not None
            return row

        held = hold_back(store, limits, head(), thread.now)
        assert held is not None
        assert held.is_news
        assert head().next_attempt_at == 1603.0
        # The agent writes of its own accord, and an answer comes in behind the one that waits.
        for way in "ai":
            thread.add(way)
        again = hold_back(store, limits, head(), 1603.0)
        assert again is not None
        assert not again.is_news
        assert (head().next_attempt_at, head().stage) == (1605.0, "approved")
        assert [event.kind for event in store.events.since(0) if "paced" in event.kind] == ["message.paced"]
        assert hold_back(store, limits, head(), 1605.0) is None
        assert hold_back(store, limits, replace(head(), attempts=1), thread.now) is None


def _ways(rounds_of: int, at: float) -> list[Passed]:
    pairs = [(Passed("out", at + n), Passed("in", at + n + 0.5)) for n in range(rounds_of)]
    return [one for pair in pairs for one in pair]


def test_a_ceiling_over_all_threads_holds_whoever_talks_and_keeps_a_reserve_for_the_quiet() -> None:
    limits = PacingLimits(window=100.0, host_rounds=4, reserve=2)
    talking, quiet = _ways(2, 1000.0), _ways(1, 1001.0)
    host = [1000.0, 1001.0, 1002.0, 1003.0]
    assert host_paced_until(host[:3], talking, 1004.0, limits) is None
    assert host_paced_until(host, talking, 1004.0, limits) == 1100.0
    assert host_paced_until(host, quiet, 1004.0, limits) is None
    assert host_paced_until([*host, 1003.5, 1003.6], quiet, 1004.0, limits) == 1100.0
    # What is over, and what lies ahead because the clock was set back, does not count.
    assert host_paced_until(host, talking, 1100.0, limits) is None
    assert host_paced_until(host, talking, 999.0, limits) is None


@given(st.lists(st.floats(0, 1000), max_size=60), st.integers(1, 10), st.integers(0, 5))
def test_no_window_has_more_rounds_than_the_ceiling_and_its_reserve(
    wishes: list[float], most: int, reserve: int
) -> None:
    limits = PacingLimits(window=100.0, host_rounds=most, reserve=reserve)
    let_through: list[float] = []
    for at in sorted(wishes):
        if host_paced_until(let_through, _ways(1, at - 1.0), at, limits) is None:
            let_through.append(at)
    for at in let_through:
        assert sum(one <= at < one + limits.window for one in let_through) <= most + reserve

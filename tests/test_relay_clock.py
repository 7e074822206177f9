"""A relay whose clock is wrong for a while, either way: it serves, loses nothing and is not fooled."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from openclaw_install.hub.relay.auth import ReplayGuard
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.protocol.identity import rename
from tests.relay_rig import Peer, RunningRelay, relay_in_memory
from tests.support.clocks import START, GoingClock, HandClock
from tests.support.memory_relay_store import MemoryRelayStore
from tests.support.waiting import until

HOUR = 3600.0
DAY = 24 * HOUR
QUICK = RelayLimits(sweep_seconds=0.02)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"] if answer.status_code >= 400 else ""


def with_run(relay: RunningRelay, *peers: Peer) -> None:
    """The peers sign for the relay's present run, as clients do that read its `about`."""
    for peer in peers:
        peer.run = relay.about()["run"]


@pytest.mark.parametrize("seconds", [HOUR, -HOUR, 40 * DAY])
@pytest.mark.parametrize("named", [True, False])
def test_a_relay_that_started_by_a_wrong_clock_takes_tokens_at_once_when_it_was_set_right(
    seconds: float,
    named: bool,
) -> None:
    clock = GoingClock()
    clock.step(seconds)
    with relay_in_memory(clock=clock) as relay, relay.peer(register=False) as ann:
        ann.ahead = seconds
        assert code(ann.put_card()) == (200, "")
        clock.step(-seconds)
        ann.ahead = 0.0
        relay.about()
        if named:
            with_run(relay, ann)
        ann.ahead = 1.0  # tokens have whole seconds: this one is surely not of the second before
        assert code(ann.ask("GET", "/inbox")) == (200, "")


def test_a_token_counts_in_the_run_that_it_names_and_in_no_other() -> None:
    clock = GoingClock()
    with relay_in_memory(clock=clock) as relay, relay.peer() as ann:
        with_run(relay, ann)
        assert code(ann.ask("GET", "/inbox")) == (200, "")
        clock.step(5.0)
        assert code(ann.ask("GET", "/inbox")) == (401, "token_before_start")
        with_run(relay, ann)
        assert code(ann.ask("GET", "/inbox")) == (200, "")
    with relay_in_memory() as other, other.peer() as ann:
        ann.run = "run_0000000000000000"
        assert code(ann.ask("GET", "/inbox")) == (401, "token_before_start")


def _ahead_and_back(clock: HandClock, between: Callable[[], object]) -> None:
    clock.step(HOUR)
    between()
    clock.step(-HOUR)


def _later_and_back(clock: HandClock, between: Callable[[], object]) -> None:
    clock.go(HOUR)
    between()
    clock.step(-HOUR)


def _back_and_on(clock: HandClock, between: Callable[[], object]) -> None:
    clock.step(-HOUR)
    between()
    clock.go(HOUR)


@pytest.mark.parametrize("move", [_ahead_and_back, _later_and_back, _back_and_on])
@pytest.mark.parametrize("named", [True, False])
def test_no_step_of_the_clock_brings_a_used_token_back(
    move: Callable[[HandClock, Callable[[], object]], None],
    named: bool,
) -> None:
    clock = HandClock()
    guard = ReplayGuard(10, clock)
    clock.go(10.0)
    issued, run = int(clock.wall()), guard.run if named else None

    def taken(token: str) -> bool:
        return not guard.too_old(issued, run) and guard.first_time(token, issued + 90)

    assert taken("one")
    assert not taken("one")
    move(clock, lambda: guard.first_time("another", clock.wall() + 90))
    clock.step(issued - clock.wall() + 5)  # wherever it stands now: the token is of five seconds ago
    assert not taken("one")


def test_without_the_name_of_a_run_only_what_is_dated_in_an_earlier_one_is_refused() -> None:
    clock = HandClock()
    guard = ReplayGuard(10, clock)
    clock.step(HOUR)
    guard.now()
    clock.go(600.0)
    guard.now()
    clock.step(-HOUR)
    guard.now()
    now = int(clock.wall())
    assert not guard.too_old(now + 1, None)
    assert guard.too_old(now - 30, None)
    assert guard.too_old(int(START), None)
    assert guard.too_old(int(START + HOUR) + 300, None)
    assert not guard.too_old(int(START + 2 * HOUR), None)


def test_a_clock_that_is_set_again_and_again_takes_no_room() -> None:
    clock = HandClock()
    guard = ReplayGuard(10, clock)
    for number in range(200):
        clock.go(60.0)
        clock.step(HOUR if number % 2 else -HOUR)
        guard.now()
    assert len(guard._earlier) <= 32
    assert guard.too_old(int(START), None)
    assert not guard.too_old(int(clock.wall()) + 2 * int(HOUR), None)


def test_what_waits_survives_a_clock_that_stands_ahead_for_seconds_or_for_hours() -> None:
    clock, store = GoingClock(), MemoryRelayStore(QUICK)
    with relay_in_memory(QUICK, store=store, clock=clock) as relay, relay.peer() as ann, relay.peer() as bob:
        ann.commit(ann.sealed(bob))
        clock.go(700)
        ann.ahead = bob.ahead = 700
        marks = store._boxes[bob.did].marked_at
        clock.step(8 * DAY)
        clock.go(13)
        assert relay.about()["run"]
        assert not marks
        clock.go(2 * HOUR)
        until(lambda: len(marks) == 1)
        clock.step(-8 * DAY)
        until(lambda: not marks)
        clock.go(25 * HOUR)
        bob.ahead = 700 + 13 + 27 * HOUR
        with_run(relay, bob)
        (entry,) = bob.inbox()["entries"]
        assert "gone" not in entry
        assert entry["envelope"]["from"] == ann.did


def test_a_message_is_not_called_expired_for_good_by_a_clock_that_was_just_set() -> None:
    clock = GoingClock()
    with relay_in_memory(clock=clock) as relay, relay.peer() as ann, relay.peer() as bob:
        old = ann.sealed(bob)
        clock.step(8 * DAY)
        ann.ahead = 8 * DAY
        with_run(relay, ann)
        answer = ann.post(old)
        assert code(answer) == (503, "clock_unsettled")
        assert int(answer.headers["Retry-After"]) > 0
        clock.step(-16 * DAY)
        ann.ahead = -8 * DAY
        with_run(relay, ann)
        assert code(ann.post(old)) == (503, "clock_unsettled")
        clock.step(8 * DAY)
        ann.ahead = 0.0
        with_run(relay, ann)
        assert code(ann.post(old)) == (200, "")


def test_a_settled_clock_says_expired_as_ever() -> None:
    clock = GoingClock()
    with relay_in_memory(clock=clock) as relay, relay.peer() as ann, relay.peer() as bob:
        clock.step(8 * DAY)
        relay.about()
        clock.go(700.0)
        ann.ahead = 8 * DAY + 700.0
        with_run(relay, ann)
        old = ann.sealed(bob, lifetime=60)
        clock.go(120.0)
        ann.ahead += 120.0
        assert code(ann.post(old)) == (410, "expired")


def test_no_alias_lapses_by_a_clock_that_has_not_gone_right_for_a_day() -> None:
    clock = GoingClock()
    with (
        relay_in_memory(clock=clock) as relay,
        relay.peer(alias="smith") as ann,
        relay.peer(register=False) as bob,
    ):
        bob.identity = rename(bob.identity, alias="smith", display_name=None)
        clock.step(100 * DAY)
        bob.ahead = 100 * DAY
        with_run(relay, bob)
        assert code(bob.put_card()) == (409, "alias_taken")
        clock.step(-100 * DAY)
        ann.ahead = 0.0
        with_run(relay, ann)
        assert ann.ask("GET", "/aliases/smith").json() == {"did": ann.did}

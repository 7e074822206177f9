"""The pure parts: the machine of one message, the gate, the routes, the pauses, and the agent's text."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.common.backoff import pause
from openclaw_install.host.hooks.dispatch import (
    Accepted,
    Blocked,
    Faulty,
    Later,
    Outcome,
    Unknown,
    read_outcome,
)
from openclaw_install.host.hooks.turn_evidence import Sight
from openclaw_install.messaging.bridge import delivery_state
from openclaw_install.messaging.bridge.agent_message import MOST_BYTES, Shown, agent_text, mark_of
from openclaw_install.messaging.bridge.circuit_breaker import CircuitBreaker
from openclaw_install.messaging.bridge.delivery_state import InboundLimits
from openclaw_install.messaging.bridge.sealing import routing_of
from openclaw_install.messaging.contact_gate import AFTER, GateLimits, judge, may_write_to
from openclaw_install.messaging.models import Contact, ContactState, Ingress, Stage
from openclaw_install.messaging.routing import Route, route
from openclaw_install.messaging.untrusted import Untrusted

_ROW = Ingress(
    id=1,
    thread_id="c_dm_x",
    peer="did:agent:p",
    log_id="l",
    seq=1,
    stage="approved",
    attempts=0,
    faults=0,
    doubts=0,
    doubt_at=None,
    next_attempt_at=0.0,
    session_key=None,
    degraded=None,
    shown=None,
    gateway=None,
    attempted_at=None,
    run_id=None,
    accepted_at=None,
    evidence=None,
    confirmed_at=None,
    acked_at=None,
    receipted_at=None,
    reason="",
)
_LIMITS = InboundLimits()
_ROUTE = Route("hook:im:c_dm_x", "stable-hook-session")


def _under_way(**changes: Any) -> Ingress:
    begun = replace(_ROW, **delivery_state.begin(_ROW, _ROUTE, "g", 100.0))
    return replace(begun, **changes)


@pytest.mark.parametrize(
    ("outcome", "stage", "effect"),
    [
        (Accepted("r"), "accepted", "accepted"),
        (Later("busy"), "approved", "retry"),
        (Later("down", everybody=True), "approved", "gateway_later"),
        (Blocked("hooks.off", "off"), "approved", "gateway_blocked"),
        (Faulty(500, "odd"), "approved", "retry"),
        (Faulty(413, "too large"), "parked", "parked"),
        (Unknown("no answer"), "dispatching", "in_doubt"),
    ],
)
def test_each_outcome_leads_to_its_stage(outcome: Outcome, stage: str, effect: str) -> None:
    row = _under_way()
    assert (row.stage, row.attempts) == ("dispatching", 1)
    step = delivery_state.settle(row, outcome, 100.0, 0.5, _LIMITS)
    assert (replace(row, **step.changes).stage, step.effect) == (stage, effect)


def test_a_message_that_fails_for_its_own_reasons_is_parked_after_a_bounded_number_of_tries() -> None:
    row, tries = _ROW, 0
    while row.stage != "parked":
        row = replace(row, **delivery_state.begin(row, _ROUTE, None, 0.0))
        row = replace(row, **delivery_state.settle(row, Faulty(500, "odd"), 0.0, 0.0, _LIMITS).changes)
        tries += 1
    assert tries == _LIMITS.faults


def test_waiting_for_the_gateway_never_parks_a_message() -> None:
    row = _ROW
    for _ in range(1000):
        row = replace(row, **delivery_state.begin(row, _ROUTE, None, 0.0))
        row = replace(row, **delivery_state.settle(row, Later("busy", 2.0), 0.0, 0.9, _LIMITS).changes)
    assert row.stage == "approved"
    assert 2.0 <= row.next_attempt_at <= 60.0


def test_a_request_in_doubt_is_repeated_under_its_own_session_key() -> None:
    row = _under_way(session_key="feishu:default:x", doubts=1)
    again = replace(row, **delivery_state.begin(row, _ROUTE, "g", 1.0))
    assert again.session_key == "feishu:default:x"


@pytest.mark.parametrize(
    ("sight", "same", "age", "doubts", "stage", "effect"),
    [
        ("found", True, 1.0, 1, "accepted", "accepted"),
        ("found", False, 1e6, 9, "accepted", "accepted"),
        ("absent", True, 1.0, 1, "approved", "retry"),
        ("absent", False, 1.0, 1, "approved", "retry"),
        ("absent", None, 1.0, 1, "dispatching", "in_doubt"),
        ("absent", None, 50.0, 1, "approved", "retry"),
        ("absent", True, 1e4, 1, "approved", "retry"),
        ("absent", True, 1.0, 5, "parked", "parked"),
        ("unreadable", True, 1.0, 1, "approved", "retry"),
        ("unreadable", True, 1e4, 1, "parked", "parked"),
        ("unreadable", False, 1.0, 1, "parked", "parked"),
        ("unreadable", None, 1.0, 1, "parked", "parked"),
    ],
)
def test_a_doubt_is_resolved_by_the_evidence(
    sight: Sight, same: bool | None, age: float, doubts: int, stage: str, effect: str
) -> None:
    row = _under_way(doubts=doubts)
    assert delivery_state.is_in_doubt(row)
    step = delivery_state.resolve(row, sight, same, 100.0 + age, _LIMITS)
    assert (replace(row, **step.changes).stage, step.effect) == (stage, effect)


@given(
    st.sampled_from(["found", "absent", "unreadable"]),
    st.sampled_from([True, False, None]),
    st.floats(-1e5, 1e6),
    st.integers(0, 9),
)
def test_no_turn_that_may_have_run_is_repeated_without_a_reason(
    sight: Sight, same: bool | None, age: float, doubts: int
) -> None:
    step = delivery_state.resolve(_under_way(doubts=doubts), sight, same, 100.0 + age, _LIMITS)
    if step.effect == "retry":
        assert sight != "found"
        replayed = same is True and age < _LIMITS.replay_seconds
        assert sight == "absent" or replayed
        assert replayed or same is False or not 0 <= age < _LIMITS.settle_seconds


@pytest.mark.parametrize(
    ("sight", "same", "age", "doubts", "stage", "confirmed"),
    [
        ("found", True, 1.0, 0, "accepted", True),
        ("absent", True, 1.0, 0, "accepted", False),
        ("absent", None, 1.0, 0, "accepted", False),
        ("absent", False, 1.0, 0, "approved", False),
        ("absent", False, 1.0, 4, "parked", False),
        ("unreadable", False, 1.0, 0, "accepted", True),
        ("absent", True, 1e5, 0, "accepted", True),
    ],
)
def test_an_accepted_turn_is_confirmed_or_was_lost_with_the_gateway(
    sight: Sight, same: bool | None, age: float, doubts: int, stage: str, confirmed: bool
) -> None:
    row = _under_way(doubts=doubts, stage="accepted", accepted_at=100.0)
    after_it = replace(row, **delivery_state.confirm(row, sight, same, 100.0 + age, _LIMITS).changes)
    assert (after_it.stage, after_it.confirmed_at is not None) == (stage, confirmed)


def test_the_printed_machine_has_exactly_the_steps_that_the_code_can_take() -> None:
    documented = {(one.stage, one.next) for one in delivery_state.TRANSITIONS if one.stage != "pending"}
    # Not decided by the machine: the dispatcher asks for the contact before each attempt.
    taken: set[tuple[Stage, Stage]] = {("approved", "refused")}
    for row in (_under_way(**changes) for changes in _STAGES):
        for step in _steps(row):
            after_it = replace(row, **step.changes).stage
            if after_it != row.stage:
                taken.add((row.stage, after_it))
    begun = replace(_ROW, **delivery_state.begin(_ROW, _ROUTE, None, 0.0))
    assert taken | {(_ROW.stage, begun.stage)} == documented
    assert not {one.stage for one in delivery_state.TRANSITIONS} & set(delivery_state.FINAL)
    assert delivery_state.table() in (Path(__file__).parents[1] / "docs" / "bridge.md").read_text()


_STAGES: list[dict[str, Any]] = [
    {
        "stage": stage,
        "doubts": doubts,
        "faults": faults,
        "accepted_at": 100.0 if stage == "accepted" else None,
    }
    for stage in ("approved", "dispatching", "accepted")
    for doubts in range(_LIMITS.doubts + 2)
    for faults in (0, _LIMITS.faults)
]
_OUTCOMES: list[Outcome] = [
    Accepted("r"),
    Later("busy"),
    Later("down", everybody=True),
    Blocked("hooks.off", "off"),
    Faulty(500, "odd"),
    Unknown("no answer"),
]


def _steps(row: Ingress) -> Iterator[delivery_state.Step]:
    """Every step that the machine can take from a row, as the dispatcher asks for it."""
    sights: tuple[Sight, ...] = ("found", "absent", "unreadable")
    if row.stage == "dispatching":
        yield from (delivery_state.settle(row, one, 100.0, 0.5, _LIMITS) for one in _OUTCOMES)
    asks = delivery_state.confirm if row.stage == "accepted" else delivery_state.resolve
    if row.stage == "accepted" or delivery_state.is_in_doubt(row):
        for sight, same, age in itertools.product(sights, (True, False, None), (1.0, 50.0, 1e4)):
            yield asks(row, sight, same, 100.0 + age, _LIMITS)


@pytest.mark.parametrize(
    ("status", "headers", "text", "outcome"),
    [
        (200, {}, '{"ok":true,"runId":"r"}', Accepted("r")),
        (200, {}, '{"ok":true}', Unknown("an answer without a run id")),
        (200, {}, "[" * 100_000, Unknown("an answer without a run id")),
        (409, {"retry-after": "3"}, "{}", Later("HTTP 409", 3.0)),
        (503, {}, '{"error":"x","runId":"r"}', Later("x")),
        (503, {"retry-after": "soon"}, '{"error":"x"}', Later("x", everybody=True)),
        (400, {}, '{"error":"message required"}', Faulty(400, "message required")),
        (400, {}, '{"error":"agentId is\\nbad"}', Blocked("hooks.policy", "agentId is bad")),
        (418, {}, "teapot", Faulty(418, "HTTP 418")),
    ],
)
def test_answers_of_the_gateway_are_told_apart(
    status: int, headers: dict[str, str], text: str, outcome: Outcome
) -> None:
    assert read_outcome(status, headers, text) == outcome


def _contact(state: ContactState, waiting: int = 0) -> Contact:
    nameless = Untrusted[str | None](None, state)
    return Contact(
        did="did:agent:p",
        state=state,
        origin="inbound",
        alias=nameless,
        display_name=nameless,
        first_seen_at=0.0,
        updated_at=0.0,
        decided_at=None,
        decided_by=None,
        waiting=waiting,
    )


def test_the_gate_follows_the_decision_and_its_bounds() -> None:
    limits = GateLimits(per_contact=2, in_all=3, first_words=1)
    assert judge(None, 0, limits) == "wait"
    assert judge(None, 3, limits) == "wait"
    assert judge(None, 4, limits) == "defer"
    assert judge(_contact("pending", 1), 3, limits) == "defer"
    assert judge(_contact("pending", 1), 1, limits) == "wait"
    assert judge(_contact("pending", 2), 2, limits) == "defer"
    assert judge(_contact("approved"), 99, limits) == "pass"
    assert judge(_contact("blocked"), 0, limits) == judge(_contact("rejected"), 0, limits) == "refuse"
    assert [AFTER[action] for action in ("approve", "reject", "block", "undo")] == [
        *("approved", "rejected", "blocked", "pending")
    ]
    assert may_write_to(None)
    assert may_write_to(_contact("approved"))
    assert may_write_to(_contact("awaiting_reply"))
    assert not may_write_to(_contact("pending"))


@pytest.mark.parametrize(
    ("text", "prefixes", "key", "why"),
    [
        ("feishu:default:oc_1", ("feishu:default:",), "feishu:default:oc_1", None),
        ("feishu:default:oc_1", ("hook:im:",), "hook:im:t", "does not admit"),
        ("feishu:default:oc_1", (), "hook:im:t", "does not admit"),
        ("feishu:default:oc_1", None, "hook:im:t", "did not tell"),
        ("# nothing here", ("feishu:",), "hook:im:t", "names no session"),
        (None, ("feishu:",), "hook:im:t", "names no session"),
    ],
)
def test_the_active_group_is_taken_where_the_gateway_admits_it(
    text: str | None, prefixes: tuple[str, ...] | None, key: str, why: str | None
) -> None:
    found = route("t", "map-active-group", text, prefixes)
    assert found.session_key == key
    assert (found.degraded is None) == (why is None)
    assert why is None or why in (found.degraded or "")
    assert route("t", "stable-hook-session", text, prefixes) == Route("hook:im:t", "stable-hook-session")


@given(st.integers(-1, 10_000), st.floats(0.0, 1.0, exclude_max=True))
def test_pauses_grow_within_bounds(tries: int, jitter: float) -> None:
    assert 0.25 <= pause(tries, jitter) <= 60.0
    assert pause(tries, jitter) <= pause(tries + 1, jitter)


def test_a_circuit_breaker_lets_one_try_first() -> None:
    breaker = CircuitBreaker(most=30.0)
    assert breaker.width(0.0, 8) == 8
    breaker.trip(0.0, 0.0, None)
    breaker.trip(0.0, 0.0, 7.0)  # another thread that was under way at the same time
    assert (breaker.failures, breaker.width(6.9, 8), breaker.width(7.0, 8)) == (1, 0, 1)
    breaker.try_now(1.0)
    assert breaker.width(1.0, 8) == 1
    breaker.close()
    assert breaker.width(1.0, 8) == 8


def _shown(body: dict[str, Any]) -> Shown:
    mark = mark_of(b"secret", "did:agent:p", "msg_1")
    return Shown("msg_1", "c_dm_t", "did:agent:p", None, "approved", "pingagent.text@1", body, 0.0, mark)


@given(st.text(max_size=400))
def test_whatever_a_sender_writes_stays_between_the_marks(text: str) -> None:
    shown = _shown({"text": text})
    lines = agent_text(shown).split("\n")
    first = lines.index(f"----- {shown.mark} begin -----")
    last = lines.index(f"----- {shown.mark} end -----")
    assert last == len(lines) - 1
    assert all(line.startswith("> ") for line in lines[first + 1 : last])
    assert all(
        one.isprintable() or one in "\u200c\u200d\u3000\xa0" or one.isspace() for one in "".join(lines)
    )


@pytest.mark.parametrize("one", ["x", "\n", "ü", "\x00", "\U0001f600", '"'])
def test_a_message_that_is_too_large_is_cut_with_a_note_and_fits(one: str) -> None:
    text = agent_text(_shown({"text": one * 250_000}))
    assert len(json.dumps(text, ensure_ascii=False).encode()) - 2 <= MOST_BYTES
    assert "cut here" in text
    assert "of 250000" in text or one == "\x00"


def test_the_agent_is_told_above_the_marks_that_thanks_and_confirmations_need_no_answer() -> None:
    shown = _shown({"text": "thank you"})
    told, _ = agent_text(shown).split(f"----- {shown.mark} begin -----")
    assert "A message that needs no answer (thanks, a confirmation) gets none." in told


def test_other_kinds_of_messages_are_shown_whole() -> None:
    text = agent_text(_shown({"task_id": "t1", "title": "fix it"}))
    assert '> {\n>  "task_id": "t1",\n>  "title": "fix it"\n> }' in text


def test_marks_differ_by_store_sender_and_message() -> None:
    marks = {mark_of(a, b, c) for a in (b"1", b"2") for b in ("p", "q") for c in ("m", "n")}
    assert len(marks) == 8


def test_the_relay_sees_only_the_two_fields_of_a_task() -> None:
    assert routing_of({"task_id": "t", "status": "failed", "title": "x"}).to_json() == {
        "task_id": "t",
        "status": "failed",
    }
    assert routing_of({"text": "x", "status": "secret"}).to_json() == {}

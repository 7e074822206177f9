"""The planner's decisions, as a table; it is pure, so nothing has to be set up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from openclaw_install.sync.gate import SecretFinding
from openclaw_install.sync.inventory import LocalSkill
from openclaw_install.sync.ledger import Record
from openclaw_install.sync.planner import MAX_SKILL_BYTES, plan, through_gate
from openclaw_install.sync.service import Agent

NOW = 1_000.0
A, B = Agent("a"), Agent("b")
SKILL = LocalSkill("alpha", "/r/alpha/SKILL.md", "/r", "openclaw-managed", "hash-1", 10)


def unclear(sha256: str, answers: int) -> dict[str, Any]:
    return {"unclear_sha256": sha256, "unclear_answers": answers}


@pytest.mark.parametrize(
    ("record", "force", "kind", "is_repeat"),
    [
        (None, False, "create", False),
        (Record(in_doubt=True), False, "create", False),
        (Record("hash-1", 900.0), False, "unchanged", False),
        (Record("hash-1", 900.0), True, "update", False),
        (Record("hash-0", 900.0), False, "update", False),
        (Record("hash-1", 900.0, in_doubt=True), False, "update", False),
        (Record("hash-0", 900.0, in_doubt=True, **unclear("hash-1", 1)), False, "update", True),
        (Record("hash-0", 900.0, in_doubt=True, **unclear("hash-1", 2)), False, "unconfirmed", True),
        (Record("hash-1", 900.0, in_doubt=True, **unclear("hash-1", 2)), False, "unconfirmed", True),
        (Record(in_doubt=True, **unclear("hash-1", 3)), False, "unconfirmed", True),
        (Record(in_doubt=True, **unclear("hash-1", 2)), True, "create", False),
        (Record(in_doubt=True, **unclear("hash-2", 2)), False, "create", False),
        (Record("hash-1", 900.0, in_doubt=True, **unclear("hash-2", 2)), False, "update", False),
        (Record(in_doubt=True, cut_off=True, **unclear("hash-1", 2)), False, "create", True),
        (
            Record("hash-1", 900.0, error_code="x", error="refused", error_at=950.0),
            False,
            "unchanged",
            False,
        ),
    ],
)
def test_what_the_ledger_says_decides(record: Record | None, force: bool, kind: str, is_repeat: bool) -> None:
    records = {} if record is None else {("a", "alpha"): record}
    (action,) = plan([SKILL], records, [A], force=force, now=NOW)
    assert action.kind == kind
    assert action.is_repeat is is_repeat
    assert action.sends is (kind in ("create", "update"))
    assert action.code == ("sync.unconfirmed" if kind == "unconfirmed" else "")
    assert action.age_seconds == (None if record is None or record.acknowledged_at is None else 100.0)


@pytest.mark.parametrize("problem", ["invalid", "unreadable", "outside", "not_utf8", "bad_name"])
def test_a_skill_with_a_problem_is_blocked_even_when_forced(problem: str) -> None:
    (action,) = plan([replace(SKILL, problem=problem, reason="why")], {}, [A], force=True, now=NOW)
    assert (action.kind, action.code, action.reason, action.sends) == ("blocked", problem, "why", False)


def test_a_skill_above_the_limit_is_blocked() -> None:
    fits, too_large = (
        replace(SKILL, size=MAX_SKILL_BYTES),
        replace(SKILL, name="big", size=MAX_SKILL_BYTES + 1),
    )
    actions = plan([fits, too_large], {}, [A], force=False, now=NOW)
    assert [(action.kind, action.code) for action in actions] == [("create", ""), ("blocked", "too_large")]


def test_a_shadowed_skill_is_no_action_since_its_winner_is() -> None:
    shadowed = replace(SKILL, path="/lower/alpha/SKILL.md", problem="shadowed", reason="why")
    assert [action.path for action in plan([SKILL, shadowed], {}, [A], force=False, now=NOW)] == [SKILL.path]


def test_what_was_deleted_locally_is_reported_and_never_sent() -> None:
    records = {
        ("a", "old"): Record("h", 400.0),
        ("a", "earlier"): Record("h", 2_000.0),
        ("a", "never-there"): Record(None, None, in_doubt=True),
        ("b", "other"): Record("h", 400.0),
    }
    actions = plan([SKILL], records, [A], force=True, now=NOW, present={"alpha"})
    gone = [action for action in actions if action.kind == "deleted_locally"]
    assert [(action.skill, action.age_seconds) for action in gone] == [("earlier", 0.0), ("old", 600.0)]
    assert not any(action.sends for action in gone)
    for present in (None, {"alpha", "old", "earlier"}):
        partly = plan([SKILL], records, [A], force=False, now=NOW, present=present)
        assert [action.skill for action in partly] == ["alpha"]


def test_each_agent_is_judged_by_its_own_records() -> None:
    records = {("a", "alpha"): Record("hash-1", 900.0)}
    actions = plan([SKILL], records, [A, B], force=False, now=NOW)
    assert [(action.agent_id, action.kind) for action in actions] == [("a", "unchanged"), ("b", "create")]


def test_the_gate_blocks_what_would_be_sent_and_names_line_and_kind() -> None:
    actions = plan([SKILL], {}, [A], force=False, now=NOW)
    findings = tuple(SecretFinding(line, "Token") for line in range(1, 8))
    (blocked,) = through_gate(actions, {"hash-1": findings}, set())
    assert (blocked.kind, blocked.code, blocked.findings) == ("blocked", "secret", findings)
    assert blocked.reason.startswith("it may hold a secret (line 1: Token, ")
    assert blocked.reason.endswith("and 2 more)")
    (one,) = through_gate(actions, {"hash-1": findings[:1]}, set())
    assert one.reason == "it may hold a secret (line 1: Token)"


def test_the_gate_lets_through_what_was_allowed_for_this_content_and_agent_only() -> None:
    actions = plan([SKILL], {}, [A], force=False, now=NOW)
    verdicts = {"hash-1": (SecretFinding(1, "Token"),)}
    assert through_gate(actions, verdicts, {("a", "alpha", "hash-1")}) == actions
    for other in (("a", "alpha", "hash-2"), ("a", "beta", "hash-1"), ("b", "alpha", "hash-1")):
        assert through_gate(actions, verdicts, {other})[0].kind == "blocked"
    unchanged = plan([SKILL], {("a", "alpha"): Record("hash-1", 1.0)}, [A], force=False, now=NOW)
    assert through_gate(unchanged, {}, set()) == unchanged

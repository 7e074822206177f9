"""The trust policy as pure rules: who matches, which rule decides, how it is explained and changed."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.messaging.models.trust import PastEvent
from openclaw_install.messaging.trust.edits import (
    Edit,
    RemoveRule,
    SetDefault,
    SetRule,
    edited,
    read_rule,
)
from openclaw_install.messaging.trust.match import (
    Match,
    Subject,
    TrustPolicyError,
    covers,
    may_overlap,
    read_match,
)
from openclaw_install.messaging.trust.policy import (
    ACTIONS,
    DEFAULTS,
    MEANINGS,
    MOST_RULES,
    SECTIONS,
    Policy,
    Rule,
    Rules,
    Section,
    action_for,
    cautions,
    evaluate,
    rank,
)
from openclaw_install.messaging.trust.replay import read_span, replay
from tests.trust_rig import MATCHES, POLICIES, SUBJECTS, did, policy, rules
from tests.work import calls_of

EDITS: st.SearchStrategy[Edit] = st.sampled_from(SECTIONS).flatmap(
    lambda section: st.one_of(
        st.builds(SetDefault, st.just(section), st.sampled_from(ACTIONS[section])),
        st.builds(
            SetRule,
            st.just(section),
            MATCHES,
            st.sampled_from(ACTIONS[section]),
            st.none() | st.integers(1, 9),
        ),
        st.builds(RemoveRule, st.just(section), MATCHES),
    )
)


def test_without_any_rule_contacts_wait_for_a_person_and_tasks_go_to_the_agent() -> None:
    stranger = Subject(did(1))
    assert evaluate(DEFAULTS, "contact", stranger).action == "manual"
    assert evaluate(DEFAULTS, "task", stranger).action == "bridge"


@given(POLICIES, SUBJECTS)
def test_the_first_rule_that_matches_decides(made: Policy, subject: Subject) -> None:
    for section in SECTIONS:
        part = made.section(section)
        expected = next((rule.action for rule in part.rules if rule.match.matches(subject)), part.default)
        assert evaluate(made, section, subject).action == expected
        assert action_for(made, section, subject) == expected


@given(POLICIES, SUBJECTS, MATCHES, st.integers(0, 7))
def test_a_rule_that_does_not_match_changes_nothing(
    made: Policy, subject: Subject, match: Match, at: int
) -> None:
    if match.matches(subject):
        return
    part = made.task
    more = replace(made, task=replace(part, rules=(*part.rules[:at], Rule(match, "deny"), *part.rules[at:])))
    assert evaluate(more, "task", subject).action == evaluate(made, "task", subject).action


@given(POLICIES, SUBJECTS)
def test_what_is_explained_is_what_is_done(made: Policy, subject: Subject) -> None:
    for section in SECTIONS:
        part, verdict = made.section(section), evaluate(made, section, subject)
        assert verdict.why.startswith(f"{section} {verdict.action} for ")
        assert verdict.meaning in verdict.why
        if verdict.rule is None:
            assert verdict.action == part.default
            assert f"{part.default} is the default" in verdict.why
            assert verdict.also_matched == ()
        else:
            named = part.rules[verdict.rule.position - 1]
            assert (named.match.text, named.action) == (verdict.rule.match, verdict.action)
            assert f"rule {verdict.rule.position} of {len(part.rules)}" in verdict.why
        positions = [one.position for one in (verdict.rule, *verdict.also_matched) if one]
        assert positions == [n for n, rule in enumerate(part.rules, 1) if rule.match.matches(subject)]
        assert len(verdict.why) < 700
        assert verdict.why.count("\n") == 0


def test_every_action_has_a_meaning() -> None:
    assert MEANINGS.keys() == {(section, action) for section in SECTIONS for action in ACTIONS[section]}


@pytest.mark.parametrize(
    ("text", "subject", "expected"),
    [
        ("*", Subject(None), True),
        ("@*", Subject(did(1)), False),
        ("@*", Subject(did(1), "x"), True),
        ("@Acme*", Subject(None, "acme-bot"), True),
        ("@acme", Subject(None, "acme-bot"), False),
        ("@acme*bot", Subject(None, "acmebot"), True),
        ("@ab*ba", Subject(None, "aba"), False),
        ("did:agent:*", Subject(None, "x"), False),
        ("did:agent:*", Subject(did(1)), True),
        (did(1), Subject(did(1)), True),
        (did(1), Subject(did(2)), False),
        ("@***a", Subject(None, "a"), True),
    ],
)
def test_a_star_stands_for_any_characters_and_nothing_else_is_special(
    text: str, subject: Subject, expected: bool
) -> None:
    assert read_match(text).matches(subject) is expected


@given(st.text("ab*", min_size=1, max_size=8), st.text("ab", min_size=1, max_size=8))
def test_patterns_match_as_the_usual_globs_do(pattern: str, alias: str) -> None:
    assert read_match(f"@{pattern}").matches(Subject(None, alias)) == fnmatch.fnmatchcase(alias, pattern)


@given(MATCHES, MATCHES, SUBJECTS)
def test_covering_and_overlapping_are_on_the_safe_side(one: Match, other: Match, subject: Subject) -> None:
    if covers(one, other) and other.matches(subject):
        assert one.matches(subject)
    if one.matches(subject) and other.matches(subject):
        assert may_overlap(one, other)
        assert may_overlap(other, one)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "@",
            "alice",
            "did:web:x",
            "did:agent:",
            "DID:AGENT:abc",
            "@a b",
            "@a\n",
            "@\uff41cme",
            "@\u0430cme",
        ),
        *("@(a+)+$", "@[a-z]", "@a?", "did:agent:a.b", "**@a", f"@{'a' * 200}", "\x1b[2J", "@\u202egnp"),
    ],
)
def test_what_names_no_agent_is_refused_and_shown_harmlessly(text: str) -> None:
    with pytest.raises(TrustPolicyError) as refused:
        read_match(text)
    assert refused.value.error_code == "trust.match"
    assert refused.value.message.isprintable()


def test_a_hostile_pattern_takes_no_time() -> None:
    match = read_match("@" + "a*" * 46 + "b")
    name = "a" * 5000

    def try_it() -> None:
        assert not match.matches(Subject(None, name))

    # Some calls for each of its 47 pieces, however long the name is.
    assert calls_of(try_it) < 100


def test_a_thousand_rules_are_quick_and_more_are_refused() -> None:
    many = policy(contact=rules("contact", *((f"@x{n}*y*z", "block") for n in range(MOST_RULES))))

    def ask_of(number: int) -> None:
        assert evaluate(many, "contact", Subject(did(number), f"agent-{number}")).rule is None

    # A few calls a rule, and the 200th question costs no more than the first.
    assert max(calls_of(partial(ask_of, number)) for number in range(200)) < 20 * MOST_RULES
    with pytest.raises(TrustPolicyError) as refused:
        edited(many, SetRule("contact", read_match("@one-more"), "block"))
    assert refused.value.error_code == "trust.too_many_rules"


def test_the_version_names_what_is_decided_and_not_how_it_is_written() -> None:
    made = policy(contact=rules("contact", ("@a", "block")))
    noted = policy(contact=Rules("contact", "manual", (Rule(read_match("@A"), "block", "a note"),)))
    other = policy(contact=rules("contact", ("@a", "reject")))
    assert made.version == noted.version != other.version
    assert re.fullmatch(r"tp_[0-9a-f]{16}", made.version)


@given(POLICIES, EDITS, SUBJECTS)
def test_a_change_that_is_said_not_to_widen_gives_nobody_more(
    made: Policy, edit: Edit, subject: Subject
) -> None:
    try:
        result = edited(made, edit)
    except TrustPolicyError:
        return
    before, after = (action_for(one, edit.section, subject) for one in (made, result.policy))
    if not result.widens:
        assert rank(edit.section, after) <= rank(edit.section, before)
    other: Section = "task" if edit.section == "contact" else "contact"
    assert made.section(other) == result.policy.section(other)


@given(POLICIES, EDITS)
def test_a_change_made_twice_changes_nothing_more(made: Policy, edit: Edit) -> None:
    if isinstance(edit, RemoveRule) or len({r.match for r in made.section(edit.section).rules}) != len(
        made.section(edit.section).rules
    ):
        return
    once = edited(made, edit).policy
    assert edited(once, edit).policy == once


def test_a_new_rule_goes_before_the_broader_ones_and_a_known_one_keeps_its_place() -> None:
    made = policy(contact=rules("contact", ("@bob", "approve"), ("@ac*", "manual"), ("*", "reject")))
    for match, place in ((did(1), 1), ("@carol", 2), ("@d*", 3)):
        result = edited(made, SetRule("contact", read_match(match), "block"))
        assert result.position == place
        assert result.policy.contact.rules[place - 1].match.text == match
    changed = edited(made, SetRule("contact", read_match("@AC*"), "block"))
    assert (changed.position, changed.before, changed.widens) == (2, "manual", False)
    moved = edited(made, SetRule("contact", read_match("*"), "reject", position=1))
    assert [rule.match.text for rule in moved.policy.contact.rules] == ["*", "@bob", "@ac*"]


def test_removing_what_is_not_there_is_refused() -> None:
    with pytest.raises(TrustPolicyError) as refused:
        edited(DEFAULTS, RemoveRule("task", read_match("@x")))
    assert refused.value.error_code == "trust.no_rule"


def test_rules_read_from_one_word() -> None:
    assert read_rule("task:default=deny") == SetDefault("task", "deny")
    assert read_rule(f"contact:{did(1)}=block") == SetRule("contact", read_match(did(1)), "block")
    bad = ("", "contact", "contact:@x", "friend:@x=block", "task:@x=approve", "contact:x=block", "task:=deny")
    for text in bad:
        with pytest.raises(TrustPolicyError):
            read_rule(text)


def test_spans_of_time_read() -> None:
    assert read_span("30d") == 30 * 86_400
    assert read_span("90m") == 5400
    for text in ("", "0d", "30", "d", "1y", "999999w", "3 d", "30d\n"):
        with pytest.raises(TrustPolicyError):
            read_span(text)


def test_what_a_person_may_not_have_meant_is_told() -> None:
    made = policy(
        contact=rules(
            "contact",
            ("@acme*", "approve"),
            ("@acme-bot", "block"),
            ("did:agent:trusted", "block"),
            ("*", "approve"),
        ),
        task=rules("task", ("@a", "deny"), ("@A", "execute")),
    )
    told = [(one.section, one.position, one.kind) for one in cautions(made)]
    assert told == [
        ("contact", 1, "claimed"),
        ("contact", 2, "unreachable"),
        ("contact", 3, "idle"),
        ("contact", 4, "open"),
        ("task", 2, "unreachable"),
    ]


@given(POLICIES, POLICIES, st.lists(st.tuples(st.sampled_from(SECTIONS), SUBJECTS), max_size=12))
def test_a_replay_tells_exactly_the_decisions_that_differ(
    old: Policy, new: Policy, past: list[tuple[Section, Subject]]
) -> None:
    history = [
        PastEvent(n, section, who, None, None, "pending", None) for n, (section, who) in enumerate(past)
    ]
    changed = replay(old, new, history)
    differ = [
        e for e in history if action_for(old, e.section, e.subject) != action_for(new, e.section, e.subject)
    ]
    assert [one.event for one in changed] == differ
    assert replay(old, old, history) == ()


def test_a_replay_says_where_it_goes_against_a_person() -> None:
    new = policy(contact=rules("contact", ("*", "approve")))

    def changed(outcome: str, by: str | None) -> str | None:
        event = PastEvent(1.0, "contact", Subject(did(1)), None, None, outcome, by)
        (one,) = replay(DEFAULTS, new, [event])
        assert one.direction == "wider"
        return one.against

    assert changed("blocked", "cli:alice") == "cli:alice"
    assert changed("approved", "cli:alice") is None
    assert changed("blocked", "policy:tp_1") is None
    assert changed("pending", None) is None

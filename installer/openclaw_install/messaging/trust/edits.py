"""Changes of a trust policy: what each makes of it, and whether it could widen anybody's trust. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from openclaw_install.common.shown_text import quoted
from openclaw_install.messaging.trust.match import Match, TrustPolicyError, may_overlap, read_match
from openclaw_install.messaging.trust.policy import (
    ACTIONS,
    MOST_RULES,
    SECTIONS,
    Action,
    Policy,
    Rule,
    Rules,
    Section,
    rank,
)


@dataclass(frozen=True)
class SetDefault:
    """Makes `action` what is done where no rule matches."""

    section: Section
    action: Action


@dataclass(frozen=True)
class SetRule:
    """Makes a rule, or changes the one with the same `match`, which keeps its place unless one is given.

    Attributes:
        position: from 1. None puts a new rule before the first that is broader (a DID before aliases,
            these before patterns, these before `*`), else at the end.
        note: None keeps the one that is there.
    """

    section: Section
    match: Match
    action: Action
    position: int | None = None
    note: str | None = None


@dataclass(frozen=True)
class RemoveRule:
    """Takes the rule with this `match` away."""

    section: Section
    match: Match


Edit = SetDefault | SetRule | RemoveRule


@dataclass(frozen=True)
class Edited:
    """A policy after a change.

    Attributes:
        before: the action that the default or the rule had; None for a new rule.
        position: of the rule in the new policy, from 1 (of a removed one: in the old); None for a default.
        widens: whether the change could give some agent more than it had. In doubt, yes.
    """

    policy: Policy
    before: Action | None
    position: int | None
    widens: bool


def read_section(text: str) -> Section:
    """The section that a word names.

    Raises:
        TrustPolicyError: there is no such section.
    """
    if text not in SECTIONS:
        raise TrustPolicyError(
            f"{quoted(text, 40)} is no part of the policy",
            next_step="say contact or task",
            code="trust.section",
        )
    return text


def read_action(section: Section, text: str) -> Action:
    """The action that a word names.

    Raises:
        TrustPolicyError: the section has no such action.
    """
    if text not in ACTIONS[section]:
        raise TrustPolicyError(
            f"{quoted(text, 40)} is no action for a {section}",
            next_step=f"choose one of {', '.join(ACTIONS[section])}",
            code="trust.action",
        )
    return text


def read_rule(text: str) -> Edit:
    """Reads `contact:@acme-*=approve`, `task:did:agent:...=execute` or `task:default=manual`.

    Raises:
        TrustPolicyError: it is none of these.
    """
    name, colon, rest = text.partition(":")
    match, equals, action = rest.rpartition("=")
    if not (colon and equals):
        raise TrustPolicyError(
            f"{quoted(text, 80)} is no rule",
            next_step="write contact:MATCH=ACTION or task:MATCH=ACTION; MATCH may be the word default",
            code="trust.rule_form",
        )
    section = read_section(name)
    if match == "default":
        return SetDefault(section, read_action(section, action))
    return SetRule(section, read_match(match), read_action(section, action))


def read_removal(text: str) -> RemoveRule:
    """Reads `contact:@acme-*` or `task:did:agent:...`: a rule to be taken away.

    Raises:
        TrustPolicyError: it is neither.
    """
    section, _, match = text.partition(":")
    return RemoveRule(read_section(section), read_match(match))


def edit_text(edit: Edit) -> str:
    """A change in the words that `read_rule` reads; a removal as `remove contact:@name`."""
    if isinstance(edit, SetDefault):
        return f"{edit.section}:default={edit.action}"
    if isinstance(edit, SetRule):
        return f"{edit.section}:{edit.match.text}={edit.action}"
    return f"remove {edit.section}:{edit.match.text}"


def edited(policy: Policy, edit: Edit) -> Edited:
    """The policy with the change made.

    Raises:
        TrustPolicyError: there is no rule to be removed, or there would be more than 1,000.
    """
    rules = policy.section(edit.section)
    if isinstance(edit, SetDefault):
        widens = rank(edit.section, edit.action) > rank(edit.section, rules.default)
        new = replace(rules, default=edit.action)
        return Edited(_with(policy, new), rules.default, None, widens)
    at = rules.place_of(edit.match)
    if isinstance(edit, RemoveRule):
        if at is None:
            raise TrustPolicyError(
                f"the {edit.section} policy has no rule for {edit.match.text}",
                next_step="list the rules: pingagent trust show",
                code="trust.no_rule",
            )
        return _removed(policy, rules, at)
    if at is None:
        return _inserted(policy, rules, edit, Rule(edit.match, edit.action, edit.note or ""))
    return _changed(policy, rules, edit, at)


def _removed(policy: Policy, rules: Rules, at: int) -> Edited:
    gone, rest = rules.rules[at], (*rules.rules[:at], *rules.rules[at + 1 :])
    # Whom it matched now falls to what stands after it.
    widens = rank(rules.section, gone.action) < max(_ranks_after(rules, gone.match, at + 1))
    return Edited(_with(policy, replace(rules, rules=rest)), gone.action, at + 1, widens)


def _inserted(policy: Policy, rules: Rules, edit: SetRule, rule: Rule) -> Edited:
    if len(rules.rules) >= MOST_RULES:
        raise TrustPolicyError(
            f"the {rules.section} policy has {MOST_RULES} rules, and takes no more",
            next_step="remove some, or say it with a pattern",
            code="trust.too_many_rules",
        )
    at = _place_for(rules, rule.match) if edit.position is None else min(edit.position - 1, len(rules.rules))
    widens = rank(rules.section, rule.action) > min(_ranks_after(rules, rule.match, at))
    new = (*rules.rules[:at], rule, *rules.rules[at:])
    return Edited(_with(policy, replace(rules, rules=new)), None, at + 1, widens)


def _changed(policy: Policy, rules: Rules, edit: SetRule, at: int) -> Edited:
    old = rules.rules[at]
    rule = Rule(edit.match, edit.action, old.note if edit.note is None else edit.note)
    if edit.position is None or edit.position == at + 1:
        new = (*rules.rules[:at], rule, *rules.rules[at + 1 :])
        widens = rank(rules.section, rule.action) > rank(rules.section, old.action)
        return Edited(_with(policy, replace(rules, rules=new)), old.action, at + 1, widens)
    removed = _removed(policy, rules, at)
    moved = _inserted(removed.policy, removed.policy.section(rules.section), edit, rule)
    return Edited(moved.policy, old.action, moved.position, removed.widens or moved.widens)


def _place_for(rules: Rules, match: Match) -> int:
    broader = (n for n, rule in enumerate(rules.rules) if rule.match.breadth > match.breadth)
    return next(broader, len(rules.rules))


def _ranks_after(rules: Rules, match: Match, start: int) -> list[int]:
    """How wide the actions are to which an agent that `match` fits may fall from a place on."""
    later = [rule.action for rule in rules.rules[start:] if may_overlap(rule.match, match)]
    return [rank(rules.section, action) for action in (*later, rules.default)]


def _with(policy: Policy, rules: Rules) -> Policy:
    return replace(policy, **{rules.section: rules})

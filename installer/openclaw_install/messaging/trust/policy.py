"""The trust policy: ordered rules about contacts and tasks, and what they say of an agent, explained. Pure.

The first rule that matches decides; where none does, the section's default. docs/trust.md has the words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from openclaw_install.messaging.trust.match import Match, Subject, covers

Section = Literal["contact", "task"]
ContactAction = Literal["block", "reject", "manual", "approve"]
TaskAction = Literal["deny", "manual", "bridge", "execute"]
Action = Literal["block", "reject", "manual", "approve", "deny", "bridge", "execute"]
PolicySource = Literal["file", "defaults", "last_good", "closed"]
SECTIONS: tuple[Section, ...] = get_args(Section)
# From the narrowest to the widest: an action widens trust when it stands further to the right.
ACTIONS: dict[Section, tuple[Action, ...]] = {
    "contact": get_args(ContactAction),
    "task": get_args(TaskAction),
}
MEANINGS: dict[tuple[Section, Action], str] = {
    ("contact", "block"): "its messages are refused until a person undoes it",
    ("contact", "reject"): "its request for contact is refused",
    ("contact", "manual"): "its messages wait until a person decides",
    ("contact", "approve"): "its messages reach the agent",
    ("task", "deny"): "its tasks are refused, and no agent sees them",
    ("task", "manual"): "its tasks wait for a person, and no agent sees them before",
    ("task", "bridge"): "its tasks are put before the agent; work starts when a person approves it",
    ("task", "execute"): "its tasks are put before the agent as approved work",
}
MOST_RULES = 1000
_ALSO_NAMED = 3
_ALSO_LISTED = 20


@dataclass(frozen=True)
class Rule:
    """One rule; `note` is the operator's own, and decides nothing."""

    match: Match
    action: Action
    note: str = ""


@dataclass(frozen=True)
class Rules:
    """One section of the policy.

    Attributes:
        default: what is done where no rule matches.
        rules: in order; the first that matches decides.
    """

    section: Section
    default: Action
    rules: tuple[Rule, ...] = ()

    @cached_property
    def _exact(self) -> dict[tuple[str, str], list[int]]:
        found: dict[tuple[str, str], list[int]] = {}
        for number, rule in enumerate(self.rules):
            if rule.match.is_exact:
                found.setdefault((rule.match.field, rule.match.pieces[0]), []).append(number)
        return found

    @cached_property
    def _patterns(self) -> tuple[tuple[int, Match], ...]:
        return tuple((n, rule.match) for n, rule in enumerate(self.rules) if not rule.match.is_exact)

    def matching(self, subject: Subject) -> list[int]:
        """The places (from 0) of all rules that match, in order."""
        found = [number for number, match in self._patterns if match.matches(subject)]
        found += self._exact.get(("did", subject.did or ""), ())
        found += self._exact.get(("alias", subject.alias.carried() or ""), ())
        return sorted(found)

    def first(self, subject: Subject) -> int | None:
        """The place of the first rule that matches; None where none does."""
        exact = [*self._exact.get(("did", subject.did or ""), ())[:1]]
        exact += self._exact.get(("alias", subject.alias.carried() or ""), ())[:1]
        best = min(exact, default=None)
        for number, match in self._patterns:
            if best is not None and number > best:
                break
            if match.matches(subject):
                return number
        return best

    def place_of(self, match: Match) -> int | None:
        """The place of the rule with this `match`; None where there is none."""
        return next((n for n, rule in enumerate(self.rules) if rule.match == match), None)


@dataclass(frozen=True)
class Policy:
    """A whole trust policy."""

    contact: Rules
    task: Rules

    def section(self, name: Section) -> Rules:
        return self.contact if name == "contact" else self.task

    @cached_property
    def version(self) -> str:
        """Names what the policy decides: equal for two files only if they decide alike."""
        decides = [
            [
                rules.section,
                rules.default,
                False,  # stood for a switch that has ended; without it every version would be a new one
                [[r.match.text, r.action] for r in rules.rules],
            ]
            for rules in (self.contact, self.task)
        ]
        return "tp_" + hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]


DEFAULTS = Policy(Rules("contact", "manual"), Rules("task", "bridge"))
# Where a policy was written that nobody can read, and none was read before: nothing goes by itself.
CLOSED = Policy(Rules("contact", "manual"), Rules("task", "manual"))


@dataclass(frozen=True)
class Matched:
    """A rule that matches; `position` counts from 1."""

    position: int
    match: str
    action: Action


@dataclass(frozen=True)
class Verdict:
    """What the policy says of an agent in one section.

    Attributes:
        meaning: what the action does.
        rule: the rule that decides; None where the default does.
        also_matched: later rules that match too, and have no say; at most 20.
        why: one sentence.
    """

    action: Action
    meaning: str
    rule: Matched | None
    also_matched: tuple[Matched, ...]
    why: str


def evaluate(policy: Policy, section: Section, subject: Subject) -> Verdict:
    """What the policy says of `subject`."""
    rules = policy.section(section)
    found = [
        Matched(n + 1, rules.rules[n].match.text, rules.rules[n].action) for n in rules.matching(subject)
    ]
    rule, also = (found[0], tuple(found[1:])) if found else (None, ())
    action = rule.action if rule else rules.default
    why = _why(rules, subject, action, rule, also)
    return Verdict(action, MEANINGS[section, action], rule, also[:_ALSO_LISTED], why)


def action_for(policy: Policy, section: Section, subject: Subject) -> Action:
    """The action alone, for who needs no reasons."""
    rules = policy.section(section)
    first = rules.first(subject)
    return rules.default if first is None else rules.rules[first].action


def rank(section: Section, action: Action) -> int:
    """How wide an action is; 0 is the narrowest.

    Raises:
        ValueError: the section has no such action.
    """
    return ACTIONS[section].index(action)


def _why(
    rules: Rules, subject: Subject, action: Action, rule: Matched | None, also: tuple[Matched, ...]
) -> str:
    means = MEANINGS[rules.section, action]
    if rule is None:
        none = "there are no rules" if not rules.rules else f"none of the {len(rules.rules)} rules matches"
        return (
            f"{rules.section} {action} for {subject.name}, so {means}: {none}, and {action} is the default."
        )
    place = f"rule {rule.position} of {len(rules.rules)} ({rule.match})"
    named = ", ".join(f"{one.position} ({one.match}: {one.action})" for one in also[:_ALSO_NAMED])
    more = f" and {len(also) - _ALSO_NAMED} more" if len(also) > _ALSO_NAMED else ""
    rest = f"; later ones match too, without effect: {named}{more}" if also else ""
    return (
        f"{rules.section} {action} for {subject.name}, so {means}: {place} is the first that matches{rest}."
    )


@dataclass(frozen=True)
class Caution:
    """Something in the policy that a person may not have meant.

    Attributes:
        kind: `unreachable` (an earlier rule takes all it matches), `idle` (it matches nobody), `claimed`
            (it widens trust by an alias pattern: anybody can register an alias that fits), `open` (it
            widens trust for everybody).
    """

    section: Section
    position: int
    kind: Literal["unreachable", "idle", "claimed", "open"]
    message: str


def cautions(policy: Policy) -> tuple[Caution, ...]:
    """What a person should look at, in order."""
    return tuple(one for name in SECTIONS for one in _cautions(policy.section(name)))


def _cautions(rules: Rules) -> Iterator[Caution]:
    wide = ACTIONS[rules.section][-1]
    taken: dict[Match, int] = {}
    patterns: list[tuple[int, Match]] = []
    for position, rule in enumerate(rules.rules, 1):
        match = rule.match
        by = taken.get(match) or next((p for p, one in patterns if covers(one, match)), None)
        if by:
            yield Caution(rules.section, position, "unreachable", f"rule {by} takes all that it matches")
        elif match.is_idle:
            yield Caution(rules.section, position, "idle", f"no agent's DID looks like {match.text}")
        elif rule.action == wide and match.field == "any":
            yield Caution(rules.section, position, "open", f"it lets everybody through: {wide}")
        elif rule.action == wide and match.field == "alias" and not match.is_exact:
            claimed = f"anybody can register an alias that fits {match.text}"
            yield Caution(rules.section, position, "claimed", claimed)
        taken.setdefault(match, position)
        if not match.is_exact:
            patterns.append((position, match))

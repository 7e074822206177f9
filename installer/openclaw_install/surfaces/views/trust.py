"""The texts about trust: status, policy, explanations, changes, recommendations, a replay. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from openclaw_install.common.jsonable import iso_time
from openclaw_install.common.problems import Problem
from openclaw_install.common.shown_text import cut, neutral, quoted
from openclaw_install.messaging.models.trust import (
    Explanation,
    NumberedRule,
    PolicyChange,
    PolicyInForce,
    Recommendation,
    RecommendationChange,
    RulesPage,
    ShownDecision,
    TrustPolicy,
    TrustStatus,
)
from openclaw_install.messaging.models.trust_replay import ReplayedDecision, TrustReplay
from openclaw_install.surfaces.views import view
from openclaw_install.surfaces.views.contacts import full_name
from openclaw_install.surfaces.views.text import LEFT, Text


@view.register
def trust_status(found: TrustStatus) -> Text:
    """What was decided, what the policy says, and what is recommended."""
    by = f" by {quoted(found.decided_by, 60)}" if found.decided_by else ""
    head = [f"{full_name(found.peer)} in {found.thread_id}: {found.trust}{by}."]
    if found.waiting:
        head.append(f"{found.waiting} messages wait for a person's decision.")
    head += [cut(neutral(found.contact.why), 250), cut(neutral(found.task.why), 250)]
    if found.recommendation:
        head.append(f"Recommended: {recommended(found.recommendation)}")
    elif last := found.reopenable:
        head.append(f"Nothing is recommended now; {last.state} last: {recommended(last)}")
    rows = [*_warning_rows(found.warnings), *(_decision_row(one) for one in found.decisions)]
    return Text(head, rows, problem_lines(found.policy), LEFT)


def recommended(one: Recommendation) -> str:
    """A recommendation in one sentence."""
    return cut(neutral(f"{one.section} {one.action} ({one.kind}), because {one.why}."), 250)


@view.register
def trust_policy(found: TrustPolicy) -> Text:
    """The rules, in order, and what a person should look at."""
    version = (
        f"Trust policy {found.policy.version} ({found.policy.source}) of {cut(neutral(found.path), 150)}."
    )
    return Text(
        head=[f"{version} The first rule that matches decides."],
        rows=[
            *_warning_rows(found.warnings),
            *_rules_rows("contact", found.contact_policy),
            *_rules_rows("task", found.task_policy),
            *(_decision_row(one) for one in found.decisions),
        ],
        tail=problem_lines(found.policy),
        more=LEFT,
    )


def _warning_rows(warnings: Sequence[Problem]) -> list[str]:
    return [cut(neutral(f"Warning: {one.message}"), 150) for one in warnings]


def _rules_rows(section: str, page: RulesPage) -> list[str]:
    more = f" (on from rule {page.next_rule} there are more)" if page.next_rule else ""
    head = f"{section}: {page.total} rules, otherwise: {page.default_action}{more}"
    return [head, *(_rule_row(one) for one in page.rules)]


def _rule_row(one: NumberedRule) -> str:
    note = f"  {quoted(one.note, 60)}" if one.note else ""
    return f"  {one.position}. {neutral(one.match)}: {one.action}{note}"


def _decision_row(one: ShownDecision) -> str:
    step = f"{one.before or 'nothing'} -> {one.after or 'nothing'}"
    about = one.match or one.did or "the default"
    if one.kind == "restore":
        about, step = "the whole policy", f"{one.policy_before} -> {one.policy_after}"
    detail = f"  {quoted(one.detail, 60)}" if one.detail else ""
    return neutral(f"{_minute(one.at)} {one.by}: {one.kind} {one.section or ''} {about} {step}") + detail


@view.register
def explanation(found: Explanation) -> Text:
    """One sentence a section; with supposed changes, before and after."""
    head = [cut(neutral(one.why), 250) for one in (found.contact, found.task)]
    changes = ((found.contact, found.changed_contact), (found.task, found.changed_task))
    for before, after in changes:
        if after is not None:
            same = after.action == before.action
            head.append(cut(neutral(f"{'Still' if same else 'Then'}: {after.why}"), 250))
    if found.trust in ("approved", "rejected", "blocked"):
        head.append(f"This contact is {found.trust} already; that stands above the contact policy.")
    return Text(head, tail=problem_lines(found.policy))


@view.register
def policy_change(change: PolicyChange) -> Text:
    """What was changed."""
    what = "the default" if change.match is None else neutral(change.match)
    position = f" (rule {change.position})" if change.position and change.after else ""
    before, after = change.before or "no rule", change.after or "no rule"
    step = f"{change.section} policy: {what}{position}: {before} -> {after}"
    if not change.changed:
        head = [f"Nothing to change. {step}."]
    else:
        head = [f"{'Saved' if change.saved else 'Not saved, only tried'}. {step}."]
    if change.settled:
        head.append(f"{change.settled} contacts that waited were decided by it.")
    if change.saved:
        head.append(f"Version {change.version_before} -> {change.policy.version}.")
    else:
        head.append(f"The version stays {change.policy.version}.")
    return Text(head, tail=problem_lines(change.policy))


@view.register
def recommendation_change(done: RecommendationChange) -> Text:
    """What became of the recommendation."""
    one = done.recommendation
    head = [f"{one.state.capitalize()}: {recommended(one)}"]
    if done.ask_your_person:
        head = [
            f"Not applied: {recommended(one)}",
            f"It widens trust, which a person decides. Ask; they run: {done.ask_your_person}",
        ]
    if done.policy_change:
        head += policy_change(done.policy_change).lines
    if done.trust:
        head.append(f"The contact is {done.trust} now.")
    return Text(head)


@view.register
def trust_replay(found: TrustReplay) -> Text:
    """Each decision that would change, and the sum."""
    left = found.changed_total - len(found.changed)
    tail = [
        f"{found.decisions} decisions since {_minute(found.since)}: {found.changed_total} would change, "
        f"{found.wider} wider, {found.narrower} narrower, about {found.agents} agents"
    ]
    if found.against_a_person:
        tail.append(f"{found.against_a_person} of them go against what a person decided")
    if found.older_left_out:
        tail.append("there are more events than are decided again; the oldest were left out")
    return Text(
        head=[f"({left} older changes are not listed)"] if left else [],
        rows=[_replayed_row(one) for one in found.changed],
        tail=[*tail, "nothing was saved", *problem_lines(found.policy)],
    )


def _replayed_row(one: ReplayedDecision) -> str:
    name = f" @{one.subject.alias}" if one.subject.alias else ""
    against = f"; {one.against} decided: {one.was}" if one.against else ""
    what = one.message_id or "first contact"
    return neutral(
        f"{_minute(one.at)} {one.section:<7} {f'{one.before} -> {one.after}':<18} {one.direction:<8} "
        f"{one.subject.did}{name} ({what}{against})"
    )


def problem_lines(policy: PolicyInForce) -> list[str]:
    """What is wrong with the policy's file, and what helps."""
    problem = policy.problem
    if problem is None:
        return []
    return [
        neutral(f"Blocker: {problem.message}"),
        neutral(f"To do, by a person: {problem.next_step}"),
    ]


def _minute(seconds: float) -> str:
    return iso_time(seconds)[:16]

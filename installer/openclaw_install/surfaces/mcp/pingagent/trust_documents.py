"""What is known about trust as JSON documents, for the tools and for `--json` alike."""

from __future__ import annotations

from typing import Any

from openclaw_install.common.jsonable import jsonable
from openclaw_install.messaging.models import Contact
from openclaw_install.messaging.trust.edits import Edit, SetDefault, SetRule
from openclaw_install.messaging.trust.match import Subject
from openclaw_install.messaging.trust.policy import Matched, Rules, Section, Verdict
from openclaw_install.messaging.trust.policy_file import PolicyState
from openclaw_install.messaging.trust.records import Recommendation, TrustDecision
from openclaw_install.messaging.trust.replay import ChangedDecision
from openclaw_install.messaging.trust.results import (
    Explanation,
    PolicyChange,
    PolicyView,
    RecommendationChange,
    ReplayReport,
    TrustStatus,
)
from openclaw_install.messaging.untrusted import Reader
from openclaw_install.protocol.times import iso
from openclaw_install.surfaces.mcp.pingagent.documents import peer_document

Document = dict[str, Any]
RULES_SHOWN = 100
_ALSO_SHOWN = 20
_CHANGES_SHOWN = 200


def status_document(status: TrustStatus, reader: Reader) -> Document:
    """How the other side of a thread is trusted."""
    return {
        "thread_id": status.thread_id,
        "peer": peer_document(status.did, status.contact, reader),
        "trust": status.contact.state if status.contact else "pending",
        "decided_by": status.contact.decided_by if status.contact else None,
        "waiting": status.contact.waiting if status.contact else 0,
        "contact": verdict_document(status.verdicts[0]),
        "task": verdict_document(status.verdicts[1]),
        "recommendation": recommendation_document(status.recommendation),
        "reopenable": recommendation_document(status.reopenable),
        "decisions": [decision_document(one, reader) for one in status.decisions],
        "warnings": jsonable(status.policy.warnings),
        **in_force(status.policy),
    }


def policy_document(view: PolicyView, reader: Reader, first_rule: int = 1) -> Document:
    """The policy; of each section at most 100 rules, from `first_rule` on."""
    policy = view.state.policy
    return {
        "path": str(view.state.path),
        "contact_policy": _section(policy.contact, first_rule),
        "task_policy": _section(policy.task, first_rule),
        "warnings": jsonable(view.state.warnings),
        "decisions": [decision_document(one, reader) for one in view.decisions],
        **in_force(view.state),
    }


def _section(rules: Rules, first: int) -> Document:
    shown = rules.rules[first - 1 : first - 1 + RULES_SHOWN]
    more = first - 1 + len(shown) < len(rules.rules)
    return {
        "default_action": rules.default,
        "rules": [
            {"position": number, "match": rule.match.text, "action": rule.action, "note": rule.note}
            for number, rule in enumerate(shown, first)
        ],
        "total": len(rules.rules),
        "next_rule": first + len(shown) if more else None,
    }


def explanation_document(found: Explanation, reader: Reader) -> Document:
    """What the policy says of an agent, and would say after supposed changes."""
    after = found.otherwise
    return {
        "subject": _subject(found.subject, reader),
        "supposed": found.supposed,
        "trust": found.contact.state if found.contact else None,
        "contact": verdict_document(found.verdicts[0]),
        "task": verdict_document(found.verdicts[1]),
        "changed_contact": None if after is None else verdict_document(after[0]),
        "changed_task": None if after is None else verdict_document(after[1]),
        **in_force(found.state),
    }


def change_document(change: PolicyChange) -> Document:
    """A change of the policy."""
    return {
        "policy": change.section,
        "match": change.match,
        "before": change.before,
        "after": change.after,
        "position": change.position,
        "changed": change.changed,
        "saved": change.saved,
        "settled": change.settled,
        "version_before": change.version_before,
        **in_force(change.state),
    }


def recommendation_change_document(done: RecommendationChange) -> Document:
    """What was done with a recommendation, and what that changed."""
    contact: Contact | None = done.contact
    return {
        "recommendation": recommendation_document(done.recommendation),
        "policy_change": None if done.policy is None else change_document(done.policy),
        "trust": contact.state if contact else None,
        "ask_your_person": done.ask,
    }


def replay_document(report: ReplayReport, reader: Reader) -> Document:
    """What a proposed policy would have decided otherwise; at most 200 decisions, the newest."""
    changed = report.replay.changed
    return {
        "since": iso(report.since),
        "with": [edit_text(one) for one in report.edits],
        "version_proposed": report.version_after,
        "looked_at": report.replay.looked_at,
        "older_left_out": report.cut,
        "changed_total": len(changed),
        "wider": sum(one.direction == "wider" for one in changed),
        "narrower": sum(one.direction == "narrower" for one in changed),
        "against_a_person": sum(one.against is not None for one in changed),
        "agents": report.replay.agents,
        "changed": [_replayed(one, reader) for one in changed[-_CHANGES_SHOWN:]],
        **in_force(report.state),
    }


def _replayed(one: ChangedDecision, reader: Reader) -> Document:
    event = one.event
    return {
        "at": iso(event.at),
        "policy": event.section,
        "subject": _subject(event.subject, reader),
        "thread_id": event.thread_id,
        "message_id": event.message_id,
        "was": event.outcome,
        "before": one.before.action,
        "after": one.after.action,
        "direction": one.direction,
        "against": one.against,
        "why": one.after.why,
    }


def in_force(state: PolicyState) -> Document:
    """Which policy is in force, and what is wrong with its file."""
    return {
        "version": state.policy.version,
        "source": state.source,
        "problem": jsonable(state.problem),
    }


def verdict_document(verdict: Verdict) -> Document:
    """What a section says of an agent."""
    return {
        "action": verdict.action,
        "meaning": verdict.meaning,
        "rule": None if verdict.rule is None else _matched(verdict.rule),
        "also_matched": [_matched(one) for one in verdict.also_matched[:_ALSO_SHOWN]],
        "why": verdict.why,
    }


def recommendation_document(one: Recommendation | None) -> Document | None:
    """A recommendation; its id is null while nobody has done anything with it."""
    if one is None:
        return None
    return {
        "id": one.id or None,
        "kind": one.kind,
        "policy": one.section,
        "action": one.action,
        "state": one.state,
        "why": one.why,
        "changed_at": iso(one.changed_at),
        "changed_by": one.changed_by,
        "policy_version": one.policy_version,
    }


def decision_document(one: TrustDecision, reader: Reader) -> Document:
    """A recorded decision."""
    return {
        "id": one.id,
        "at": iso(one.at),
        "by": one.by,
        "kind": one.kind,
        "policy": one.section,
        "match": one.match,
        "before": one.before,
        "after": one.after,
        "did": one.did,
        "detail": reader.open(one.detail) or "",
        "policy_before": one.policy_before,
        "policy_after": one.policy_after,
    }


def edit_text(edit: Edit) -> str:
    """A change in the words that `read_rule` reads; a removal as `remove contact:@name`."""
    section: Section = edit.section
    if isinstance(edit, SetDefault):
        return f"{section}:default={edit.action}"
    if isinstance(edit, SetRule):
        return f"{section}:{edit.match.text}={edit.action}"
    return f"remove {section}:{edit.match.text}"


def _matched(one: Matched) -> Document:
    return {"position": one.position, "match": one.match, "action": one.action}


def _subject(one: Subject, reader: Reader) -> Document:
    return {"did": one.did, "alias": reader.open(one.alias)}

"""Trust in one thread: how things stand, what its history recommends, and what is done with that."""

from __future__ import annotations

from dataclasses import dataclass, replace

from openclaw_install.messaging.actions import contacts
from openclaw_install.messaging.actions.messages import find_session
from openclaw_install.messaging.actions.trust import change_policy
from openclaw_install.messaging.app import App
from openclaw_install.messaging.contact_gate import Action as ContactWord
from openclaw_install.messaging.contact_gate import after as state_after
from openclaw_install.messaging.models import Contact, ContactState
from openclaw_install.messaging.outgoing import ContactError
from openclaw_install.messaging.policy_in_force import policy_state
from openclaw_install.messaging.results import ContactDecision
from openclaw_install.messaging.trust.edits import SetRule, edited
from openclaw_install.messaging.trust.guard import is_agent, require_may_approve
from openclaw_install.messaging.trust.match import Subject, TrustPolicyError, read_match
from openclaw_install.messaging.trust.policy import evaluate
from openclaw_install.messaging.trust.policy_file import PolicyState
from openclaw_install.messaging.trust.recommendations import Plan, plan, recommended, reopenable
from openclaw_install.messaging.trust.records import (
    DecisionKind,
    NewDecision,
    Recommendation,
    RecommendationState,
)
from openclaw_install.messaging.trust.results import PolicyChange, RecommendationChange, TrustStatus

# How far a contact's messages get; nobody but a person, or who a person lets, makes it more.
_REACH: dict[ContactState, int] = {
    "blocked": 0,
    "rejected": 1,
    "pending": 2,
    "awaiting_reply": 2,
    "approved": 3,
}


@dataclass(frozen=True)
class _Thread:
    """A thread with the policy and what its history recommends."""

    thread_id: str
    did: str
    state: PolicyState
    stored: tuple[Recommendation, ...]
    plan: Plan


def trust_status(app: App, target: str | None = None) -> TrustStatus:
    """How the other side of a thread is trusted, and what its history recommends; writes nothing.

    Args:
        target: a thread id, a DID or `@alias`; None is the focused thread.

    Raises:
        ThreadError: there is no such thread, or none is focused.
    """
    found = _look(app, target)
    contact = app.store.contacts.get(found.did)
    subject = Subject(found.did, contact.alias if contact else None)
    policy = found.state.policy
    return TrustStatus(
        thread_id=found.thread_id,
        did=found.did,
        contact=contact,
        policy=found.state,
        verdicts=(evaluate(policy, "contact", subject), evaluate(policy, "task", subject)),
        recommendation=found.plan.open,
        reopenable=reopenable(found.stored),
        decisions=tuple(app.store.trust.decisions(did=found.did, limit=5)),
    )


def apply_recommendation(app: App, target: str | None = None) -> RecommendationChange:
    """Does what the thread's open recommendation says; what widens trust is done for people only.

    An agent that asks for that is told what a person has to run, and nothing is changed.

    Args:
        target: as in `trust_status`.

    Raises:
        TrustPolicyError: none is open, or the policy cannot be changed.
        ThreadError: there is no such thread, or none is focused.
    """
    found = _look(app, target)
    wanted = _require_open(found)
    edit = SetRule(wanted.section, read_match(wanted.did), wanted.action)
    if is_agent(app.caller) and wanted.section == "task" and edited(found.state.policy, edit).widens:
        return RecommendationChange(wanted, None, None, ask=f"pingagent trust apply {wanted.thread_id}")
    with app.store.write():
        current = _written(app, found, app.clock())
    change: PolicyChange | None = None
    contact: Contact | None = None
    # Each of the two can be done again without harm, so one that was interrupted is simply applied again.
    if wanted.section == "task":
        change = change_policy(app, edit, detail=f"recommended: {wanted.why}")
    else:
        contact = contacts.decide(app, wanted.did, "block", reason=f"recommended: {wanted.why}").contact
    version = change.state.policy.version if change else found.state.policy.version
    done = _move(app, current, "applied", "recommendation_applied", version)
    return RecommendationChange(done, change, contact)


def dismiss_recommendation(app: App, target: str | None = None, *, reason: str = "") -> RecommendationChange:
    """Closes the thread's open recommendation; it comes back only with twice the evidence.

    Raises:
        TrustPolicyError: none is open.
        ThreadError: there is no such thread, or none is focused.
    """
    found = _look(app, target)
    _require_open(found)
    with app.store.write():
        current = _written(app, found, app.clock())
        version = found.state.policy.version
        done = _move(app, current, "dismissed", "recommendation_dismissed", version, reason)
    return RecommendationChange(done, None, None)


def reopen_recommendation(app: App, target: str | None = None) -> RecommendationChange:
    """Opens the thread's last dismissed or superseded recommendation again; an open one is superseded.

    Raises:
        TrustPolicyError: there is none.
        ThreadError: there is no such thread, or none is focused.
    """
    found = _look(app, target)
    last = reopenable(found.stored)
    if last is None:
        raise TrustPolicyError(
            "nothing was dismissed or superseded in this thread",
            next_step="see what is recommended: pingagent trust show with the thread",
            code="trust.nothing_to_reopen",
        )
    version, now = found.state.policy.version, app.clock()
    with app.store.write():
        for one in found.stored:
            if one.state == "open":
                app.store.trust.move_recommendation(one.id, "superseded", app.caller, now, version)
        done = _move(app, last, "open", "recommendation_reopened", version)
    return RecommendationChange(done, None, None)


def decide_contact(app: App, who: str, action: ContactWord, *, reason: str = "") -> ContactDecision:
    """Approves, rejects, blocks or undoes, as `contact_service.decide`; agents only narrow by themselves.

    Args:
        who: a DID or `@alias`.

    Raises:
        TrustRefusedError: an agent asks for more than the contact has.
        ContactError: as `contact_service.decide`.
    """
    state = policy_state(app)
    wanted = state_after(action)
    # Read in the same transaction: what is judged is what is changed.
    with app.store.write():
        before = _state_of(app, who)
        if _REACH[wanted] > _REACH[before or "pending"]:
            require_may_approve(app.caller)
        decision = contacts.decide(app, who, action, reason=reason)
        if decision.changed:
            app.store.trust.record(
                NewDecision(
                    at=app.clock(),
                    by=app.caller,
                    kind="contact",
                    policy_before=state.policy.version,
                    policy_after=state.policy.version,
                    section="contact",
                    before=before,
                    after=decision.contact.state,
                    did=decision.contact.did,
                    detail=reason,
                )
            )
    return decision


def _state_of(app: App, who: str) -> ContactState | None:
    try:
        return contacts.find_contact(app, who).state
    except ContactError:
        return None


def _look(app: App, target: str | None) -> _Thread:
    session, now = find_session(app, target), app.clock()
    state = policy_state(app)
    history = app.store.trust.thread_history(session.thread_id, session.peer, now)
    stored = tuple(app.store.trust.recommendations(session.thread_id))
    proposal = recommended(history, state.policy, now)
    return _Thread(session.thread_id, session.peer, state, stored, plan(stored, proposal))


def _require_open(found: _Thread) -> Recommendation:
    if found.plan.open is None:
        raise TrustPolicyError(
            "nothing is recommended for this thread",
            next_step="a dismissed one can be opened again: pingagent trust reopen with the thread",
            code="trust.no_recommendation",
        )
    return found.plan.open


def _written(app: App, found: _Thread, now: float) -> Recommendation:
    """The open recommendation, in the store; one that no longer holds is superseded."""
    table = app.store.trust
    wanted = _require_open(found)
    if found.plan.supersede is not None:
        table.move_recommendation(
            found.plan.supersede, "superseded", "history", now, found.state.policy.version
        )
    return wanted if wanted.id else table.add_recommendation(wanted)


def _move(
    app: App,
    one: Recommendation,
    state: RecommendationState,
    kind: DecisionKind,
    version: str,
    detail: str = "",
) -> Recommendation:
    now = app.clock()
    with app.store.write():
        app.store.trust.move_recommendation(one.id, state, app.caller, now, version)
        app.store.trust.record(
            NewDecision(
                at=now,
                by=app.caller,
                kind=kind,
                policy_before=one.policy_version,
                policy_after=version,
                section=one.section,
                after=one.action,
                did=one.did,
                thread_id=one.thread_id,
                detail=detail or one.why,
            )
        )
        app.store.events.add(
            f"trust.{kind}",
            now,
            thread_id=one.thread_id,
            by=app.caller,
            action=one.action,
            section=one.section,
        )
    return replace(one, state=state, changed_at=now, changed_by=app.caller, policy_version=version)

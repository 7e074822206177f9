"""Trust in one thread: how things stand, what its history recommends, and what is done with that."""

from __future__ import annotations

from dataclasses import dataclass, replace

from openclaw_install.messaging.actions import contacts
from openclaw_install.messaging.actions.arguments import AgentName, Reason
from openclaw_install.messaging.actions.names import find_session
from openclaw_install.messaging.actions.trust import in_force, shown_decisions, verdicts
from openclaw_install.messaging.actions.trust_changes import change_policy
from openclaw_install.messaging.app import App
from openclaw_install.messaging.models import trust as models
from openclaw_install.messaging.models.contacts import ContactState, peer_of
from openclaw_install.messaging.trust.edits import SetRule, edited
from openclaw_install.messaging.trust.gate import is_agent
from openclaw_install.messaging.trust.match import Subject, TrustPolicyError, read_match
from openclaw_install.messaging.trust.policy_file import PolicyState
from openclaw_install.messaging.trust.recommendations import Plan, plan, recommended, reopenable


@dataclass(frozen=True)
class _Thread:
    """A thread with the policy and what its history recommends."""

    thread_id: str
    did: str
    policy: PolicyState
    stored: tuple[models.Recommendation, ...]
    plan: Plan


def trust_status(app: App, *, session: AgentName | None = None) -> models.TrustStatus:
    """How the other agent of the focused thread, or of the one you name, is trusted: what was decided, what
    the policy says of its contact and tasks, and what its history recommends.

    Args:
        session: The thread: its id (c_dm_... or c_pdm_...), the other agent's DID, or @alias. Left out: the
            focused thread.

    Raises:
        ThreadError: there is no such thread, or none is focused.
    """
    found = _read(app, session)
    contact = app.store.contacts.get(found.did)
    says = verdicts(found.policy.policy, Subject(found.did, contact.alias if contact else None))
    return models.TrustStatus(
        policy=in_force(found.policy),
        thread_id=found.thread_id,
        peer=peer_of(found.did, contact, app.reader),
        trust=contact.state if contact else "pending",
        decided_by=contact.decided_by if contact else None,
        waiting=contact.waiting if contact else 0,
        contact=says[0],
        task=says[1],
        recommendation=found.plan.open,
        reopenable=reopenable(found.stored),
        decisions=shown_decisions(app, did=found.did),
        warnings=found.policy.warnings,
    )


def trust_apply_session_recommendation(
    app: App, *, session: AgentName | None = None
) -> models.RecommendationChange:
    """Do what the open recommendation of the thread says (see pingagent_trust_status). One that widens trust
    is not applied: the answer says what your person has to run.

    Args:
        session: As in pingagent_trust_status.

    Raises:
        TrustPolicyError: none is open, or the policy cannot be changed.
        ThreadError: there is no such thread, or none is focused.
    """
    found = _read(app, session)
    wanted = _require_open(found)
    edit = SetRule(wanted.section, read_match(wanted.did), wanted.action)
    if is_agent(app.caller) and wanted.section == "task" and edited(found.policy.policy, edit).widens:
        ask = f"pingagent trust apply {wanted.thread_id}"
        return models.RecommendationChange(recommendation=wanted, ask_your_person=ask)
    with app.store.write():
        current = _written(app, found, app.clock())
    change: models.PolicyChange | None = None
    trust: ContactState | None = None
    # Each of the two can be done again without harm, so one that was interrupted is simply applied again.
    if wanted.section == "task":
        change = change_policy(app, edit, detail=f"recommended: {wanted.why}")
    else:
        trust = contacts.decide(app, wanted.did, "block", reason=f"recommended: {wanted.why}").contact.state
    version = change.policy.version if change else found.policy.policy.version
    done = _move(app, current, "applied", "recommendation_applied", version)
    return models.RecommendationChange(recommendation=done, policy_change=change, trust=trust)


def trust_dismiss_session_recommendation(
    app: App, *, session: AgentName | None = None, reason: Reason = ""
) -> models.RecommendationChange:
    """Close the thread's open recommendation. It comes back by itself only with twice the evidence;
    pingagent_trust_reopen_session_recommendation opens it again.

    Args:
        session: As in pingagent_trust_status.
        reason: Kept with the decision.

    Raises:
        TrustPolicyError: none is open.
        ThreadError: there is no such thread, or none is focused.
    """
    found = _read(app, session)
    _require_open(found)
    with app.store.write():
        current = _written(app, found, app.clock())
        version = found.policy.policy.version
        done = _move(app, current, "dismissed", "recommendation_dismissed", version, reason)
    return models.RecommendationChange(recommendation=done)


def trust_reopen_session_recommendation(
    app: App, *, session: AgentName | None = None
) -> models.RecommendationChange:
    """Open the thread's last dismissed or superseded recommendation again; one that is open then is
    superseded.

    Args:
        session: As in pingagent_trust_status.

    Raises:
        TrustPolicyError: there is none.
        ThreadError: there is no such thread, or none is focused.
    """
    found = _read(app, session)
    last = reopenable(found.stored)
    if last is None:
        raise TrustPolicyError(
            "nothing was dismissed or superseded in this thread",
            next_step="see what is recommended: pingagent trust show with the thread",
            code="trust.nothing_to_reopen",
        )
    version, now = found.policy.policy.version, app.clock()
    with app.store.write():
        for one in found.stored:
            if one.state == "open":
                app.store.trust.move_recommendation(one.id, "superseded", app.caller, now, version)
        done = _move(app, last, "open", "recommendation_reopened", version)
    return models.RecommendationChange(recommendation=done)


def _read(app: App, target: str | None) -> _Thread:
    session, now = find_session(app, target), app.clock()
    state = app.policy_state()
    history = app.store.trust.thread_history(session.thread_id, session.peer, now)
    stored = tuple(app.store.trust.recommendations(session.thread_id))
    proposal = recommended(history, state.policy, now)
    return _Thread(session.thread_id, session.peer, state, stored, plan(stored, proposal))


def _require_open(found: _Thread) -> models.Recommendation:
    if found.plan.open is None:
        raise TrustPolicyError(
            "nothing is recommended for this thread",
            next_step="a dismissed one can be opened again: pingagent trust reopen with the thread",
            code="trust.no_recommendation",
        )
    return found.plan.open


def _written(app: App, found: _Thread, now: float) -> models.Recommendation:
    """The open recommendation, in the store; one that no longer holds is superseded."""
    table = app.store.trust
    wanted = _require_open(found)
    if found.plan.supersede is not None:
        table.move_recommendation(
            found.plan.supersede, "superseded", "history", now, found.policy.policy.version
        )
    return wanted if wanted.id else table.add_recommendation(wanted)


def _move(
    app: App,
    one: models.Recommendation,
    state: models.RecommendationState,
    kind: models.DecisionKind,
    version: str,
    detail: str = "",
) -> models.Recommendation:
    now = app.clock()
    with app.store.write():
        app.store.trust.move_recommendation(one.id, state, app.caller, now, version)
        app.store.trust.record(
            models.NewDecision(
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

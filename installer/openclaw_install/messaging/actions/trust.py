"""The trust policy, looked at: show it, explain a decision, suppose a change, replay the history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from openclaw_install.common.shown_text import quoted
from openclaw_install.messaging.actions.arguments import AgentName, Rule
from openclaw_install.messaging.actions.names import find_session
from openclaw_install.messaging.app import App
from openclaw_install.messaging.models import trust as models
from openclaw_install.messaging.models.contacts import Contact
from openclaw_install.messaging.models.trust_replay import ReplayedDecision, TrustReplay
from openclaw_install.messaging.trust.edits import Edit, edit_text, edited, read_rule
from openclaw_install.messaging.trust.match import Subject, TrustPolicyError
from openclaw_install.messaging.trust.policy import (
    MOST_RULES,
    Policy,
    Rules,
    Verdict,
    evaluate,
)
from openclaw_install.messaging.trust.policy_file import PolicyState
from openclaw_install.messaging.trust.replay import ChangedDecision, replay
from openclaw_install.messaging.untrusted import opened_as
from openclaw_install.protocol.did import fold_alias, is_conversation, is_did

RulePosition = Annotated[int, Rule(ge=1, le=MOST_RULES)]

_RULES_SHOWN = 100
_CHANGES_SHOWN = 200
_DECISIONS_SHOWN = 5


def trust_policy(app: App, *, first_rule: RulePosition = 1) -> models.TrustPolicy:
    """The trust policy in force: defaults, ordered rules, warnings, what is wrong with its file, and the
    newest decisions about trust.

    Args:
        first_rule: Rules from this position on; `next_rule` of the answer before.
    """
    state = app.policy_state()
    return models.TrustPolicy(
        policy=in_force(state),
        path=str(state.path),
        contact_policy=_rules_page(state.policy.contact, first_rule),
        task_policy=_rules_page(state.policy.task, first_rule),
        warnings=state.warnings,
        decisions=shown_decisions(app),
    )


def trust_policy_explain(app: App, *, session: AgentName | None = None) -> models.Explanation:
    """Which rule decides about a thread's other side or a sender, why, and what else would have matched.
    Only when you need to understand a decision; normal work does not.

    Args:
        session: As in pingagent_trust_status; a DID or @alias need not be known.

    Raises:
        ThreadError: none is focused, or there is no such thread.
        ProtocolError: it is no alias.
    """
    contact, subject = _subject(app, session)
    return _explanation(app, subject, contact, supposed=contact is None)


def trust_policy_simulate(
    app: App,
    *,
    did: Annotated[str, Rule(max_length=64)] | None = None,
    alias: Annotated[str, Rule(max_length=33)] | None = None,
    changes: Annotated[list[Annotated[str, Rule(max_length=128)]], Rule(max_length=20)] | None = None,
) -> models.Explanation:
    """What the policy would say of a sender that may never have written, also after changes that you suppose.
    Writes nothing. Only to understand the policy, not before every message.

    Args:
        did: The supposed sender's DID.
        alias: Its alias, with or without @.
        changes: Supposed changes of the policy: contact:MATCH=ACTION or task:MATCH=ACTION, where MATCH is a
            DID, @alias, a pattern, * or the word default.

    Raises:
        TrustPolicyError: neither a DID nor an alias, or a change cannot be made.
        ProtocolError: it is no alias.
    """
    edits = [read_rule(text) for text in changes or ()]
    if did is not None and not is_did(did):
        raise TrustPolicyError(
            f"{quoted(did, 60)} is no DID", next_step="write did:agent: and 32 characters", code="trust.did"
        )
    if did is None and alias is None:
        raise TrustPolicyError(
            "nobody was supposed", next_step="give a DID, an alias, or both", code="trust.nobody"
        )
    subject = Subject(did, None if alias is None else fold_alias(alias))
    contact = app.store.contacts.get(did) if did else None
    return _explanation(app, subject, contact, supposed=True, edits=edits)


def trust_replay(app: App, edits: Sequence[Edit], *, since_seconds: float) -> TrustReplay:
    """Runs a proposed policy over what was recorded, and shows each decision that would change.

    Args:
        edits: made on the policy in force.
        since_seconds: how far back.

    Raises:
        TrustPolicyError: a change cannot be made.
    """
    state = app.policy_state()
    proposed = with_edits(state.policy, edits)
    since = app.clock() - since_seconds
    history, cut = app.store.trust.past(since)
    changed = replay(state.policy, proposed, history)
    return TrustReplay(
        policy=in_force(state),
        since=since,
        proposed=tuple(edit_text(one) for one in edits),
        version_proposed=proposed.version,
        decisions=len(history),
        older_left_out=cut,
        changed_total=len(changed),
        wider=sum(one.direction == "wider" for one in changed),
        narrower=sum(one.direction == "narrower" for one in changed),
        against_a_person=sum(one.against is not None for one in changed),
        agents=len({one.event.subject.did for one in changed}),
        changed=tuple(_replayed(app, one) for one in changed[-_CHANGES_SHOWN:]),
    )


def with_edits(policy: Policy, edits: Sequence[Edit]) -> Policy:
    """The policy with changes made one after the other.

    Raises:
        TrustPolicyError: one cannot be made.
    """
    for edit in edits:
        policy = edited(policy, edit).policy
    return policy


def in_force(state: PolicyState) -> models.PolicyInForce:
    """Which policy is in force, and what is wrong with its file."""
    return models.PolicyInForce(version=state.policy.version, source=state.source, problem=state.problem)


def verdicts(policy: Policy, subject: Subject) -> tuple[Verdict, Verdict]:
    """What the policy says of an agent's contact, and of its tasks."""
    return evaluate(policy, "contact", subject), evaluate(policy, "task", subject)


def shown_decisions(app: App, *, did: str | None = None) -> tuple[models.ShownDecision, ...]:
    """The newest decisions about trust, newest first; of one agent, or all."""
    found = app.store.trust.decisions(did=did, limit=_DECISIONS_SHOWN)
    return tuple(opened_as(models.ShownDecision, one, app.reader) for one in found)


def _explanation(
    app: App, subject: Subject, contact: Contact | None, *, supposed: bool, edits: Sequence[Edit] = ()
) -> models.Explanation:
    state = app.policy_state()
    says = verdicts(state.policy, subject)
    otherwise = verdicts(with_edits(state.policy, edits), subject) if edits else (None, None)
    return models.Explanation(
        policy=in_force(state),
        subject=opened_as(models.ShownSubject, subject, app.reader),
        supposed=supposed,
        trust=contact.state if contact else None,
        contact=says[0],
        task=says[1],
        changed_contact=otherwise[0],
        changed_task=otherwise[1],
    )


def _rules_page(rules: Rules, first: int) -> models.RulesPage:
    shown = rules.rules[first - 1 : first - 1 + _RULES_SHOWN]
    after = first + len(shown)
    return models.RulesPage(
        default_action=rules.default,
        rules=tuple(
            models.NumberedRule(number, rule.match.text, rule.action, rule.note)
            for number, rule in enumerate(shown, first)
        ),
        total=len(rules.rules),
        next_rule=after if after <= len(rules.rules) else None,
    )


def _replayed(app: App, one: ChangedDecision) -> ReplayedDecision:
    return opened_as(
        ReplayedDecision,
        one.event,
        app.reader,
        subject=opened_as(models.ShownSubject, one.event.subject, app.reader),
        was=one.event.outcome,
        before=one.before.action,
        after=one.after.action,
        direction=one.direction,
        against=one.against,
        why=one.after.why,
    )


def _subject(app: App, who: str | None) -> tuple[Contact | None, Subject]:
    contacts = app.store.contacts
    if who is None or is_conversation(who):
        did = find_session(app, who).peer
        contact = contacts.get(did)
    elif is_did(who):
        did, contact = who, contacts.get(who)
    else:
        alias = fold_alias(who)
        contact = contacts.by_alias(alias)
        if contact is None:
            return None, Subject(None, alias)
        did = contact.did
    return contact, Subject(did, contact.alias if contact else None)

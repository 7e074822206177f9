"""What commands and tools do with the trust policy: look, explain, suppose, change, replay."""

from __future__ import annotations

from collections.abc import Sequence

from openclaw_install.common.errors import ConflictError
from openclaw_install.common.shown_text import quoted
from openclaw_install.messaging.actions.messages import find_session
from openclaw_install.messaging.app import App
from openclaw_install.messaging.models import Contact
from openclaw_install.messaging.policy_in_force import book_of, policy_state
from openclaw_install.messaging.trust.document import new_document, read_document
from openclaw_install.messaging.trust.edits import Edit, RemoveRule, SetDefault, SetRule, edited
from openclaw_install.messaging.trust.gate import settle_all
from openclaw_install.messaging.trust.guard import is_agent, refused, require_may_widen
from openclaw_install.messaging.trust.match import Subject, TrustPolicyError
from openclaw_install.messaging.trust.policy import Policy, Verdict, evaluate
from openclaw_install.messaging.trust.policy_file import CHANGED_MEANWHILE, PolicyState
from openclaw_install.messaging.trust.records import DecisionKind, NewDecision
from openclaw_install.messaging.trust.replay import replay
from openclaw_install.messaging.trust.results import Explanation, PolicyChange, PolicyView, ReplayReport
from openclaw_install.protocol.did import fold_alias, is_conversation, is_did

_KINDS: dict[type[Edit], DecisionKind] = {
    SetDefault: "set_default",
    SetRule: "set_rule",
    RemoveRule: "remove_rule",
}
_TRIES = 3


def show_policy(app: App, *, decisions: int = 5) -> PolicyView:
    """The policy in force, what is wrong with its file, and the newest decisions.

    Args:
        decisions: 0 to 100.
    """
    found = app.store.trust.decisions(limit=max(0, min(decisions, 100)))
    return PolicyView(policy_state(app), tuple(found))


def explain(app: App, who: str | None = None) -> Explanation:
    """What the policy says of somebody, and why.

    Args:
        who: a DID, `@alias`, or a thread id; None is the other side of the focused thread. Somebody who
            never wrote is judged by the DID or alias alone.

    Raises:
        ThreadError: none is focused, or there is no such thread.
        ProtocolError: it is no alias.
    """
    contact, subject = _subject(app, who)
    state = policy_state(app)
    return Explanation(subject, contact, state, _verdicts(state.policy, subject), supposed=contact is None)


def simulate(
    app: App, *, did: str | None = None, alias: str | None = None, edits: Sequence[Edit] = ()
) -> Explanation:
    """What the policy would say of a supposed agent, also with supposed changes; nothing is written.

    Args:
        did, alias: of the agent; at least one.
        edits: made one after the other on the policy in force.

    Raises:
        TrustPolicyError: neither a DID nor an alias, or a change cannot be made.
        ProtocolError: it is no alias.
    """
    if did is not None and not is_did(did):
        raise TrustPolicyError(
            f"{quoted(did, 60)} is no DID", next_step="write did:agent: and 32 characters", code="trust.did"
        )
    if did is None and alias is None:
        raise TrustPolicyError(
            "nobody was supposed", next_step="give a DID, an alias, or both", code="trust.nobody"
        )
    subject = Subject(did, None if alias is None else fold_alias(alias))
    state = policy_state(app)
    otherwise = _verdicts(with_edits(state.policy, edits), subject) if edits else None
    contact = app.store.contacts.get(did) if did else None
    return Explanation(
        subject, contact, state, _verdicts(state.policy, subject), supposed=True, otherwise=otherwise
    )


def with_edits(policy: Policy, edits: Sequence[Edit]) -> Policy:
    """The policy with changes made one after the other.

    Raises:
        TrustPolicyError: one cannot be made.
    """
    for edit in edits:
        policy = edited(policy, edit).policy
    return policy


def change_policy(app: App, edit: Edit, *, save: bool = True, detail: str = "") -> PolicyChange:
    """Makes a change of the policy file, records who made it, and does what it says of waiting contacts.

    Args:
        edit: the change.
        save: False only tells what would be.
        detail: for the record.

    Raises:
        TrustRefusedError: an agent asks for a change that could widen trust.
        TrustPolicyError: the file cannot be used as it is, or the change cannot be made.
        ConflictError, FileError: the file is being changed by others, or cannot be written.
    """
    for left in reversed(range(_TRIES)):
        try:
            return _change_policy(app, edit, save=save, detail=detail)
        except ConflictError as error:
            if not left or error.error_code != CHANGED_MEANWHILE:
                raise
    raise AssertionError("the last try returns or raises")


def _change_policy(app: App, edit: Edit, *, save: bool, detail: str) -> PolicyChange:
    book, now = book_of(app), app.clock()
    with book.locked():
        state = book.current(now)
        text = book.changed(state, edit)
        result = edited(state.policy, edit)
        require_may_widen(app.caller, edit.section, widens=result.widens)
        changed = result.policy != state.policy or not state.text
        after = None if isinstance(edit, RemoveRule) else edit.action
        match = None if isinstance(edit, SetDefault) else edit.match.text
        if changed and save:
            with app.store.write():
                # In one transaction with the file's replacement: neither is there without the other.
                app.store.trust.record(
                    NewDecision(
                        at=now,
                        by=app.caller,
                        kind=_KINDS[type(edit)],
                        policy_before=state.policy.version,
                        policy_after=result.policy.version,
                        section=edit.section,
                        match=match,
                        before=result.before,
                        after=after,
                        did=match if match and is_did(match) else None,
                        detail=detail,
                    )
                )
                _tell(app, now, _KINDS[type(edit)], edit.section, match, after, result.policy.version)
                book.write(text, state.text)
    new = book.current(now)
    settled = settle_all(app.store, new, now) if changed and save and edit.section == "contact" else 0
    return PolicyChange(
        section=edit.section,
        match=match,
        before=result.before,
        after=after,
        position=result.position,
        changed=changed,
        settled=settled,
        saved=changed and save,
        version_before=state.policy.version,
        state=new,
    )


def restore(app: App, *, defaults: bool = False) -> PolicyState:
    """Puts the last good policy back in the file's place; what was there is kept as `<name>.bak`.

    Args:
        defaults: writes the default policy instead.

    Raises:
        TrustRefusedError: an agent asks.
        TrustPolicyError: there is no last good policy.
        ConflictError, FileError: the file is being changed by others, or cannot be written.
    """
    if is_agent(app.caller):
        raise refused("putting a policy back")
    book, now = book_of(app), app.clock()
    with book.locked():
        state = book.current(now)
        text = new_document() if defaults else book.last_good()
        if text is None:
            raise TrustPolicyError(
                "no policy was read here before, so there is none to put back",
                next_step="write the defaults: pingagent trust restore --defaults",
                code="trust.no_last_good",
            )
        version = read_document(text.encode()).policy.version
        with app.store.write():
            app.store.trust.record(NewDecision(now, app.caller, "restore", state.policy.version, version))
            _tell(app, now, "restore", None, None, None, version)
            book.write(text, "*")
    return book.current(now)


def replay_history(app: App, edits: Sequence[Edit], *, since_seconds: float) -> ReplayReport:
    """Runs a proposed policy over what was recorded, and shows each decision that would change.

    Args:
        edits: made on the policy in force.
        since_seconds: how far back.

    Raises:
        TrustPolicyError: a change cannot be made.
    """
    state = policy_state(app)
    new = with_edits(state.policy, edits)
    since = app.clock() - since_seconds
    history, cut = app.store.trust.past(since)
    return ReplayReport(
        replay=replay(state.policy, new, history),
        since=since,
        cut=cut,
        edits=tuple(edits),
        version_before=state.policy.version,
        version_after=new.version,
        state=state,
    )


def _verdicts(policy: Policy, subject: Subject) -> tuple[Verdict, Verdict]:
    return evaluate(policy, "contact", subject), evaluate(policy, "task", subject)


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


def _tell(
    app: App,
    now: float,
    kind: DecisionKind,
    section: str | None,
    match: str | None,
    action: str | None,
    version: str,
) -> None:
    about = {"section": section, "match": match, "action": action, "policy_version": version}
    app.store.events.add(f"trust.{kind}", now, by=app.caller, **about)

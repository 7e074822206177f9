"""The trust policy, changed: a default or a rule, or the last good policy put back."""

from __future__ import annotations

from typing import Annotated

from openclaw_install.common.errors import ConflictError
from openclaw_install.messaging.actions.arguments import Rule
from openclaw_install.messaging.actions.trust import RulePosition, in_force, trust_policy
from openclaw_install.messaging.app import App
from openclaw_install.messaging.models.trust import DecisionKind, NewDecision, PolicyChange, TrustPolicy
from openclaw_install.messaging.trust.document import new_document, read_document
from openclaw_install.messaging.trust.edits import (
    Edit,
    RemoveRule,
    SetDefault,
    SetRule,
    edited,
    read_action,
)
from openclaw_install.messaging.trust.gate import require_a_person, settle_all
from openclaw_install.messaging.trust.match import MOST_CHARACTERS, TrustPolicyError, read_match
from openclaw_install.messaging.trust.policy import Action, Section
from openclaw_install.messaging.trust.policy_file import CHANGED_MEANWHILE
from openclaw_install.protocol.did import is_did

MatchText = Annotated[str, Rule(max_length=MOST_CHARACTERS)]
_KINDS: dict[type[Edit], DecisionKind] = {
    SetDefault: "set_default",
    SetRule: "set_rule",
    RemoveRule: "remove_rule",
}
_TRIES = 3


def trust_policy_set(  # noqa: PLR0913 - the arguments of the tool
    app: App,
    *,
    policy: Section,
    action: Action,
    match: MatchText | None = None,
    default_only: bool = False,
    position: RulePosition | None = None,
    note: Annotated[str, Rule(max_length=500)] | None = None,
    dry_run: bool = False,
) -> PolicyChange:
    """Change a default (default_only) or make or change the rule for a DID, @alias or pattern. You may narrow
    trust; what could widen it is refused: a person does that.

    Args:
        policy: The part of the policy.
        action: contact: block, reject, manual or approve; task: deny, manual, bridge or execute.
        match: Whom the rule is about: a DID, @alias, either with * for any characters, or * for everybody.
            Left out with default_only.
        default_only: true changes the default, and no rule.
        position: The rule's place, from 1; the first that matches decides. Left out: before all broader
            rules; a known rule keeps its place.
        note: Kept with the rule.
        dry_run: Only tell what would be; write nothing.

    Raises:
        TrustRefusedError, TrustPolicyError, ConflictError, FileError: as `change_policy`.
    """
    chosen = read_action(policy, action)
    if default_only != (match is None):
        raise TrustPolicyError(
            "a change is either of the default or of one rule",
            next_step="give `match` for a rule, or default_only: true without it for the default",
            code="trust.rule_form",
        )
    edit: Edit = SetDefault(policy, chosen)
    if match is not None:
        edit = SetRule(policy, read_match(match), chosen, position, note)
    return change_policy(app, edit, save=not dry_run)


def trust_policy_remove(
    app: App, *, policy: Section, match: MatchText, dry_run: bool = False
) -> PolicyChange:
    """Remove the rule with this match. Refused where that could widen somebody's trust: a person does that.

    Args:
        policy: The part of the policy.
        match: The rule's match.
        dry_run: Only tell what would be; write nothing.

    Raises:
        TrustRefusedError, TrustPolicyError, ConflictError, FileError: as `change_policy`.
    """
    return change_policy(app, RemoveRule(policy, read_match(match)), save=not dry_run)


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
    book, now = app.policy_file, app.clock()
    with book.locked():
        state = book.current(now)
        text = book.changed(state, edit)
        result = edited(state.policy, edit)
        if result.widens:
            require_a_person(app.caller, f"this change of the {edit.section} policy")
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
                _add_event(app, now, _KINDS[type(edit)], edit.section, match, after, result.policy.version)
                book.write(text, state.text)
    new = book.current(now)
    settled = settle_all(app.store, new, now) if changed and save and edit.section == "contact" else 0
    return PolicyChange(
        policy=in_force(new),
        section=edit.section,
        match=match,
        before=result.before,
        after=after,
        position=result.position,
        changed=changed,
        saved=changed and save,
        settled=settled,
        version_before=state.policy.version,
    )


def trust_restore(app: App, *, defaults: bool = False) -> TrustPolicy:
    """Puts the last good policy back in the file's place; what was there is kept as `<name>.bak`.

    Args:
        defaults: writes the default policy instead.

    Raises:
        TrustRefusedError: an agent asks.
        TrustPolicyError: there is no last good policy.
        ConflictError, FileError: the file is being changed by others, or cannot be written.
    """
    require_a_person(app.caller, "putting a policy back")
    book, now = app.policy_file, app.clock()
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
            _add_event(app, now, "restore", None, None, None, version)
            book.write(text, "*")
    return trust_policy(app)


def _add_event(
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

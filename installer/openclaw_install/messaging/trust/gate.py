"""What the trust policy does to contacts that nobody has decided about, and what only a person may do."""

from __future__ import annotations

from typing import cast

from openclaw_install.common.errors import InstallError
from openclaw_install.messaging.contact_gate import AFTER, UNDECIDED
from openclaw_install.messaging.models import Contact, ContactState, Stage
from openclaw_install.messaging.models.trust import NewDecision
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.trust.match import Subject
from openclaw_install.messaging.trust.policy import (
    ContactAction,
    Policy,
    action_for,
    evaluate,
)
from openclaw_install.messaging.trust.policy_file import PolicyState
from openclaw_install.messaging.untrusted import is_person

# Who decided about a contact that an agent wrote to first: nobody but that agent.
OUTBOUND = "outbound"
POLICY = "policy:"
_STAGES: dict[ContactState, Stage] = {"approved": "approved", "rejected": "refused", "blocked": "refused"}


class TrustRefusedError(InstallError):
    """Somebody asked for a change of trust that only a person may make."""

    code = "trust.needs_a_person"


def is_agent(caller: str) -> bool:
    """Whether an agent asks, through the tools, and no person."""
    return not is_person(caller)


def require_a_person(caller: str, what: str) -> None:
    """Refuses an agent what could give another agent more than it has.

    Args:
        what: as a sentence begins with it, such as `this decision about a contact`.

    Raises:
        TrustRefusedError: an agent asks.
    """
    if is_agent(caller):
        raise TrustRefusedError(
            f"{what} could give another agent more than it has, and that is a person's to decide",
            next_step="ask your person; the commands are pingagent contacts approve and pingagent trust set",
        )


def contact_action(policy: Policy, did: str, alias: str | None) -> ContactAction:
    """What to do about a contact that nobody has decided about."""
    return cast("ContactAction", action_for(policy, "contact", Subject(did, alias)))


def is_open_to_policy(contact: Contact) -> bool:
    """Whether no person has decided about a contact: nobody did, the policy, or an agent by writing."""
    if contact.decided_by is not None and contact.decided_by.startswith((POLICY, OUTBOUND)):
        return True
    return contact.state in UNDECIDED and contact.decided_at is None


def settle_contact(store: Store, state: PolicyState, contact: Contact, now: float) -> Contact:
    """Does what the policy says of a contact, and records it; `manual` leaves it as it is.

    A person's decision stands above the policy: only a contact that nobody but the policy has decided about
    is touched.
    Inside a `write()` block it belongs to that transaction.

    Returns:
        The contact as it is now.
    """
    if not is_open_to_policy(contact):
        return contact
    verdict = evaluate(state.policy, "contact", Subject(contact.did, contact.alias))
    after, version = AFTER.get(verdict.action, contact.state), state.policy.version
    if after == contact.state:
        return contact
    with store.write():
        decided, _ = apply_decision(store, contact, after, f"{POLICY}{version}", now, verdict.why)
        store.trust.record(
            NewDecision(
                at=now,
                by="policy",
                kind="applied_by_policy",
                policy_before=version,
                policy_after=version,
                section="contact",
                match=verdict.rule.match if verdict.rule else None,
                before=contact.state,
                after=after,
                did=contact.did,
                detail=verdict.why,
            )
        )
        return decided


def apply_decision(
    store: Store, contact: Contact, state: ContactState, by: str, now: float, reason: str
) -> tuple[Contact, int]:
    """Records a decision about a contact, and lets in or refuses for good what waits of it.

    Returns:
        The contact as it is now, and how many messages were let in or refused.
    """
    with store.write():
        store.contacts.decide(contact.did, state, by, now, reason)
        released = 0
        if stage := _STAGES.get(state):
            released = store.ingress.release(contact.did, stage, "" if state == "approved" else state)
            store.contacts.set_waiting(contact.did, 0)
        store.events.add(f"contact.{state}", now, did=contact.did, by=by, released=released)
        return store.contacts.get(contact.did) or contact, released


def settle_all(store: Store, state: PolicyState, now: float, *, page: int = 200) -> int:
    """Does what the policy says of all contacts that no person has decided about; returns how many changed.

    To be called when the policy has changed. A page at a time, so that other writers get their turn.
    """
    settled, after = settle_page(store, state, now, page=page)
    while after:
        count, after = settle_page(store, state, now, after, page=page)
        settled += count
    return settled


def settle_page(
    store: Store, state: PolicyState, now: float, after: str = "", *, page: int = 200
) -> tuple[int, str]:
    """`settle_all` for one page of contacts: those behind the DID `after`.

    Returns:
        How many changed, and the last DID of the page; empty where there are no more.
    """
    settled = 0
    dids = store.trust.undecided(after=after, limit=page)
    if not dids:
        return 0, ""
    with store.write():
        for did in dids:
            contact = store.contacts.get(did)
            if contact is not None:
                settled += settle_contact(store, state, contact, now).state != contact.state
    return settled, dids[-1]

"""Decisions about contacts, as the command line and the tools make them."""

from __future__ import annotations

from openclaw_install.messaging.app import App
from openclaw_install.messaging.contact_gate import Action, after
from openclaw_install.messaging.models import Contact, ContactState, Decision, Stage
from openclaw_install.messaging.outgoing import ContactError
from openclaw_install.messaging.results import ContactDecision, ContactPage
from openclaw_install.messaging.trust.gate import is_open_to_policy
from openclaw_install.messaging.trust.guard import is_agent
from openclaw_install.protocol.did import fold_alias, is_did

_STAGES: dict[ContactState, Stage] = {"approved": "approved", "rejected": "refused", "blocked": "refused"}
MOST = 200
SHUT_OUT: frozenset[ContactState] = frozenset({"rejected", "blocked"})


def contacts(
    app: App, *, state: ContactState | None = None, limit: int = 50, page: str | None = None
) -> ContactPage:
    """Contacts by DID, of one state or of all.

    Args:
        limit: 1 to 200.
        page: `next` of the page before.
    """
    limit = max(1, min(limit, MOST))
    found = app.store.contacts.listed(state, limit=limit + 1, after=page or "")
    shown = found[:limit]
    undecided = (one.did for one in shown if one.state == "pending")
    said = {did: message for did in undecided if (message := app.store.messages.first_in(did))}
    return ContactPage(
        tuple(shown), app.store.contacts.counts(), shown[-1].did if len(found) > limit else None, said
    )


def history(app: App, who: str) -> tuple[Decision, ...]:
    """What was decided about a contact, newest first.

    Raises:
        ContactError: no such contact.
    """
    return tuple(app.store.contacts.decisions(find_contact(app, who).did))


def decide(app: App, who: str, action: Action, *, reason: str = "") -> ContactDecision:
    """Approves, rejects or blocks a contact, or undoes that; who did it and when is recorded.

    Approval lets the waiting messages go to the agent, in their order; reject and block refuse them for
    good, and all that come later, until somebody undoes it.

    Args:
        who: a DID or `@alias`; a DID that never wrote is decided in advance.

    Raises:
        ContactError: an alias that no contact has, a contact that is ourselves, or an approval of one that
            somebody rejected or blocked: that is undone first, by a decision of its own. What a rule of the
            policy decided gives way at once.
    """
    store, now, state = app.store, app.clock(), after(action)
    with store.write():
        contact = _found_or_new(app, who, now)
        # A person's word makes lasting what the policy or an agent's first message did; an agent's does not.
        lasting = is_agent(app.caller) or not is_open_to_policy(contact)
        if contact.state == state and contact.decided_at is not None and lasting:
            return ContactDecision(contact, changed=False, released=0, decision=None)
        if state == "approved" and contact.state in SHUT_OUT and not is_open_to_policy(contact):
            raise _is_shut_out(contact)
        store.contacts.decide(contact.did, state, app.caller, now, reason)
        released = 0
        if state in _STAGES:
            released = store.ingress.release(
                contact.did, _STAGES[state], "" if state == "approved" else state
            )
            store.contacts.set_waiting(contact.did, 0)
        store.events.add(f"contact.{state}", now, did=contact.did, by=app.caller, released=released)
        decided = store.contacts.get(contact.did) or contact
        newest = store.contacts.decisions(contact.did, limit=1)
    return ContactDecision(decided, changed=True, released=released, decision=newest[0])


def find_contact(app: App, who: str) -> Contact:
    """The contact that a DID or `@alias` means.

    Raises:
        ContactError: no such contact.
    """
    table = app.store.contacts
    found = table.get(who) if is_did(who) else table.by_alias(fold_alias(who))
    if found is None:
        raise ContactError(
            f"there is no contact {who!r}",
            next_step="list them: pingagent contacts list",
            code="contact.unknown",
        )
    return found


def _is_shut_out(contact: Contact) -> ContactError:
    return ContactError(
        f"{contact.did} was {contact.state}, which holds until it is undone",
        next_step=f"first undo that: pingagent contacts undo {contact.did}",
        code="contact.shut_out",
    )


def _found_or_new(app: App, who: str, now: float) -> Contact:
    if who == app.did:
        raise ContactError("that is this agent itself", next_step="name another agent", code="contact.self")
    if is_did(who) and app.store.contacts.get(who) is None:
        return app.store.contacts.add(who, "pending", "operator", now)
    return find_contact(app, who)

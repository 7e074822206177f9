"""The texts about contacts: a list of them, and a decision about one. Pure."""

from __future__ import annotations

from openclaw_install.common.shown_text import neutral, quoted
from openclaw_install.messaging.models.contacts import (
    ContactDecision,
    ContactPage,
    ListedContact,
    Peer,
    ShownContact,
)
from openclaw_install.surfaces.views import view
from openclaw_install.surfaces.views.text import Text

_ORDER = {"pending": 0, "awaiting_reply": 1}


def peer_name(peer: Peer | ShownContact) -> str:
    """The other agent in one word."""
    return f"@{neutral(peer.alias)}" if peer.alias else peer.did


def full_name(peer: Peer | ShownContact) -> str:
    """The other agent's DID, with its alias where it is known."""
    return f"{peer.did} @{neutral(peer.alias)}" if peer.alias else peer.did


def names(alias: str | None, display_name: str | None) -> list[str]:
    """What an agent calls itself, in one line; none where it has no names."""
    called = [f"@{neutral(alias)}"] if alias else []
    called += [quoted(display_name, 80)] if display_name else []
    return [" ".join(called)] if called else []


@view.register
def contact_page(page: ContactPage) -> Text:
    """Contacts, those that wait first."""
    rows = sorted(page.contacts, key=lambda one: _ORDER.get(one.state, 2))
    counts = ", ".join(f"{count} {state}" for state, count in page.counts.items())
    return Text(
        rows=[_contact_row(one) for one in rows] or ["no contacts"],
        tail=[counts, *([f"more: --page {page.next_page}"] if page.next_page else [])],
    )


def _contact_row(contact: ListedContact) -> str:
    name = f" {quoted(contact.display_name, 60)}" if contact.display_name else ""
    waiting = f"  {contact.waiting} messages wait" if contact.waiting else ""
    waiting += f"  {contact.deferred} more at the relay" if contact.deferred else ""
    waiting += "  (let in by an agent's first word)" if contact.decided_by == "outbound" else ""
    said = f"\n                says {quoted(contact.first_words, 120)}" if contact.first_words else ""
    return f"{contact.state:<14}  {full_name(contact)}{name}{waiting}".rstrip() + said


@view.register
def contact_decision(made: ContactDecision) -> Text:
    """What was decided."""
    contact = made.contact
    if not made.changed:
        return Text([f"{contact.did} is {contact.state} already"])
    goes = "go to the agent now" if contact.state == "approved" else "are refused"
    released = [f"{made.released} messages that waited {goes}"] if made.released else []
    return Text([f"{contact.did} is {contact.state}", *released])

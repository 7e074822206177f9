"""Contacts and decisions about them as JSON documents."""

from __future__ import annotations

from typing import Any

from openclaw_install.collab.records import Contact
from openclaw_install.collab.results import ContactDecision, ContactPage
from openclaw_install.protocol.times import iso

Document = dict[str, Any]


def contacts_document(page: ContactPage) -> Document:
    """A page of contacts."""
    return {
        "contacts": [contact_document(one) for one in page.contacts],
        "counts": dict(page.counts),
        "next_page": page.next,
    }


def contact_document(contact: Contact) -> Document:
    """One contact, with the names that it gave itself."""
    return {
        "did": contact.did,
        "alias": contact.alias,
        "display_name": contact.display_name,
        "state": contact.state,
        "origin": contact.origin,
        "waiting": contact.waiting,
        "first_seen_at": iso(contact.first_seen_at),
        "updated_at": iso(contact.updated_at),
        "decided_at": None if contact.decided_at is None else iso(contact.decided_at),
        "decided_by": contact.decided_by,
    }


def decision_document(made: ContactDecision) -> Document:
    """A decision, and what it let go."""
    decision = made.decision
    return {
        "contact": contact_document(made.contact),
        "changed": made.changed,
        "released": made.released,
        "decision": decision
        and {
            "id": decision.id,
            "at": iso(decision.at),
            "by": decision.by,
            "before": decision.before,
            "after": decision.after,
            "reason": decision.reason,
        },
    }

"""Contacts and decisions about them as JSON documents."""

from __future__ import annotations

from typing import Any

from openclaw_install.common.shown_text import cut
from openclaw_install.messaging.models import Contact, Message
from openclaw_install.messaging.results import ContactDecision, ContactPage
from openclaw_install.messaging.untrusted import Reader
from openclaw_install.protocol.times import iso
from openclaw_install.surfaces.mcp.pingagent.words import said_in

Document = dict[str, Any]
_FIRST_WORDS = 200


def contacts_document(page: ContactPage, reader: Reader) -> Document:
    """A page of contacts; of those that wait, the first words, where `reader` is the one to decide."""
    return {
        "contacts": [
            {**contact_document(one, reader), "first_words": _said(page.first_words.get(one.did), reader)}
            for one in page.contacts
        ],
        "counts": dict(page.counts),
        "next_page": page.next,
    }


def _said(message: Message | None, reader: Reader) -> str | None:
    body = None if message is None else reader.open(message.body)
    return None if body is None else cut(said_in(body), _FIRST_WORDS)


def contact_document(contact: Contact, reader: Reader) -> Document:
    """One contact; the names that it gave itself only where `reader` may see them."""
    return {
        "did": contact.did,
        "alias": reader.open(contact.alias),
        "display_name": reader.open(contact.display_name),
        "state": contact.state,
        "origin": contact.origin,
        "waiting": contact.waiting,
        "deferred": contact.deferred,
        "last_knock_at": None if contact.last_knock_at is None else iso(contact.last_knock_at),
        "first_seen_at": iso(contact.first_seen_at),
        "updated_at": iso(contact.updated_at),
        "decided_at": None if contact.decided_at is None else iso(contact.decided_at),
        "decided_by": contact.decided_by,
    }


def decision_document(made: ContactDecision, reader: Reader) -> Document:
    """A decision, and what it let go."""
    decision = made.decision
    return {
        "contact": contact_document(made.contact, reader),
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

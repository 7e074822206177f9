"""What steers threads as JSON documents: the next one, notes, overviews, contacts, bindings."""

from __future__ import annotations

from typing import Any

from openclaw_install.common.jsonable import jsonable
from openclaw_install.messaging.control_records import Summary
from openclaw_install.messaging.control_results import (
    ConversationPage,
    MarkedRead,
    NextUnread,
    SessionOverview,
)
from openclaw_install.messaging.models.contacts import shown_contact
from openclaw_install.messaging.store.overview import Conversation, Figures
from openclaw_install.messaging.summary import FIELDS, LISTS, SummaryChange
from openclaw_install.messaging.untrusted import Reader
from openclaw_install.protocol.times import iso
from openclaw_install.surfaces.mcp.pingagent.documents import (
    message_documents,
    session_document,
    thread_document,
)

Document = dict[str, Any]


def next_unread_document(found: NextUnread, reader: Reader) -> Document:
    """The thread that comes next, or that there is none."""
    return {
        "thread": None if found.thread is None else thread_document(found.thread, reader),
        "unread_threads": found.unread,
        "pending_contacts": found.pending,
    }


def marked_read_document(done: MarkedRead, reader: Reader) -> Document:
    return {"session": session_document(done.view, reader), "unread_before": done.before}


def conversations_document(page: ConversationPage, reader: Reader) -> Document:
    """A page of contacts with what they wrote last."""
    return {
        "conversations": [_conversation(one, reader) for one in page.conversations],
        "counts": dict(page.counts),
        "next_page": page.next,
    }


def _conversation(one: Conversation, reader: Reader) -> Document:
    thread, pending = one.thread_id, one.contact.state == "pending"
    return {
        "type": "pending_dm" if pending else "dm",
        "conversation_id": thread and (thread.replace("c_dm_", "c_pdm_", 1) if pending else thread),
        "thread_id": thread,
        "contact": jsonable(shown_contact(one.contact, reader)),
        "preview": reader.open(one.preview) or "",
        "withheld": not reader.opens(one.contact.state),
        "unread": one.unread,
        "last_activity_at": None if one.last_activity_at is None else iso(one.last_activity_at),
    }


def summary_document(change: SummaryChange, reader: Reader) -> Document:
    """The note, and what the call changed."""
    return {
        "thread_id": change.summary.thread_id,
        "summary": summary_fields(change.summary, reader),
        "withheld": not reader.opens(change.summary.fields.standing),
        "revision": change.summary.revision,
        "updated_at": None if change.summary.updated_at is None else iso(change.summary.updated_at),
        "updated_by": change.summary.updated_by,
        "changed": list(change.changed),
        "cleared": list(change.cleared),
    }


def summary_fields(summary: Summary, reader: Reader) -> Document:
    """All fields of a note; an empty text or list where nothing is in one, or it is not for `reader`."""
    known = reader.open(summary.fields) or {}
    fields = {name: known.get(name, () if name in LISTS else "") for name in FIELDS}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def session_overview_document(found: SessionOverview, reader: Reader) -> Document:
    """One thread with all that is known of it."""
    trust = found.trust
    return {
        "session": session_document(found.view, reader),
        "contact": None
        if found.view.contact is None
        else jsonable(shown_contact(found.view.contact, reader)),
        "contact_policy": jsonable(trust.contact),
        "task_policy": jsonable(trust.task),
        "recommendation": jsonable(trust.recommendation),
        "summary": summary_fields(found.summary, reader),
        "figures": figures_document(found.figures),
        "newest": message_documents(found.newest, reader),
        "route_mode": found.mode,
        "binding": jsonable(found.binding),
        **jsonable(trust.policy),
    }


def figures_document(figures: Figures) -> Document:
    return {
        "waiting": figures.waiting,
        "paced": figures.paced,
        "parked": figures.parked,
        "outgoing": figures.outgoing,
        "failed": figures.failed,
    }

"""Frozen results of the service functions as JSON documents, for the tools and for `--json` alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.shown_text import cut
from openclaw_install.messaging.models import Contact, Event, Message, Rejection
from openclaw_install.messaging.results import (
    Changes,
    InboxPage,
    SendResult,
    SessionPage,
    SessionView,
    ThreadView,
    TransportHealth,
    WhoAmI,
)
from openclaw_install.messaging.untrusted import Reader
from openclaw_install.protocol.messages import TEXT
from openclaw_install.protocol.times import iso

Document = dict[str, Any]
_BODIES = 32_000  # characters of message bodies in one answer
_LEAST = 1_000


def whoami_document(who: WhoAmI, focused_thread: str | None) -> Document:
    """Who this host is, and how things stand."""
    return {
        "did": who.did,
        "alias": who.alias,
        "display_name": who.display_name,
        "relay": None if who.relay is None else shown_url(who.relay),
        "threads": who.threads,
        "unread_threads": who.unread_threads,
        "pending_contacts": who.pending_contacts,
        "runtime_running": who.runtime_running,
        "focused_thread": focused_thread,
        "health": health_document(who.health),
    }


def health_document(health: TransportHealth) -> Document:
    """How the ways to the relay and to the gateway are."""
    blocker = health.blocker
    return {
        "connection": health.connection,
        "state": health.state,
        "since": iso(health.since),
        "detail": health.detail,
        "connected_since": _time(health.connected_since),
        "last_event_at": _time(health.last_event_at),
        "lag": health.lag,
        "waiting": health.waiting,
        "retries": health.retries,
        "clock_offset_seconds": round(health.clock_offset, 3),
        "recommendation": health.recommendation,
        "blocker": jsonable(blocker),
    }


def sessions_document(page: SessionPage, reader: Reader) -> Document:
    """A page of threads."""
    return {
        "sessions": [session_document(view, reader) for view in page.sessions],
        "total": page.total,
        "unread_threads": page.unread,
        "next_page": page.next,
    }


def session_document(view: SessionView, reader: Reader) -> Document:
    """One thread; what its other side wrote only where `reader` may see it."""
    session = view.session
    return {
        "thread_id": session.thread_id,
        "peer": peer_document(session.peer, view.contact, reader),
        "trust": view.trust,
        "unread": session.unread,
        "last_activity_at": iso(session.last_activity_at),
        "last_direction": session.last_direction,
        "preview": reader.open(session.preview) or "",
        "withheld": not reader.opens(view.trust),
        "focused": view.focused,
        "session_key": session.session_key,
        "route_mode": session.route_mode,
        "degraded": session.degraded,
    }


def peer_document(did: str, contact: Contact | None, reader: Reader) -> Document:
    """The other agent, with the names that it gave itself."""
    return {
        "did": did,
        "alias": reader.open(contact.alias) if contact else None,
        "display_name": reader.open(contact.display_name) if contact else None,
    }


def thread_document(thread: ThreadView, reader: Reader) -> Document:
    """A thread with messages of it."""
    return {
        "session": session_document(thread.view, reader),
        "messages": message_documents(thread.messages, reader),
        "before": thread.before,
    }


def message_documents(messages: Sequence[Message], reader: Reader) -> list[Document]:
    """Messages; bodies are cut so that all of them together stay readable, and a single one never is."""
    most = max(_LEAST, _BODIES // len(messages)) if len(messages) > 1 else None
    return [message_document(message, reader, most) for message in messages]


def message_document(message: Message, reader: Reader, most: int | None = None) -> Document:
    """One message, its body in about `most` characters of JSON, or empty where it is not for `reader`."""
    body: Document = dict(reader.open(message.body) or {})
    truncated = most is not None and len(json.dumps(body, ensure_ascii=False)) > most
    if truncated:
        text = body.get("text")
        body = (
            {"text": cut(text, most or 0)}
            if isinstance(text, str)
            else {"preview": reader.open(message.preview)}
        )
    return {
        "number": message.id,
        "direction": message.direction,
        "message_id": message.message_id,
        "thread_id": message.thread_id,
        "sender": message.sender,
        "schema": message.schema,
        "body": body,
        "truncated": truncated,
        "withheld": not reader.opens(message.body.standing),
        "sent_at": iso(message.sent_at),
        "state": message.state,
        "seq": message.seq,
        "reason": message.reason,
        "order": message.place,
    }


def inbox_document(page: InboxPage, reader: Reader) -> Document:
    """Messages of all threads, and what was refused at the door."""
    return {
        "messages": message_documents(page.messages, reader),
        "rejections": [_rejection(one) for one in page.rejections],
        "before": page.before,
    }


def _rejection(one: Rejection) -> Document:
    return {
        "at": iso(one.at),
        "log_id": one.log_id,
        "seq": one.seq,
        "reason": one.reason,
        "claimed_sender": one.claimed_sender,
        "claimed_message_id": one.claimed_message_id,
    }


def changes_document(changes: Changes) -> Document:
    """Events after a cursor."""
    return {
        "events": [event_document(event) for event in changes.events],
        "cursor": changes.cursor,
        "more": changes.more,
        "gap": changes.gap,
    }


def event_document(event: Event) -> Document:
    """One event."""
    return {
        "id": event.id,
        "at": iso(event.at),
        "kind": event.kind,
        "thread_id": event.thread_id,
        "message_id": event.message_id,
        "data": dict(event.data),
    }


def is_sent(result: SendResult) -> bool:
    """Whether it counts as sent: a message id with seq >= 1, or a delivery receipt; nothing less."""
    committed = bool(result.message_id) and result.seq is not None and result.seq >= 1
    return result.sent and (committed or result.state == "delivered")


def send_document(result: SendResult) -> Document:
    """What became of a text that was to be sent."""
    sent = is_sent(result)
    return {
        "sent": sent,
        "status": "sent" if sent else "unconfirmed",
        "state": result.state,
        "message_id": result.message_id,
        "seq": result.seq if sent else None,
        "schema": TEXT,
        "thread_id": result.thread_id,
        "recipient": result.recipient,
        "idempotency_key": result.idempotency_key,
        "runtime_running": result.runtime_running,
        "reason": result.reason,
        "next_step": "" if sent else result.repair or _look_again(result),
    }


def _look_again(result: SendResult) -> str:
    return f"look again later with the idempotency key {result.idempotency_key}; do not send it a second time"


def shown_url(url: str) -> str:
    """An address without what could be a password or a key in it."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "(no valid address)"
    return f"{parts.scheme}://{host}{parts.path}"


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else iso(seconds)

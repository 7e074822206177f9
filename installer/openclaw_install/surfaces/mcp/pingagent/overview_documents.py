"""What is told of the whole host as JSON documents: figures, transport, what is new, timelines."""

from __future__ import annotations

from typing import Any

from openclaw_install.common.jsonable import jsonable
from openclaw_install.messaging.actions.trust import in_force
from openclaw_install.messaging.control_results import (
    RuntimeOverview,
    SeenThread,
    SinceLastSeen,
    Timeline,
    Transport,
)
from openclaw_install.messaging.timeline import TimelineEntry
from openclaw_install.messaging.untrusted import Reader
from openclaw_install.protocol.times import iso
from openclaw_install.surfaces.mcp.pingagent.documents import (
    event_document,
    health_document,
    message_document,
    message_documents,
    session_document,
    shown_url,
)
from openclaw_install.surfaces.mcp.pingagent.session_documents import figures_document

Document = dict[str, Any]
_BODY = 1_000


def transport_document(found: Transport) -> Document:
    """The ways to the relay and to the gateway."""
    return {
        "transport": "bridge",
        "relay": None if found.relay is None else shown_url(found.relay),
        "health": health_document(found.health),
        "figures": figures_document(found.figures),
        "withheld": found.gaps["withheld"],
        "deferred": found.gaps["deferred"],
        "next_attempt_at": _time(found.next_attempt_at),
        "history": [event_document(one) for one in found.history],
    }


def runtime_document(found: RuntimeOverview, reader: Reader) -> Document:
    """The whole host."""
    policy = found.policy.policy
    return {
        "did": found.did,
        "runtime_running": found.runtime_running,
        "threads": found.threads,
        "unread_threads": found.unread,
        "contacts": dict(found.contacts),
        "focused_thread": found.focused,
        "route_mode": found.mode,
        "bindings": found.bindings,
        "transport": transport_document(found.transport),
        "policy": {
            "contact_default": policy.contact.default,
            "task_default": policy.task.default,
            "rules": len(policy.contact.rules) + len(policy.task.rules),
            **jsonable(in_force(found.policy)),
        },
        "stuck": message_documents(found.stuck, reader),
    }


def since_document(found: SinceLastSeen, reader: Reader) -> Document:
    """What happened since an operator looked last."""
    return {
        "operator": found.operator,
        "since": None if found.before is None else iso(found.before.at),
        "cursor_before": None if found.before is None else found.before.cursor,
        "cursor": found.cursor,
        "more": found.more,
        "gap": found.gap,
        "events": dict(found.kinds),
        "threads": [_seen(one, reader) for one in found.threads],
        "threads_left_out": found.threads_left_out,
        "attention": [entry_document(one) for one in found.attention],
        "unread_threads": found.unread,
        "pending_contacts": found.pending,
    }


def _seen(one: SeenThread, reader: Reader) -> Document:
    return {
        "session": session_document(one.view, reader),
        "received": one.received,
        "sent": one.sent,
        "failed": one.failed,
    }


def timeline_document(found: Timeline, reader: Reader) -> Document:
    """What happened in a thread or to a message."""
    return {
        "session": session_document(found.view, reader),
        "message": None if found.message is None else message_document(found.message, reader, _BODY),
        "entries": [entry_document(one) for one in found.entries],
        "before": found.before,
    }


def entry_document(one: TimelineEntry) -> Document:
    return {
        "at": iso(one.at),
        "step": one.step,
        "kind": one.kind,
        "thread_id": one.thread_id,
        "message_id": one.message_id,
        "detail": one.detail,
        "cursor": one.cursor,
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else iso(seconds)

"""Tools that steer threads: the next unread one, read marks, approvals, the carry-forward note, overviews."""

from __future__ import annotations

from typing import Any

from openclaw_install.messaging.actions import overview, sessions
from openclaw_install.messaging.app import AppContext
from openclaw_install.messaging.models import ContactState
from openclaw_install.messaging.summary import FIELDS
from openclaw_install.surfaces.mcp.pingagent import control_words, overview_documents, session_documents
from openclaw_install.surfaces.mcp.tool_table import Arguments, Body, ToolEntry

_STATES: dict[str, ContactState | None] = {"all": None, "dm": "approved", "pending_dm": "pending"}
OPERATOR = "agent"


async def next_unread(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_next_unread`."""
    found = await place.work(
        sessions.next_unread,
        messages=arguments.get("messages", 10),
        read=arguments.get("mark_read", True),
    )
    return session_documents.next_unread_document(found, place.reader)


async def mark_read(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_mark_read`."""
    done = await place.work(sessions.mark_read, arguments.get("session"), up_to=arguments.get("up_to"))
    return session_documents.marked_read_document(done, place.reader)


async def conversations(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_conversations`."""
    page = await place.work(
        sessions.conversations,
        _STATES[arguments.get("type", "all")],
        limit=arguments.get("limit", 20),
        page=arguments.get("page"),
    )
    return session_documents.conversations_document(page, place.reader)


async def session_summary(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_session_summary`."""
    given = {name: arguments[name] for name in FIELDS if name in arguments}
    change = await place.work(
        sessions.summary,
        arguments.get("session"),
        given=given,
        clear=arguments.get("clear_fields", ()),
    )
    return session_documents.summary_document(change, place.reader)


async def session_overview(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_session_overview`."""
    found = await place.work(sessions.session_overview, arguments.get("session"))
    return session_documents.session_overview_document(found, place.reader)


async def runtime_overview(place: AppContext, _arguments: Arguments) -> Body:
    """`pingagent_runtime_overview`."""
    found = await place.work(overview.runtime_overview)
    return overview_documents.runtime_document(found, place.reader)


async def transport_health(place: AppContext, _arguments: Arguments) -> Body:
    """`pingagent_transport_health`."""
    return overview_documents.transport_document(await place.work(overview.transport))


async def since_last_seen(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_since_last_seen`."""
    found = await place.work(
        overview.since_last_seen,
        arguments.get("operator", OPERATOR),
        mark=arguments.get("mark_seen", True),
    )
    return overview_documents.since_document(found, place.reader)


async def delivery_timeline(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_delivery_timeline`."""
    found = await place.work(
        overview.timeline,
        arguments.get("session"),
        message_id=arguments.get("message_id"),
        limit=arguments.get("limit", 30),
        before=arguments.get("before"),
    )
    return overview_documents.timeline_document(found, place.reader)


def _tool(name: str, family: str = "Sessions", **row: Any) -> ToolEntry[AppContext]:
    return ToolEntry(name=f"pingagent_{name}", folder="pingagent-tools", family=family, **row)


SESSION_TOOLS: tuple[ToolEntry[AppContext], ...] = (
    _tool(
        "next_unread",
        title="Next unread thread",
        description="Focus the thread whose unread messages wait for longest, and read its newest ones. "
        "Passes over agents that nobody has approved.",
        run=next_unread,
        text=control_words.next_unread_text,
    ),
    _tool(
        "mark_read",
        title="Mark as read",
        description="Clear the unread count of the focused thread, or of the one you name; with up_to, what "
        "came in after that message stays unread.",
        run=mark_read,
        text=control_words.marked_read_text,
        idempotent=True,
    ),
    _tool(
        "session_summary",
        title="Carry-forward note",
        description="Read or change the thread's working note: goal, constraints, decisions, what is open. "
        "Fields that you leave out stay; empty ones, and clear_fields, clear. A note, no lasting truth.",
        run=session_summary,
        text=control_words.summary_text,
        destructive=True,
        idempotent=True,
    ),
    _tool(
        "session_overview",
        title="One thread in full",
        description="All about the focused thread, or the one you name: trust, note, what waits or is "
        "stuck, where its messages go. For details; a reply does not need it.",
        run=session_overview,
        text=control_words.session_overview_text,
        read_only=True,
        idempotent=True,
    ),
    _tool(
        "conversations",
        family="Contacts",
        title="Contacts and approvals",
        description='Contacts with what they wrote last, longest known first. type "pending_dm": who waits '
        "for a person's approval.",
        run=conversations,
        text=control_words.conversations_text,
        read_only=True,
        idempotent=True,
    ),
)

OPERATION_TOOLS: tuple[ToolEntry[AppContext], ...] = (
    _tool(
        "runtime_overview",
        family="Operations",
        title="The whole host",
        description="Threads, contacts, transport, route mode, policy and what is stuck, at a glance. For "
        "operations and diagnosis, not before every reply.",
        run=runtime_overview,
        text=control_words.runtime_text,
        read_only=True,
        idempotent=True,
    ),
    _tool(
        "transport_health",
        family="Operations",
        title="Transport health",
        description="Whether messages come and go: connection, retries, degraded or repaired, what waits or "
        "is missing, and what to do about it.",
        run=transport_health,
        text=control_words.transport_text,
        read_only=True,
        idempotent=True,
    ),
    _tool(
        "since_last_seen",
        family="Operations",
        title="Since last seen",
        description="What happened since this operator looked last, by thread, with what went wrong. Each "
        "operator name has its own mark, which the call moves on unless mark_seen is false.",
        run=since_last_seen,
        text=control_words.since_text,
    ),
    _tool(
        "delivery_timeline",
        family="Operations",
        title="Delivery timeline",
        description="What happened in a thread, or to one message, in order: inbound, outbound, retries, "
        "receipts, troubles and repairs.",
        run=delivery_timeline,
        text=control_words.timeline_text,
        read_only=True,
        idempotent=True,
    ),
)

"""Tools that look: who we are, which threads there are, one thread, what happened, and the raw inbox."""

from __future__ import annotations

from openclaw_install.messaging.actions import messages as service
from openclaw_install.messaging.app import App, AppContext
from openclaw_install.surfaces.mcp.pingagent import documents
from openclaw_install.surfaces.mcp.tool_table import Arguments, Body


async def whoami(place: AppContext, _arguments: Arguments) -> Body:
    """`pingagent_whoami`."""

    def look(app: App) -> Body:
        return documents.whoami_document(service.whoami(app), app.store.sessions.focus(app.caller))

    return await place.work(look)


async def recent_sessions(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_recent_sessions`."""
    page = await place.work(
        service.recent_sessions,
        limit=arguments.get("limit", 20),
        unread_only=arguments.get("unread_only", False),
        page=arguments.get("page"),
    )
    return documents.sessions_document(page, place.reader)


async def focus_session(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_focus_session`."""
    thread = await place.work(
        service.focus_session,
        arguments.get("session"),
        messages=arguments.get("messages", 10),
        before=arguments.get("before"),
        read=arguments.get("mark_read", True),
    )
    return documents.thread_document(thread, place.reader)


async def inbox(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_inbox`."""
    page = await place.work(service.inbox, limit=arguments.get("limit", 20), before=arguments.get("before"))
    return documents.inbox_document(page, place.reader)


async def changes_since(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_changes_since`."""
    changes = await place.work(
        service.changes_since,
        arguments.get("cursor"),
        limit=arguments.get("limit", 50),
        target=arguments.get("session"),
    )
    return documents.changes_document(changes)

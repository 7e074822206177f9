"""Tools for session bindings: which thread goes to which working session in the mode map-active-group."""

from __future__ import annotations

from typing import Any

from openclaw_install.messaging.actions import bindings as binding_service
from openclaw_install.messaging.app import App, AppContext
from openclaw_install.surfaces.mcp.pingagent import control_words, session_documents
from openclaw_install.surfaces.mcp.tool_table import Arguments, Body, ToolEntry


async def bindings(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_session_bindings`."""

    def look(app: App) -> Body:
        page = binding_service.bindings(
            app,
            lambda: place.host().active_group(),
            lambda: place.host().live_policy(),
            limit=arguments.get("limit", 20),
            page=arguments.get("page"),
        )
        return session_documents.bindings_document(page, place.reader)

    return await place.work(look)


async def bind_current(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_session_binding_bind_current`."""

    def bind(app: App) -> Body:
        done = binding_service.bind_current(
            app,
            lambda: place.host().active_group(),
            lambda: place.host().live_policy(),
            arguments.get("session"),
        )
        return session_documents.binding_change_document(done, place.reader)

    return await place.work(bind)


async def set_binding(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_session_binding_set`."""

    def bind(app: App) -> Body:
        done = binding_service.bind(
            app,
            arguments["session_key"],
            lambda: place.host().active_group(),
            lambda: place.host().live_policy(),
            arguments.get("session"),
        )
        return session_documents.binding_change_document(done, place.reader)

    return await place.work(bind)


async def clear(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_session_binding_clear`."""
    done = await place.work(binding_service.clear, arguments.get("session"))
    return session_documents.binding_change_document(done, place.reader)


def _tool(name: str, **row: Any) -> ToolEntry[AppContext]:
    return ToolEntry(
        name=f"pingagent_session_{name}",
        folder="pingagent-tools",
        family="Session bindings (map-active-group only)",
        idempotent=True,
        **row,
    )


BINDING_TOOLS: tuple[ToolEntry[AppContext], ...] = (
    _tool(
        "bindings",
        title="Session bindings",
        description="Which threads are bound to which working session, what ACTIVE_GROUP.md names, and what "
        "the running gateway admits. Only for the route mode map-active-group.",
        run=bindings,
        text=control_words.bindings_text,
        read_only=True,
    ),
    _tool(
        "binding_bind_current",
        title="Bind to the current session",
        description="Bind a thread to the working session that ACTIVE_GROUP.md names now. Only in the route "
        "mode map-active-group, and where the running gateway admits that session.",
        run=bind_current,
        text=control_words.binding_text,
        destructive=True,
    ),
    _tool(
        "binding_set",
        title="Bind to a named session",
        description="Bind a thread to the working session that you name. Only in the route mode "
        "map-active-group, and where the running gateway admits that session.",
        run=set_binding,
        text=control_words.binding_text,
        destructive=True,
    ),
    _tool(
        "binding_clear",
        title="Take a binding away",
        description="Let a thread follow ACTIVE_GROUP.md again. Only in the route mode map-active-group.",
        run=clear,
        text=control_words.binding_text,
        destructive=True,
    ),
)

"""The table of tools, one row each, family by family: servers, docs, schemas and skill lists follow it."""

from __future__ import annotations

from openclaw_install.surfaces.tool import Tool

SESSIONS: tuple[Tool, ...] = ()

SENDING: tuple[Tool, ...] = ()

CONTACTS: tuple[Tool, ...] = ()

TRUST: tuple[Tool, ...] = ()

OPERATIONS: tuple[Tool, ...] = ()

BINDINGS: tuple[Tool, ...] = ()

DEBUGGING: tuple[Tool, ...] = ()

TOOLS = (*SESSIONS, *SENDING, *CONTACTS, *TRUST, *OPERATIONS, *BINDINGS, *DEBUGGING)

"""The client that the official conformance suite drives: our own connection code, one scenario a process.

Usage: python -m tests.sync_conformance_client URL, with the scenario's name in MCP_CONFORMANCE_SCENARIO.
"""

from __future__ import annotations

import asyncio
import os
import sys

from openclaw_install.sync.http_guard import Wire, guarded_client
from openclaw_install.sync.mcp_connection import Connection, call_tool

_CALLS: dict[str, list[tuple[str, dict[str, int]]]] = {
    "initialize": [],
    "tools_call": [("add_numbers", {"a": 5, "b": 3})],
    "sse-retry": [("test_reconnection", {})],
}


async def play(url: str, scenario: str) -> None:
    """Opens a session, lists the tools, makes the scenario's calls, closes the session."""
    wire = Wire(url, None)
    async with Connection(wire, guarded_client(wire)) as connection:
        session = await connection.session()
        await session.list_tools()
        for name, arguments in _CALLS[scenario]:
            result = await call_tool(session, name, arguments)
            assert not result.is_error, result


if __name__ == "__main__":
    asyncio.run(play(sys.argv[-1], os.environ["MCP_CONFORMANCE_SCENARIO"]))

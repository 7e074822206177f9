"""Asks the running gateway which tools of an MCP server its agents have, without side effects.

`tools.effective` projects the catalog that a session's own server has told at the session's last turn, and
the final tool policy. It starts no server; before its first turn a session has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from openclaw_install.host.gateway.rpc import GatewayRpc, RpcError

_SESSIONS = 20
_ASKED = 5


@dataclass(frozen=True)
class ServedTools:
    """What the running gateway serves of one MCP server.

    Attributes:
        tools: the names by which the server has them; empty where no session has any.
        session: the key of the session that was asked and has them, or is the evidence that it has none;
            empty where no session has started its servers yet.
    """

    tools: tuple[str, ...] = ()
    session: str = ""


async def served_tools(rpc: GatewayRpc, server: str) -> ServedTools:
    """The tools of a server in the newest sessions that have started it.

    Args:
        rpc: a connection with `operator.read`.
        server: the server's name in `mcp.servers`.

    Raises:
        RpcError: the gateway cannot be asked.
    """
    listed = await rpc.call("sessions.list", {"limit": _SESSIONS})
    without = ""
    for key in _newest(listed.get("sessions")):
        try:
            inventory = await rpc.call("tools.effective", {"sessionKey": key})
        except RpcError as error:
            if error.kind == "INVALID_REQUEST":
                continue  # the session has gone meanwhile
            raise
        tools = tuple(_tools(inventory.get("groups"), server))
        if tools:
            return ServedTools(tools, key)
        if not without and _has_catalog(inventory):
            without = key
    return ServedTools(session=without)


def _newest(sessions: Any) -> list[str]:
    rows = [row for row in sessions if isinstance(row, dict)] if isinstance(sessions, list) else []
    named = [row for row in rows if isinstance(row.get("key"), str)]
    # Those of messages that came in by the hooks first: theirs are the turns that have to answer.
    named.sort(key=lambda row: (":hook:" in row["key"], _number(row.get("updatedAt"))), reverse=True)
    return [row["key"] for row in named[:_ASKED]]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _tools(groups: Any, server: str) -> Iterator[str]:
    for group in groups if isinstance(groups, list) else ():
        tools = group.get("tools") if isinstance(group, dict) else None
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict) and tool.get("mcpServer") == server and not tool.get("deniedBySession"):
                yield str(tool.get("mcpToolName"))


def _has_catalog(inventory: Mapping[str, Any]) -> bool:
    """Whether the session has started its servers: else a notice says that they are still to come."""
    notices = inventory.get("notices")
    told = notices if isinstance(notices, list) else []
    return not any(isinstance(one, dict) and str(one.get("id")).startswith("mcp-") for one in told)

"""`openclaw-install mcp`: MCP servers on stdio, for the host to start."""

from __future__ import annotations

from typing import Any

import click

from openclaw_install.surfaces.cli.options import common_options, gather


@click.group("mcp")
@common_options
@click.pass_context
def mcp_group(context: click.Context, /, **said: Any) -> None:
    """Serve tools to agents on stdio; the setup registers these servers in the host."""
    context.obj = gather(context, said)


@mcp_group.command("pingagent")
@common_options
@click.pass_context
def pingagent_command(context: click.Context, /, **said: Any) -> None:
    """Serve PingAgent's tools until stdin ends; stdout carries the protocol and nothing else.

    The profile and its files come from the variables PINGAGENT_*, as for the command `pingagent`.
    """
    import os
    from pathlib import Path

    from openclaw_install.surfaces.mcp.pingagent.server import serve

    gather(context, said)
    serve(os.environ, Path.home())

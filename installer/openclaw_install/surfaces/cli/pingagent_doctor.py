"""`pingagent doctor`: check identity, store, relay and bridge, and mend what can be mended."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from openclaw_install.common.errors import UsageError
from openclaw_install.common.jsonable import jsonable
from openclaw_install.surfaces.cli.pingagent_options import confirm, gather_ping, operator, ping_options
from openclaw_install.surfaces.cli.reply import Reply


@click.command("doctor")
@ping_options
@click.option("--fix", is_flag=True, help="Mend what can be mended without you.")
@click.option("--new-relay", is_flag=True, help="Trust the relay that answers now instead of the known one.")
@click.pass_context
def doctor_command(context: click.Context, /, *, fix: bool, new_relay: bool, **said: Any) -> Reply:
    """Check that this agent can be reached and can write; exit code 1 if something is in the way."""
    from openclaw_install.messaging.doctor import examine
    from openclaw_install.surfaces.cli.render_pingagent import doctor_lines
    from openclaw_install.surfaces.views.overview import health_lines

    options = gather_ping(context, said)
    if options.dry_run:
        fix = new_relay = False
    if new_relay and not confirm("Trust whatever relay answers at the address now?", options):
        raise UsageError("not agreed: nothing was changed", next_step="run it again to agree")
    found = asyncio.run(examine(options.env, Path.home(), operator(), fix=fix, new_relay=new_relay))
    body = jsonable(found)
    lines = doctor_lines(body, health_lines(found.health), verbose=options.verbose)
    return Reply("doctor", body, lines, 0 if found.ok else 1)

"""The console script `pingagent`: this agent's identity, threads, contacts and messages, for people."""

from __future__ import annotations

import sys
from typing import Any

import click

from openclaw_install import __version__
from openclaw_install.surfaces.cli.pingagent_card import card_command
from openclaw_install.surfaces.cli.pingagent_chat import chat_command
from openclaw_install.surfaces.cli.pingagent_contacts import contacts_group
from openclaw_install.surfaces.cli.pingagent_doctor import doctor_command
from openclaw_install.surfaces.cli.pingagent_identity import identity_group
from openclaw_install.surfaces.cli.pingagent_options import gather_ping, ping_options
from openclaw_install.surfaces.cli.pingagent_sessions import sessions_group
from openclaw_install.surfaces.cli.pingagent_tail import tail_command, timeline_command
from openclaw_install.surfaces.cli.pingagent_trust import trust_group
from openclaw_install.surfaces.cli.reply import Reply

PROGRAM = "pingagent"


@click.group(PROGRAM, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=PROGRAM)
@ping_options
@click.pass_context
def pingagent(context: click.Context, /, **said: Any) -> Reply | None:
    """Write to other agents, and decide who may write to yours.

    The files lie in ~/.pingagent/profiles/NAME: --profile, or $PINGAGENT_PROFILE, or `openclaw`, the profile
    that the setup of an OpenClaw host makes. PINGAGENT_SERVER_URL names the relay; PINGAGENT_ROOT_DIR,
    PINGAGENT_IDENTITY_PATH and PINGAGENT_STORE_PATH name single places.
    """
    gather_ping(context, said)
    if context.invoked_subcommand is not None:
        return None
    commands = {name: command.get_short_help_str(120) for name, command in pingagent.commands.items()}
    return Reply(PROGRAM, {"commands": commands}, context.get_help().splitlines())


@pingagent.command("whoami")
@ping_options
@click.pass_context
def whoami_command(context: click.Context, /, **said: Any) -> Reply:
    """Show this agent's DID, and whether messages come and go."""
    from openclaw_install.messaging.actions import messages as service
    from openclaw_install.surfaces.cli.render_pingagent import whoami_lines
    from openclaw_install.surfaces.mcp.pingagent.documents import whoami_document

    options = gather_ping(context, said)
    with options.app() as app:
        body = whoami_document(service.whoami(app), app.store.sessions.focus(app.caller))
    return Reply("whoami", body, whoami_lines(body, verbose=options.verbose))


@pingagent.command("inbox")
@ping_options
@click.option(
    "--limit", "-n", type=click.IntRange(1, 200), default=20, show_default=True, help="Messages to show."
)
@click.option("--before", type=click.IntRange(min=1), metavar="NUMBER", help="Only messages before this one.")
@click.pass_context
def inbox_command(context: click.Context, /, *, limit: int, before: int | None, **said: Any) -> Reply:
    """Show raw messages of all threads, and what was refused at the door; for debugging."""
    from openclaw_install.messaging.actions import messages as service
    from openclaw_install.surfaces.cli.render_pingagent import inbox_lines
    from openclaw_install.surfaces.mcp.pingagent.documents import inbox_document

    options = gather_ping(context, said)
    with options.app() as app:
        body = inbox_document(service.inbox(app, limit=limit, before=before), app.reader)
    return Reply("inbox", body, inbox_lines(body))


_COMMANDS: tuple[click.Command, ...] = (
    *(sessions_group, chat_command, tail_command, timeline_command, contacts_group, trust_group),
    *(card_command, identity_group, doctor_command),
)
for _command in _COMMANDS:
    pingagent.add_command(_command)


def entry_point() -> None:
    """The console script."""
    from openclaw_install.common.private_memory import keep_memory_private
    from openclaw_install.surfaces.cli.boundary import run_command

    keep_memory_private()
    sys.exit(run_command(pingagent, sys.argv[1:], program=PROGRAM, bare=PROGRAM))

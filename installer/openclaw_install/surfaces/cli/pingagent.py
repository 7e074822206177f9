"""The console script `pingagent`: this agent's identity, threads, contacts and messages, for people."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

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
from openclaw_install.surfaces.cli.verbs import AppVerb

if TYPE_CHECKING:
    from openclaw_install.messaging.app import App
    from openclaw_install.messaging.models.messages import InboxPage
    from openclaw_install.messaging.models.overview import WhoAmI

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


@pingagent.command("whoami", cls=AppVerb)
def whoami_command(app: App) -> WhoAmI:
    """Show this agent's DID, and whether messages come and go."""
    from openclaw_install.messaging.actions.sessions import whoami

    return whoami(app)


@pingagent.command("inbox", cls=AppVerb)
@click.option(
    "--limit", "-n", type=click.IntRange(1, 200), default=20, show_default=True, help="Messages to show."
)
@click.option("--before", type=click.IntRange(min=1), metavar="NUMBER", help="Only messages before this one.")
def inbox_command(app: App, **said: Any) -> InboxPage:
    """Show raw messages of all threads, and the envelopes that were refused; for debugging."""
    from openclaw_install.messaging.actions.messages import inbox

    return inbox(app, **said)


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

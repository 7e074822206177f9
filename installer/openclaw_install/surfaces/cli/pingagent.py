"""The console script `pingagent`: this agent's identity, threads, contacts and messages, for people."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openclaw_install import __version__
from openclaw_install.surfaces.cli.boundary import enter
from openclaw_install.surfaces.cli.options import PingOptions, agreed, operator
from openclaw_install.surfaces.cli.pingagent_completion import agents, agents_and_threads
from openclaw_install.surfaces.cli.pingagent_identity import identity_group
from openclaw_install.surfaces.cli.pingagent_inbound import limits_command, pause_command, resume_command
from openclaw_install.surfaces.cli.pingagent_messages import (
    chat_command,
    inbox_command,
    tail_command,
    timeline_command,
)
from openclaw_install.surfaces.cli.pingagent_sessions import sessions_group
from openclaw_install.surfaces.cli.pingagent_trust import trust_group
from openclaw_install.surfaces.cli.reply import Answer, Reply
from openclaw_install.surfaces.cli.verbs import AppGroup, ProfileVerb

if TYPE_CHECKING:
    from openclaw_install.messaging.app import App
    from openclaw_install.messaging.contact_gate import Action
    from openclaw_install.messaging.models import ContactState
    from openclaw_install.messaging.models.contacts import ContactDecision, ContactPage
    from openclaw_install.messaging.models.overview import WhoAmI
    from openclaw_install.messaging.store.stats import StoreStats

PROGRAM = "pingagent"
_STATES: tuple[ContactState, ...] = ("pending", "awaiting_reply", "approved", "rejected", "blocked")


@click.command(PROGRAM, cls=ProfileVerb)
@click.pass_context
def overview_command(context: click.Context, _options: PingOptions, /) -> Reply:
    """List the commands."""
    commands = {name: command.get_short_help_str(120) for name, command in pingagent.commands.items()}
    return Reply(PROGRAM, {"commands": commands}, context.get_help().splitlines())


@click.group(
    PROGRAM,
    cls=AppGroup,
    alone=overview_command,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name=PROGRAM)
def pingagent() -> None:
    """Write to other agents, and decide who may write to yours.

    The files lie in ~/.pingagent/profiles/NAME: --profile, or $PINGAGENT_PROFILE, or `openclaw`, the profile
    that the setup of an OpenClaw host makes. PINGAGENT_SERVER_URL names the relay; PINGAGENT_ROOT_DIR,
    PINGAGENT_IDENTITY_PATH and PINGAGENT_STORE_PATH name single places.
    """


for _command in (chat_command, identity_group, inbox_command, sessions_group, tail_command, timeline_command):
    pingagent.add_command(_command)
for _command in (limits_command, pause_command, resume_command, trust_group):
    pingagent.add_command(_command)


@pingagent.command("whoami")
def whoami_command(app: App) -> WhoAmI:
    """Show this agent's DID, and whether messages come and go."""
    from openclaw_install.messaging.actions.sessions import whoami

    return whoami(app)


@pingagent.command("store-stats")
def store_stats_command(app: App) -> StoreStats:
    """Show how many rows and bytes the store holds of each kind."""
    from openclaw_install.messaging.actions.overview import store_stats

    return store_stats(app)


@pingagent.command("card")
@click.argument("who", required=False, shell_complete=agents_and_threads, metavar="[DID|@ALIAS]")
def card_command(app: App, who: str | None) -> Answer:
    """Show the card of this agent, or of WHO: names, keys and capabilities, its signatures checked.

    Exit code 1 says that this agent's card is not at the relay: nobody can write to it yet.
    """
    from openclaw_install.messaging.actions.cards import agent_card

    card = asyncio.run(agent_card(app, who=who))
    return Answer(card, 0 if card.published else 1)


@pingagent.command("doctor", cls=ProfileVerb)
@click.option("--fix", is_flag=True, help="Repair what can be repaired without you.")
@click.option("--new-relay", is_flag=True, help="Trust the relay that answers now instead of the known one.")
def doctor_command(options: PingOptions, *, fix: bool, new_relay: bool) -> Answer:
    """Check that this agent can be reached and can write; exit code 1 if something is in the way."""
    from openclaw_install.messaging.doctor import examine
    from openclaw_install.surfaces.views.identity import doctor_report

    if options.dry_run:
        fix = new_relay = False
    if new_relay:
        agreed("Trust whatever relay answers at the address now?", yes=options.yes)
    found = asyncio.run(examine(options.env, Path.home(), operator(), fix=fix, new_relay=new_relay))
    return Answer(found, 0 if found.ok else 1, doctor_report(found, verbose=options.verbose))


@pingagent.group("contacts")
def contacts_group() -> None:
    """Decide who reaches the agent: a first contact waits until you approve it."""


@contacts_group.command("list")
@click.option("--state", type=click.Choice(_STATES), help="Only contacts in this state.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--page", metavar="PAGE", help="`next_page` of the list before.")
def list_command(app: App, **said: Any) -> ContactPage:
    """Show contacts, and how many messages of each wait for a decision."""
    from openclaw_install.messaging.actions.contacts import contacts_list

    return contacts_list(app, **said)


def _add_decision(action: Action, text: str) -> None:
    @contacts_group.command(action, help=text, plan=lambda said: f"would {action} {said['who']}")
    @click.argument("who", shell_complete=agents, metavar="DID|@ALIAS")
    @click.option("--reason", default="", help="Kept with the decision.")
    def decide(app: App, who: str, reason: str) -> ContactDecision:
        from openclaw_install.messaging.actions.contacts import decide_contact

        return decide_contact(app, who, action, reason=reason)


_add_decision("approve", "Let an agent in: what waits of it goes to your agent now, in order.")
_add_decision("reject", "Turn an agent down: what waits of it is refused, and what comes later too.")
_add_decision("block", "Shut an agent out for good; `undo` is the way back.")
_add_decision("undo", "Take a decision back: the contact waits again.")


entry_point = partial(enter, pingagent, program=PROGRAM, bare=PROGRAM)

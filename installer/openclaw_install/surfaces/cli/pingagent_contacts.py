"""`pingagent contacts`: who may write to this agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from openclaw_install.surfaces.cli.pingagent_completion import agents
from openclaw_install.surfaces.cli.pingagent_options import gather_ping, ping_options
from openclaw_install.surfaces.cli.reply import Reply, answered, planned

if TYPE_CHECKING:
    from openclaw_install.messaging.contact_gate import Action
    from openclaw_install.messaging.models import ContactState

_STATES: tuple[ContactState, ...] = ("pending", "awaiting_reply", "approved", "rejected", "blocked")
_who = click.argument("who", shell_complete=agents, metavar="DID|@ALIAS")
_reason = click.option("--reason", default="", help="Kept with the decision.")


@click.group("contacts")
@ping_options
@click.pass_context
def contacts_group(context: click.Context, /, **said: Any) -> None:
    """Decide who reaches the agent: a first contact waits until you approve it."""
    gather_ping(context, said)


@contacts_group.command("list")
@ping_options
@click.option("--state", type=click.Choice(_STATES), help="Only contacts in this state.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--page", metavar="PAGE", help="`next_page` of the list before.")
@click.pass_context
def list_command(
    context: click.Context, /, *, state: ContactState | None, limit: int, page: str | None, **said: Any
) -> Reply:
    """Show contacts, and how many messages of each wait for a decision."""
    from openclaw_install.messaging.actions.contacts import contacts_list

    with gather_ping(context, said).app() as app:
        return answered("contacts list", contacts_list(app, state=state, limit=limit, page=page))


@contacts_group.command("approve")
@ping_options
@_who
@_reason
@click.pass_context
def approve_command(context: click.Context, /, *, who: str, reason: str, **said: Any) -> Reply:
    """Let an agent in: what waits of it goes to your agent now, in order."""
    return _decide(context, "approve", who, reason, said)


@contacts_group.command("reject")
@ping_options
@_who
@_reason
@click.pass_context
def reject_command(context: click.Context, /, *, who: str, reason: str, **said: Any) -> Reply:
    """Turn an agent down: what waits of it is refused, and what comes later too."""
    return _decide(context, "reject", who, reason, said)


@contacts_group.command("block")
@ping_options
@_who
@_reason
@click.pass_context
def block_command(context: click.Context, /, *, who: str, reason: str, **said: Any) -> Reply:
    """Shut an agent out for good; `undo` is the way back."""
    return _decide(context, "block", who, reason, said)


@contacts_group.command("undo")
@ping_options
@_who
@_reason
@click.pass_context
def undo_command(context: click.Context, /, *, who: str, reason: str, **said: Any) -> Reply:
    """Take a decision back: the contact waits again."""
    return _decide(context, "undo", who, reason, said)


def _decide(context: click.Context, action: Action, who: str, reason: str, said: dict[str, Any]) -> Reply:
    from openclaw_install.messaging.actions.contacts import decide_contact

    options, command = gather_ping(context, said), f"contacts {action}"
    if options.dry_run:
        return planned(command, f"would {action} {who}")
    with options.app() as app:
        return answered(command, decide_contact(app, who, action, reason=reason))

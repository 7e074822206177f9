"""`pingagent contacts`: who may write to this agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from openclaw_install.surfaces.cli.pingagent_completion import agents
from openclaw_install.surfaces.cli.pingagent_options import gather_ping, ping_options
from openclaw_install.surfaces.cli.reply import Reply

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
    from openclaw_install.messaging.actions.contacts import contacts
    from openclaw_install.surfaces.cli.render_pingagent import contacts_lines
    from openclaw_install.surfaces.mcp.pingagent.contact_documents import contacts_document

    options = gather_ping(context, said)
    with options.app() as app:
        body = contacts_document(contacts(app, state=state, limit=limit, page=page), app.reader)
    return Reply("contacts list", body, contacts_lines(body))


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
    from openclaw_install.messaging.actions.session_trust import decide_contact
    from openclaw_install.surfaces.cli.render_pingagent import decision_lines
    from openclaw_install.surfaces.mcp.pingagent.contact_documents import decision_document

    options = gather_ping(context, said)
    command = f"contacts {action}"
    if options.dry_run:
        line = f"would {action} {who}"
        return Reply(command, {"dry_run": True, "planned": [line]}, [line])
    with options.app() as app:
        body = decision_document(decide_contact(app, who, action, reason=reason), app.reader)
    return Reply(command, body, decision_lines(body))

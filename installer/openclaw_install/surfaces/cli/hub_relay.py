"""`openclaw-install hub relay`: the relay's registered agents, and invitations to it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from openclaw_install.surfaces.cli.hub_options import data_option, hub_answered, planned
from openclaw_install.surfaces.cli.options import common_options, gather
from openclaw_install.surfaces.cli.reply import Reply

_DAYS = 7


@click.group("relay")
@common_options
@click.pass_context
def relay_group(context: click.Context, /, **said: Any) -> None:
    """The relay for messages: who is registered, and who may register."""
    context.obj = gather(context, said)


@relay_group.group("agents")
@common_options
@click.pass_context
def agents_group(context: click.Context, /, **said: Any) -> None:
    """Agents that are registered at the relay."""
    context.obj = gather(context, said)


@agents_group.command("list")
@common_options
@data_option
@click.pass_context
def agents_list(context: click.Context, /, *, data: Path, **said: Any) -> Reply:
    """Show every registered agent, when it was last there, and what waits for it."""
    from openclaw_install.hub.relay_admin import open_relay_admin
    from openclaw_install.hub.results import RelayAgentList, relay_agent

    gather(context, said)
    with open_relay_admin(data) as admin:
        members = admin.members()
    return hub_answered(
        "hub relay agents list", RelayAgentList(tuple(relay_agent(member) for member in members))
    )


@agents_group.command("remove")
@common_options
@data_option
@click.argument("agent", metavar="DID|ALIAS")
@click.pass_context
def agents_remove(context: click.Context, /, *, data: Path, agent: str, **said: Any) -> Reply:
    """Give back an agent's place, and drop what waits in it; registering again undoes it."""
    from openclaw_install.hub.relay_admin import open_relay_admin
    from openclaw_install.hub.results import RelayAgentRemoved, relay_agent

    if gather(context, said).dry_run:
        return planned("hub relay agents remove", f"give back the place of {agent}")
    with open_relay_admin(data) as admin:
        member = admin.remove(agent)
    return hub_answered("hub relay agents remove", RelayAgentRemoved((relay_agent(member),)))


@relay_group.group("invite", invoke_without_command=True)
@common_options
@data_option
@click.option(
    "--uses", type=click.IntRange(1, 10_000), default=1, show_default=True, help="Agents it lets in."
)
@click.option(
    "--days", type=click.IntRange(1, 365), default=_DAYS, show_default=True, help="It holds so long."
)
@click.pass_context
def invite_group(context: click.Context, /, *, data: Path, uses: int, days: int, **said: Any) -> Reply | None:
    """Make an invitation and print its code, this once; or `list` and `revoke` them."""
    from openclaw_install.hub.relay_admin import open_relay_admin
    from openclaw_install.hub.results import NewInvitation, invitation_info

    context.obj = gather(context, said)
    if context.invoked_subcommand is not None:
        return None
    if context.obj.dry_run:
        return planned("hub relay invite", f"make an invitation for {uses}")
    with open_relay_admin(data) as admin:
        invite, code = admin.invite(uses, timedelta(days=days))
    # The one place that shows a code: it is in no file, so nobody can be shown it again.
    return hub_answered("hub relay invite", NewInvitation((invitation_info(invite),), code.reveal()))


@invite_group.command("list")
@common_options
@data_option
@click.pass_context
def invite_list(context: click.Context, /, *, data: Path, **said: Any) -> Reply:
    """Show every invitation and how much of it is left; never a code."""
    from openclaw_install.hub.relay_admin import open_relay_admin
    from openclaw_install.hub.results import InvitationList, invitation_info

    gather(context, said)
    with open_relay_admin(data) as admin:
        invites = admin.invites()
    return hub_answered(
        "hub relay invite list", InvitationList(tuple(invitation_info(invite) for invite in invites))
    )


@invite_group.command("revoke")
@common_options
@data_option
@click.argument("name", metavar="ID")
@click.pass_context
def invite_revoke(context: click.Context, /, *, data: Path, name: str, **said: Any) -> Reply:
    """End an invitation; who registered by it stays."""
    from openclaw_install.hub.relay_admin import open_relay_admin
    from openclaw_install.hub.results import InvitationList, invitation_info

    if gather(context, said).dry_run:
        return planned("hub relay invite revoke", f"end the invitation {name}")
    with open_relay_admin(data) as admin:
        invite = admin.revoke(name)
    return hub_answered("hub relay invite revoke", InvitationList((invitation_info(invite),)))

"""`sync`: skills of this machine to agents in the cloud; `sync status`, `sync agents`, `sync consent`."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import UsageError
from openclaw_install.surfaces.cli.options import CommonOptions
from openclaw_install.surfaces.cli.reply import Answer, Reply, answered
from openclaw_install.surfaces.cli.verbs import Verb

if TYPE_CHECKING:
    from openclaw_install.sync.consent import ConsentList
    from openclaw_install.sync.status import AgentsList

_EVERYTHING = "everything"
_PUSH = ":push"  # nobody types that, so no skill loses its name to it
_root = click.option(
    "--root", "roots", multiple=True, type=click.Path(path_type=Path), help="A further folder with skills."
)
_agent = click.option(
    "--agent", "agents", multiple=True, metavar="ID|NAME", help="Which agent; `all` for all."
)


class _SyncGroup(click.Group):
    """A group whose first word is a subcommand, or else belongs to the sync itself: `sync NAME...`."""

    command_class = Verb

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [_PUSH, *args]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return self.commands[_PUSH].collect_usage_pieces(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.commands[_PUSH].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group("sync", cls=_SyncGroup)
def sync_group() -> None:
    """Send the skills of this machine to agents in the cloud: what changed, and nothing unseen.

    NAME is a skill's folder name. The key comes from MYSTA_API_KEY, the endpoint from MYSTA_MCP_URL. The
    first word may also be a command; a skill of that name is written `sync -- NAME`.
    """


@sync_group.command(_PUSH, hidden=True)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="All skills of your own.")
@_agent
@_root
@click.option("--canary", metavar="ID|NAME", help="Send to this agent first, to the others if it took all.")
@click.option(
    "--allow-secrets",
    multiple=True,
    metavar="NAME",
    help="Send this content to these agents despite the gate.",
)
@click.option("--force", is_flag=True, help="Send also what is unchanged.")
@click.option("--watch", is_flag=True, help="Keep them in step until Ctrl-C: each save goes up at once.")
@click.option("--keep", is_flag=True, help="Keep them in step for good: remember it and start the runtime.")
def push_command(common: CommonOptions, /, *, watch: bool, **said: Any) -> Reply:
    """Send skills."""
    from openclaw_install.surfaces.cli import sync_watch
    from openclaw_install.surfaces.cli.sync_terminal import SyncTerminal
    from openclaw_install.surfaces.views.sync import sync_report
    from openclaw_install.sync.ledger import Ledger
    from openclaw_install.sync.run import SyncOptions, SyncRun

    said["keep"] = said["keep"] or watch
    options = SyncOptions(dry_run=common.dry_run, **said)
    watch = watch and not common.dry_run
    if watch and options == SyncOptions(keep=True) and sync_watch.stands(common):
        return sync_watch.watch_in_foreground(common)
    operator = SyncTerminal(yes=common.yes)
    with Ledger(to_look=common.dry_run) as ledger, operator:
        run = SyncRun(common.location(), os.environ, options, operator, ledger)
        report = run.run()
    text = sync_report(report, verbose=common.verbose)
    if watch:
        return sync_watch.watch_in_foreground(common, text.lines)
    keeps = options.keep and not common.dry_run
    runtime, errors = sync_watch.kept_in_step(common) if keeps else (None, [])
    if runtime and not errors:
        text = replace(text, tail=[f"runtime   {runtime.state}: it keeps them in step from now on"])
    exit_code = max([report.exit_code, *(error.exit_code for error in errors)])
    found = sync_watch.KeptSyncReport(**vars(report), runtime=runtime)
    stopped = [run.stopped] if run.stopped else []
    return answered("sync", found, exit_code, text=text, errors=[*stopped, *errors])


@sync_group.command("status")
@_agent
@_root
def status_command(common: CommonOptions, /, *, agents: tuple[str, ...], roots: tuple[Path, ...]) -> Answer:
    """Show, skill by agent, whether what was acknowledged is what is here; asks nobody."""
    from openclaw_install.sync.ledger import Ledger
    from openclaw_install.sync.status import sync_status

    with Ledger(to_look=common.dry_run) as ledger:
        found = sync_status(common.location(), os.environ, ledger, roots, agents, wall_time())
    return Answer(found, found.exit_code)


@sync_group.command("agents")
def agents_command(common: CommonOptions, /) -> AgentsList:
    """List the agents that the key may use."""
    from openclaw_install.surfaces.cli.sync_terminal import SyncTerminal
    from openclaw_install.sync.ledger import Ledger
    from openclaw_install.sync.status import list_agents

    if common.dry_run:
        raise UsageError(
            "sync agents asks the service, and --dry-run would not",
            next_step="openclaw-install sync status, which asks nobody and names the agents of the last time",
        )
    with Ledger() as ledger:
        return list_agents(os.environ, SyncTerminal(yes=common.yes), ledger, wall_time())


@sync_group.command("remove")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def remove_command(common: CommonOptions, /, *, names: tuple[str, ...]) -> Answer:  # noqa: ARG001
    """Say how a skill is removed at an agent: no service has a tool for it."""
    from openclaw_install.sync.endpoint import cannot_remove, endpoint_from

    raise cannot_remove(endpoint_from(os.environ), names)


@sync_group.command("consent")
@click.option(
    "--revoke",
    is_flag=False,
    flag_value=_EVERYTHING,
    metavar="[NUMBER]",
    help="Revoke this one, or all of it; you are asked again then.",
)
def consent_command(common: CommonOptions, /, *, revoke: str | None) -> ConsentList:
    """Show what you agreed to, or revoke it."""
    from openclaw_install.sync.consent import ConsentList, all_consents
    from openclaw_install.sync.consent import revoke as revoke_consents
    from openclaw_install.sync.ledger import Ledger

    if revoke not in (None, _EVERYTHING) and not re.fullmatch("[0-9]{1,15}", revoke):
        raise UsageError(
            f"--revoke takes the number of a consent, not {revoke}",
            next_step="openclaw-install sync consent, which shows their numbers",
        )
    only = None if revoke in (None, _EVERYTHING) else int(revoke)
    with Ledger(to_look=common.dry_run) as ledger:
        revoked = revoke_consents(ledger, wall_time(), only) if revoke and not common.dry_run else 0
        return ConsentList(tuple(all_consents(ledger)), revoked)

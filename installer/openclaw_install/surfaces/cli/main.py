"""The command line: each command parses, calls one application function and renders its result."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openclaw_install import __version__
from openclaw_install.common.errors import InstallError, UsageError
from openclaw_install.common.jsonable import jsonable
from openclaw_install.host.locate import HostLocation
from openclaw_install.surfaces.cli.boundary import enter
from openclaw_install.surfaces.cli.hub import hub_group
from openclaw_install.surfaces.cli.options import CommonOptions, common_options, gather
from openclaw_install.surfaces.cli.passphrase import invite_reader
from openclaw_install.surfaces.cli.reply import Answer, Reply
from openclaw_install.surfaces.cli.runtime import runtime_group
from openclaw_install.surfaces.cli.sync import sync_group
from openclaw_install.surfaces.cli.verbs import VerbGroup

if TYPE_CHECKING:
    from openclaw_install.host.hooks.policy import RouteMode
    from openclaw_install.host.skills.results import SkillsList
    from openclaw_install.setup.context import Context
    from openclaw_install.setup.verify import RunResult

_ROUTE_MODES: tuple[RouteMode, ...] = ("stable-hook-session", "map-active-group")
_ROUTE_VARIABLE = "IM_INGRESS_SESSION_ROUTE_MODE"
_route_mode = click.option(
    "--route-mode",
    "--im-ingress-session-route-mode",
    "route_mode",
    type=click.Choice(_ROUTE_MODES),
    help=f"How inbound messages find their session (default: ${_ROUTE_VARIABLE}, or {_ROUTE_MODES[0]}).",
)
_offline = click.option("--offline", is_flag=True, help="Do not ask the running gateway.")


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="openclaw-install")
@common_options
@_route_mode
@_offline
@click.option("--overwrite-edited", is_flag=True, help="Replace bundle files that you changed.")
@click.option("--with-hub", is_flag=True, help="Run a relay of your own here, for agents to meet at.")
@click.option(
    "--relay-invite-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The relay's invitation: the first line of a file that only you can read.",
)
@click.pass_context
def cli(
    context: click.Context,
    /,
    *,
    route_mode: str | None,
    offline: bool,
    overwrite_edited: bool,
    with_hub: bool,
    relay_invite_file: Path | None,
    **said: Any,
) -> Reply | None:
    """Set an OpenClaw host up, and prove on the running gateway that it works.

    Without a command: bundles, MCP servers, hook policy and permissions, after a diff and your consent.
    """
    common = gather(context, said)
    context.obj = common
    if context.invoked_subcommand is not None:
        return None
    from openclaw_install.setup.verify import set_up

    invite = invite_reader(relay_invite_file, may_ask=not common.yes)
    run = _on_host(
        common,
        set_up,
        route_mode=_route(route_mode),
        offline=offline,
        overwrite_edited=overwrite_edited,
        with_hub=with_hub,
        invite=invite,
    )
    return _run_reply("setup", run, common)


@cli.command("verify-runtime")
@common_options
@_route_mode
@_offline
@click.option("--fix-hooks", is_flag=True, help="Mend the hook policy, after a diff and your consent.")
@click.pass_context
def verify_runtime_command(
    context: click.Context, /, *, route_mode: str | None, offline: bool, fix_hooks: bool, **said: Any
) -> Reply:
    """Report whether the host is ready for inbound messages, and what is in the way."""
    common = gather(context, said)
    from openclaw_install.setup.verify import fix_hooks as fix
    from openclaw_install.setup.verify import verify_runtime

    act = fix if fix_hooks else verify_runtime
    run = _on_host(common, act, route_mode=_route(route_mode), offline=offline)
    return _run_reply("verify-runtime", run, common)


@cli.command("undo")
@common_options
@click.argument("receipt", required=False)
@click.option("--keep-changed", is_flag=True, help="Keep what you changed since, and undo the rest.")
@click.pass_context
def undo_command(context: click.Context, /, *, receipt: str | None, keep_changed: bool, **said: Any) -> Reply:
    """Take one run back: RECEIPT, or the newest that stands."""
    common = gather(context, said)
    from openclaw_install.setup.removal import undo

    result = undo(_context(common, common.location(), keep_changed=keep_changed), receipt)
    return _undo_reply("undo", result)


@cli.command("uninstall")
@common_options
@click.option("--keep-changed", is_flag=True, help="Keep what you changed since, and remove the rest.")
@click.pass_context
def uninstall_command(context: click.Context, /, *, keep_changed: bool, **said: Any) -> Reply:
    """Remove all that we ever added to this host, and nothing else."""
    common = gather(context, said)
    from openclaw_install.setup.removal import uninstall

    result = uninstall(_context(common, common.location(), keep_changed=keep_changed))
    return _undo_reply("uninstall", result)


@click.group("skills", cls=VerbGroup)
def skills_group() -> None:
    """Read SKILL.md files as OpenClaw's own loader does."""


@skills_group.command("check")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
def skills_check_command(options: CommonOptions, paths: tuple[Path, ...]) -> Answer:
    """Judge every SKILL.md below each PATH, or in the host's own roots."""
    from openclaw_install.host.skills.inventory import check_skills
    from openclaw_install.surfaces.views.skills import skills_check

    found = check_skills(options.location(), paths)
    return Answer(found, 1 if found.any_invalid else 0, skills_check(found, verbose=options.verbose))


@skills_group.command("list")
def skills_list_command(options: CommonOptions) -> SkillsList:
    """Show the host's skill roots in order of precedence, and who wins each name."""
    from openclaw_install.host.skills.inventory import list_skills

    return list_skills(options.location())


@click.group("mcp", cls=VerbGroup)
def mcp_group() -> None:
    """Serve tools to agents on stdio; the setup registers these servers in the host."""


@mcp_group.command("pingagent")
def pingagent_command(_options: CommonOptions) -> None:
    """Serve PingAgent's tools until stdin ends; stdout carries the protocol and nothing else.

    The profile and its files come from the variables PINGAGENT_*, as for the command `pingagent`.
    """
    import runpy

    runpy.run_module("openclaw_install.surfaces.mcp.pingagent", run_name="__main__")


@cli.command("demo")
@common_options
@click.pass_context
def demo_command(context: click.Context, /, **said: Any) -> Reply:
    """Play the whole story on a real OpenClaw in a scratch folder; nothing of yours is touched."""
    from openclaw_install.demo.story import tell_story

    common = gather(context, said)
    if common.dry_run:
        raise UsageError(
            "the demo has no --dry-run: it touches nothing of yours", next_step="openclaw-install demo"
        )
    operator = _operator(common)
    tell = (lambda _line: None) if common.as_json else click.echo
    story = tell_story(tell, operator.progress)
    seconds = sum(chapter.seconds for chapter in story.chapters)
    lines = ["", f"{len(story.chapters)} chapters, each as told, in {seconds:.0f} s; nothing is left behind"]
    return Reply("demo", jsonable(story), lines)


cli.add_command(hub_group)
cli.add_command(sync_group)
cli.add_command(runtime_group)
cli.add_command(mcp_group)
cli.add_command(skills_group)


def _route(option: str | None) -> RouteMode:
    """The option, else the variable; only commands that route messages look at the variable."""
    named = option or os.environ.get(_ROUTE_VARIABLE, "").strip() or _ROUTE_MODES[0]
    for mode in _ROUTE_MODES:
        if mode == named:
            return mode
    raise UsageError(
        f"{_ROUTE_VARIABLE} is {named!r}",
        next_step=f"set it to one of {', '.join(_ROUTE_MODES)}, or unset it",
    )


def _on_host(common: CommonOptions, run: Callable[[Context], RunResult], **options: Any) -> RunResult:
    """Runs on the host that is meant; whatever stops the run is reported as what blocks the host."""
    from openclaw_install.setup.verify import failed

    location = None
    try:
        location = common.location()
        return run(_context(common, location, **options))
    except InstallError as error:
        if error.exit_code != 1:
            raise
        return failed(location, error)


def _operator(common: CommonOptions) -> Any:
    from openclaw_install.surfaces.cli.terminal import Terminal

    return Terminal(yes=common.yes, quiet=common.as_json)


def _context(common: CommonOptions, location: HostLocation, **options: Any) -> Context:
    from openclaw_install.setup.context import Context, Options
    from openclaw_install.setup.receipts import ReceiptStore
    from openclaw_install.setup.runtime_control import HostRuntime

    asked = Options(dry_run=common.dry_run, invocation=common.invocation, **options)
    runtime = HostRuntime(location, os.environ)
    return Context(location, asked, _operator(common), ReceiptStore(location), runtime, os.environ)


def _run_reply(command: str, run: Any, common: CommonOptions) -> Reply:
    from openclaw_install.surfaces.cli.render import plan_lines, run_lines

    lines = run_lines(run, verbose=common.verbose)
    if run.applied is not None and run.applied.outcome == "planned":
        lines = [*plan_lines(run.applied.plan), "", *lines]
    errors = [] if run.error is None else [run.error]
    return Reply(command, jsonable(run.report), lines, run.exit_code, errors)


def _undo_reply(command: str, result: Any) -> Reply:
    from openclaw_install.surfaces.cli.render import undo_result_lines

    return Reply(command, jsonable(result), undo_result_lines(result), result.exit_code)


entry_point = partial(enter, cli)

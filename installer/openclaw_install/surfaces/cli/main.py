"""The command line: each command parses, calls one application function and renders its result."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from openclaw_install import __version__
from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import InstallError, UsageError
from openclaw_install.common.shown_text import neutral
from openclaw_install.host.locate import HostLocation
from openclaw_install.surfaces.cli.boundary import enter
from openclaw_install.surfaces.cli.hub import hub_group
from openclaw_install.surfaces.cli.options import CommonOptions
from openclaw_install.surfaces.cli.passphrase import invite_reader
from openclaw_install.surfaces.cli.reply import Answer
from openclaw_install.surfaces.cli.runtime import runtime_group
from openclaw_install.surfaces.cli.sync import sync_group
from openclaw_install.surfaces.cli.verbs import Verb, VerbGroup
from openclaw_install.surfaces.views.text import Text

if TYPE_CHECKING:
    from openclaw_install.host.hooks.policy import RouteMode
    from openclaw_install.host.skills.results import SkillsList
    from openclaw_install.setup.bug_report import BugReport
    from openclaw_install.setup.context import Context
    from openclaw_install.setup.verify import RunResult
    from openclaw_install.surfaces.cli.terminal import Terminal

PROGRAM = "openclaw-install"
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


@click.command("setup", cls=Verb)
@_route_mode
@_offline
@click.option(
    "--overwrite-edited",
    is_flag=True,
    help="Replace what you changed of ours: files of bundles, MCP servers.",
)
@click.option("--with-hub", is_flag=True, help="Run a relay of your own here, for agents to meet at.")
@click.option(
    "--relay-invite-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The relay's invitation: the first line of a file that only you can read.",
)
def setup_command(
    options: CommonOptions, *, route_mode: str | None, relay_invite_file: Path | None, **asked: Any
) -> Answer:
    """Set the host up."""
    from openclaw_install.setup.verify import set_up

    invite = invite_reader(relay_invite_file, may_ask=not options.yes)
    return _on_host(options, set_up, route_mode=_route(route_mode), invite=invite, **asked)


@click.group(
    PROGRAM,
    cls=VerbGroup,
    alone=setup_command,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name=PROGRAM)
def cli() -> None:
    """Set an OpenClaw host up, and prove on the running gateway that it works.

    Without a command: bundles, MCP servers, hook policy and permissions, after a diff and your consent.
    """


@cli.command("verify-runtime")
@_route_mode
@_offline
@click.option("--fix-hooks", is_flag=True, help="Mend the hook policy, after a diff and your consent.")
def verify_runtime_command(
    options: CommonOptions, *, route_mode: str | None, offline: bool, fix_hooks: bool
) -> Answer:
    """Report whether the host is ready for inbound messages, and what is in the way."""
    from openclaw_install.setup import verify

    act = verify.fix_hooks if fix_hooks else verify.verify_runtime
    return _on_host(options, act, route_mode=_route(route_mode), offline=offline)


def _receipts(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Completes the runs that stand, with a word about each."""
    from openclaw_install.setup.history import standing_runs
    from openclaw_install.setup.receipts import ReceiptStore

    said: dict[str, Any] = {name: context.params.get(name) for name in ("state_dir", "config", "profile")}
    with contextlib.suppress(InstallError):
        found = standing_runs(ReceiptStore(CommonOptions(**said).location()), wall_time())
        return [
            CompletionItem(run.receipt, help=neutral(f"{run.ago}: {run.summary}"))
            for run in found.runs
            if run.receipt.startswith(begun)
        ]
    return []


@cli.command("status")
def status_command(options: CommonOptions) -> Answer:
    """Say in ten lines how everything is, what waits for you, and what to run next.

    The host and its gateway are as the last setup or verify-runtime saw them; nothing is asked or changed.
    """
    from openclaw_install.runtime.control import RuntimeControl
    from openclaw_install.setup.status import host_status
    from openclaw_install.surfaces.views.status import host_status as text_of

    location = options.location()
    runtime = RuntimeControl(location, os.environ)
    found = host_status(location, os.environ, runtime, runtime.invocation, wall_time())
    return Answer(found, found.exit_code, text_of(found))


@cli.command("report", plan="would write a bundle for a bug report into the present folder, without secrets")
@_offline
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The zip file to write (default: one with the date in its name, here).",
)
def report_command(options: CommonOptions, *, offline: bool, output: Path | None) -> BugReport:
    """Write a bundle for a bug report: versions, findings, the config's shape and tails of logs.

    Secrets are masked, and nothing is sent: look through the file, and attach it yourself.
    """
    from openclaw_install.setup.bug_report import write_bug_report

    return write_bug_report(_context(options, options.location(), offline=offline), output)


@cli.command("undo")
@click.argument("receipt", required=False, shell_complete=_receipts)
@click.option("--list", "to_list", is_flag=True, help="Show the runs that stand, and what each changed.")
@click.option("--keep-changed", is_flag=True, help="Keep what you changed since, and undo the rest.")
def undo_command(options: CommonOptions, receipt: str | None, *, to_list: bool, **asked: Any) -> Answer:
    """Take one run back: RECEIPT, or the newest that stands."""
    from openclaw_install.setup.history import standing_runs
    from openclaw_install.setup.removal import undo

    context = _context(options, options.location(), **asked)
    if to_list:
        return Answer(standing_runs(context.store, context.clock()))
    result = undo(context, receipt)
    return Answer(result, result.exit_code)


@cli.command("uninstall")
@click.option("--keep-changed", is_flag=True, help="Keep what you changed since, and remove the rest.")
@click.option("--purge", is_flag=True, help="Then delete for good what is left on purpose; asks separately.")
def uninstall_command(options: CommonOptions, *, purge: bool, **asked: Any) -> Answer:
    """Remove all that we ever added to this host, and nothing else.

    The agent's identity, its threads and the own hub stay, unless --purge is given: nobody could make them
    again.
    """
    from openclaw_install.setup.removal import uninstall

    result = uninstall(_context(options, options.location(), **asked), purge_too=purge)
    return Answer(result, result.exit_code)


@cli.group("skills")
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


@cli.group("mcp")
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
def demo_command(options: CommonOptions) -> Answer:
    """Play the whole story on a real OpenClaw in a scratch folder; nothing of yours is touched."""
    from openclaw_install.demo.story import tell_story

    if options.dry_run:
        raise UsageError(
            "the demo has no --dry-run: it touches nothing of yours", next_step="openclaw-install demo"
        )
    tell = (lambda _line: None) if options.as_json else click.echo
    story = tell_story(tell, _operator(options).progress)
    seconds = sum(chapter.seconds for chapter in story.chapters)
    end = f"{len(story.chapters)} chapters, each as told, in {seconds:.0f} s; nothing is left behind"
    return Answer(story, text=Text(["", end]))


for _group in (hub_group, sync_group, runtime_group):
    cli.add_command(_group)


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


def _on_host(options: CommonOptions, run: Callable[[Context], RunResult], **asked: Any) -> Answer:
    """Runs on the host that is meant; whatever stops the run is reported as what blocks the host."""
    from openclaw_install.setup.last_verdict import remember
    from openclaw_install.setup.verify import failed
    from openclaw_install.surfaces.views.setup import activation_report

    location = None
    try:
        location = options.location()
        result = run(_context(options, location, **asked))
    except InstallError as error:
        if error.exit_code != 1:
            raise
        result = failed(location, error)
    if location is not None and not options.dry_run:
        remember(location, result.report, wall_time())
    text = activation_report(result.report, verbose=options.verbose)
    return Answer(result.report, result.exit_code, text, [result.error] if result.error else [])


def _operator(options: CommonOptions) -> Terminal:
    from openclaw_install.surfaces.cli.terminal import Terminal

    return Terminal(yes=options.yes, quiet=options.as_json)


def _context(options: CommonOptions, location: HostLocation, **asked: Any) -> Context:
    from openclaw_install.runtime.control import RuntimeControl
    from openclaw_install.setup.answering import look_at_answering
    from openclaw_install.setup.context import Context, Options
    from openclaw_install.setup.receipts import ReceiptStore

    runtime = RuntimeControl(location, os.environ)
    wanted = Options(dry_run=options.dry_run, invocation=runtime.invocation, **asked)
    return Context(
        location,
        wanted,
        _operator(options),
        ReceiptStore(location),
        runtime,
        os.environ,
        answering=look_at_answering,
    )


entry_point = partial(enter, cli)

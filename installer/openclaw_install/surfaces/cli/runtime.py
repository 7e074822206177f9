"""`openclaw-install runtime`: the one long-lived process, started, stopped, shown and kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openclaw_install.common.jsonable import jsonable
from openclaw_install.surfaces.cli.options import CommonOptions, common_options, gather
from openclaw_install.surfaces.cli.reply import Reply

if TYPE_CHECKING:
    from openclaw_install.runtime.report import Keeper, Result

_KEEPERS: tuple[Keeper, ...] = ("systemd", "launchd", "guardian", "nobody")


@click.group("runtime")
@common_options
@click.pass_context
def runtime_group(context: click.Context, /, **said: Any) -> None:
    """Run the process that keeps skills in step and takes other agents' messages, and see that it works."""
    context.obj = gather(context, said)


@runtime_group.command("status")
@common_options
@click.pass_context
def status_command(context: click.Context, /, **said: Any) -> Reply:
    """Show whether it runs and how its components are; exit code 0 only if all are ready."""
    from openclaw_install.runtime.control import runtime_report
    from openclaw_install.surfaces.cli.render_runtime import status_lines

    common = gather(context, said)
    report = runtime_report(common.location(), os.environ)
    lines = status_lines(report, verbose=common.verbose)
    return Reply("runtime status", jsonable(report), lines, report.exit_code)


@runtime_group.command("start")
@common_options
@click.pass_context
def start_command(context: click.Context, /, **said: Any) -> Reply:
    """Start it, wait until it says how it is, and leave it running."""
    from openclaw_install.runtime.control import start_runtime

    common = gather(context, said)
    if common.dry_run:
        return _planned("start", "start the runtime")
    result = start_runtime(common.location(), os.environ)
    return _reply("start", result, "started" if result.changed else "it already runs", common)


@runtime_group.command("stop")
@common_options
@click.pass_context
def stop_command(context: click.Context, /, **said: Any) -> Reply:
    """Stop it, and wait until it has ended."""
    from openclaw_install.runtime.control import stop_runtime

    common = gather(context, said)
    if common.dry_run:
        return _planned("stop", "stop the runtime")
    result = stop_runtime(common.location(), os.environ)
    return _reply("stop", result, "stopped" if result.changed else "it did not run", common)


@runtime_group.command("restart")
@common_options
@click.pass_context
def restart_command(context: click.Context, /, **said: Any) -> Reply:
    """Stop it and start it, with the variables of this shell unless a service runs it."""
    from openclaw_install.runtime.control import restart_runtime

    common = gather(context, said)
    if common.dry_run:
        return _planned("restart", "stop the runtime and start it again")
    return _reply("restart", restart_runtime(common.location(), os.environ), "restarted", common)


@runtime_group.command("enable")
@common_options
@click.pass_context
def enable_command(context: click.Context, /, **said: Any) -> Reply:
    """Have it started with each of your sessions, by systemd or launchd, after your consent."""
    from openclaw_install.runtime.control import enable_runtime
    from openclaw_install.surfaces.cli.terminal import Terminal

    common = gather(context, said)
    if common.dry_run:
        return _planned("enable", "install a service and write its variables to a private file")
    terminal = Terminal(yes=common.yes, quiet=common.as_json)
    result = enable_runtime(common.location(), os.environ, terminal.confirm)
    return _reply("enable", result, f"enabled: {result.service}", common)


@runtime_group.command("disable")
@common_options
@click.pass_context
def disable_command(context: click.Context, /, **said: Any) -> Reply:
    """Stop the service, and remove its unit and its file of variables."""
    from openclaw_install.runtime.control import disable_runtime

    common = gather(context, said)
    if common.dry_run:
        return _planned("disable", "stop the service and remove its files")
    result = disable_runtime(common.location(), os.environ)
    return _reply("disable", result, "disabled" if result.changed else "it was not enabled", common)


@runtime_group.command("run")
@common_options
@click.option("--kept-by", type=click.Choice(_KEEPERS), default="nobody", hidden=True)
@click.option("--env-file", type=click.Path(path_type=Path), hidden=True)
@click.pass_context
def run_command(context: click.Context, /, *, kept_by: Keeper, env_file: Path | None, **said: Any) -> Reply:
    """Run it in the foreground until SIGTERM or Ctrl-C."""
    from openclaw_install.host.locate import locate
    from openclaw_install.runtime.components import COMPONENTS
    from openclaw_install.runtime.control import runtime_report
    from openclaw_install.runtime.environment import merged
    from openclaw_install.runtime.report import Result
    from openclaw_install.runtime.worker import Settings, run_runtime

    common = gather(context, said)
    if common.dry_run:
        return _planned("run", "run until it is told to end")
    env = merged(os.environ, env_file)
    location = locate(env, state_dir=common.state_dir, config=common.config, profile=common.profile)

    def ready(log: Path) -> None:
        if kept_by == "nobody":
            click.echo(f"the runtime runs; Ctrl-C ends it; its log: {log}", err=True)

    run_runtime(Settings(location, COMPONENTS, os.environ, env_file, kept_by, ready=ready))
    result = Result(changed=True, runtime=runtime_report(location, os.environ))
    return Reply("runtime run", jsonable(result), ["the runtime has stopped"])


@runtime_group.command("logs")
@common_options
@click.option("--follow", "-f", is_flag=True, help="Go on with the lines that come, until Ctrl-C.")
@click.option(
    "-n", "--lines", "count", type=click.IntRange(min=0), default=50, show_default=True, help="Lines to show."
)
@click.pass_context
def logs_command(context: click.Context, /, *, follow: bool, count: int, **said: Any) -> Reply | None:
    """Show its log; with --json as it is written, one object a line and no document around them."""
    from openclaw_install.runtime import log_reader
    from openclaw_install.runtime.paths import RuntimePaths
    from openclaw_install.surfaces.cli.render_runtime import log_line

    common = gather(context, said)
    path = RuntimePaths.of(common.location()).log

    def show(line: log_reader.LogLine) -> None:
        if not common.as_json:
            click.echo(log_line(line))
        elif line.entry is not None:
            click.echo(line.text)

    try:
        coming = log_reader.follow(path) if follow else ()  # before the look back, so that none is missed
        for lines in (log_reader.last_lines(path, count), coming):
            for line in lines:
                show(line)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return None  # that is how following ends
    except BrokenPipeError:
        # The reader has gone (`| head`): what is left to flush goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return None


def _reply(command: str, result: Result, did: str, common: CommonOptions) -> Reply:
    """`start` and `restart` succeed when it runs; `stop` when it does not."""
    from openclaw_install.surfaces.cli.render_runtime import result_lines

    fine = result.runtime.state in (("stopped",) if command in ("stop", "disable") else ("running",))
    lines = result_lines(result, did, verbose=common.verbose)
    return Reply(f"runtime {command}", jsonable(result), lines, 0 if fine else 1)


def _planned(command: str, what: str) -> Reply:
    return Reply(f"runtime {command}", None, [f"dry run: this would {what}; nothing was changed"])

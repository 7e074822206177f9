"""`openclaw-install runtime`: the one long-lived process, started, stopped, shown and kept."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from openclaw_install.surfaces.cli.options import CommonOptions, confirm
from openclaw_install.surfaces.cli.reply import Answer
from openclaw_install.surfaces.cli.verbs import VerbGroup

if TYPE_CHECKING:
    from openclaw_install.runtime.control import RuntimeControl
    from openclaw_install.runtime.report import KeptBy, Result, RuntimeState

_SUPERVISORS: tuple[KeptBy, ...] = ("systemd", "launchd", "guardian", "nobody")


@click.group("runtime", cls=VerbGroup)
def runtime_group() -> None:
    """Run the process that keeps skills in step and takes other agents' messages, and see that it works."""


@runtime_group.command("status")
def status_command(options: CommonOptions) -> Answer:
    """Show whether it runs and how its components are; exit code 0 only if all are ready."""
    report = _control(options).report()
    return Answer(report, report.exit_code)


@runtime_group.command("start", plan="would start the runtime")
def start_command(options: CommonOptions) -> Answer:
    """Start it, wait until it says how it is, and leave it running."""
    return _answer(_control(options).start())


@runtime_group.command("stop", plan="would stop the runtime")
def stop_command(options: CommonOptions) -> Answer:
    """Stop it, and wait until it has ended."""
    return _answer(_control(options).stop(), "stopped")


@runtime_group.command("restart", plan="would stop the runtime and start it again")
def restart_command(options: CommonOptions) -> Answer:
    """Stop it and start it, with the variables of this shell unless a service runs it."""
    return _answer(_control(options).restart())


@runtime_group.command("enable", plan="would install a service and write its variables to a private file")
def enable_command(options: CommonOptions) -> Answer:
    """Have it started with each of your sessions, by systemd or launchd, after your consent."""
    return _answer(_control(options).enable(partial(confirm, yes=options.yes)))


@runtime_group.command("disable", plan="would stop the service and remove its files")
def disable_command(options: CommonOptions) -> Answer:
    """Stop the service, and remove its unit and its file of variables."""
    return _answer(_control(options).disable(), "stopped")


@runtime_group.command("run", plan="would run until it is told to end")
@click.option("--kept-by", type=click.Choice(_SUPERVISORS), default="nobody", hidden=True)
@click.option("--env-file", type=click.Path(path_type=Path), hidden=True)
def run_command(options: CommonOptions, *, kept_by: KeptBy, env_file: Path | None) -> Result:
    """Run it in the foreground until SIGTERM or Ctrl-C."""
    from openclaw_install.host.locate import locate
    from openclaw_install.runtime.components import COMPONENTS
    from openclaw_install.runtime.control import RuntimeControl
    from openclaw_install.runtime.environment import Variables
    from openclaw_install.runtime.report import Result
    from openclaw_install.runtime.worker import Settings, run_runtime

    env = Variables(os.environ, env_file).current()
    location = locate(env, state_dir=options.state_dir, config=options.config, profile=options.profile)

    def ready(log: Path) -> None:
        if kept_by == "nobody":
            click.echo(f"the runtime runs; Ctrl-C ends it; its log: {log}", err=True)

    run_runtime(Settings(location, COMPONENTS, os.environ, env_file, kept_by, ready=ready))
    report = RuntimeControl(location, os.environ).report()
    return Result("the runtime has stopped", changed=True, runtime=report)


@runtime_group.command("logs")
@click.option("--follow", "-f", is_flag=True, help="Go on with the lines that come, until Ctrl-C.")
@click.option(
    "-n", "--lines", "count", type=click.IntRange(min=0), default=50, show_default=True, help="Lines to show."
)
def logs_command(options: CommonOptions, *, follow: bool, count: int) -> None:
    """Show its log; with --json as it is written, one object a line and no document around them."""
    from openclaw_install.runtime import log_reader
    from openclaw_install.surfaces.views.runtime import log_line

    path = _control(options).paths.log
    try:
        coming = log_reader.follow(path) if follow else ()  # before the look back, so that none is missed
        for lines in (log_reader.last_lines(path, count), coming):
            for line in lines:
                if not options.as_json:
                    click.echo(log_line(line))
                elif line.entry is not None:
                    click.echo(line.text)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return  # that is how following ends
    except BrokenPipeError:
        # The reader has gone (`| head`): what is left to flush goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _control(options: CommonOptions) -> RuntimeControl:
    from openclaw_install.runtime.control import RuntimeControl

    return RuntimeControl(options.location(), os.environ)


def _answer(result: Result, wanted: RuntimeState = "running") -> Answer:
    return Answer(result, 0 if result.runtime.state == wanted else 1)

"""`sync --watch` runs the watcher in the foreground until Ctrl-C; `sync --keep` has the runtime do it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from openclaw_install.common.errors import HostError, InstallError, UsageError
from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.shown_text import shown_json
from openclaw_install.runtime.report import RuntimeReport
from openclaw_install.surfaces.cli.boundary import INTERRUPTED
from openclaw_install.surfaces.cli.options import CommonOptions
from openclaw_install.surfaces.cli.reply import Reply
from openclaw_install.sync.report import SyncReport
from openclaw_install.sync.watch.event import WatchEvent

_PATIENCE = 10.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class KeptSyncReport(SyncReport):
    """The result of `sync`, with what keeps the skills in step from now on.

    Attributes:
        runtime: with --keep, the runtime as `runtime status` tells it; else null.
    """

    runtime: RuntimeReport | None


@dataclass(frozen=True)
class StreamReply(Reply):
    """The end of a stream: with `--json`, its last event in one line."""

    def document(self) -> str:
        return shown_json(self.result)


def stands(common: CommonOptions) -> bool:
    """Whether a choice was recorded for this host and service, so that nothing needs to be asked."""
    from openclaw_install.sync.watch.watcher import watch_settings

    return watch_settings(common.location(), os.environ) is not None


def watch_in_foreground(common: CommonOptions, lines: Sequence[str] = ()) -> Reply:
    """Watches until Ctrl-C or until a person has to act.

    Args:
        common: the common options.
        lines: what to show first; not with `--json`, where the stream is all there is.

    Raises:
        UsageError: nothing was chosen.
    """
    from openclaw_install.surfaces.views.sync import watch_lines
    from openclaw_install.sync.watch.watcher import watch, watch_settings

    settings = watch_settings(common.location(), os.environ)
    if settings is None:
        raise UsageError(
            "nothing was chosen to be kept in step",
            next_step="openclaw-install sync --all --watch",
            code="usage.nothing_chosen",
        )
    last: list[dict[str, Any]] = []

    def tell(event: WatchEvent) -> None:
        if event.kind == "stopped":
            last.append(jsonable(event))
        elif common.as_json:
            click.echo(shown_json(jsonable(event)))
        else:
            for line in watch_lines(event, verbose=common.verbose):
                click.echo(line)

    if not common.as_json:
        click.echo("\n".join([*lines, ""]))
    try:
        asyncio.run(watch(settings, tell))
    except KeyboardInterrupt:
        said = ["", "stopped; what was not acknowledged stays pending, and goes up with the next sync"]
        return StreamReply("sync", last[-1], said, INTERRUPTED)
    except InstallError as error:
        return StreamReply("sync", last[-1], (), error.exit_code, [error])
    raise AssertionError("a watcher ends only with an error or by Ctrl-C")


def kept_in_step(common: CommonOptions) -> tuple[RuntimeReport, list[InstallError]]:
    """Has the runtime keep what was chosen in step, with the variables of this shell where it may have them.

    Returns:
        The runtime's report, and an error where it does not keep them in step all the same.
    """
    from openclaw_install.runtime.control import RuntimeControl
    from openclaw_install.sync.endpoint import endpoint_from

    runtime, url = RuntimeControl(common.location(), os.environ), endpoint_from(os.environ).url
    result = runtime.start()
    report = result.runtime
    # One that ran before may have another key, another service, or nothing to do so far.
    if not result.changed and not _keeps(report, url) and report.kept_by != "nobody":
        report = runtime.restart().runtime
    end = time.monotonic() + _PATIENCE
    while not _keeps(report, url) and report.state in ("starting", "running") and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)
        report = runtime.report()
    return report, [] if _keeps(report, url) else [_not_kept(report, url)]


def _keeps(report: RuntimeReport, url: str) -> bool:
    return report.state in ("running", "starting") and any(
        part.name == "skills" and part.phase in ("ready", "degraded") and part.figures.get("service") == url
        for part in report.components
    )


def _not_kept(report: RuntimeReport, url: str) -> HostError:
    problem = report.problem
    again = "restart" if report.kept_by in ("guardian", "nobody") else "enable"
    return HostError(
        f"the runtime does not keep them in step with {url}: "
        + (problem.message if problem else f"it is {report.state}, with other variables than this shell"),
        next_step=problem.next_step if problem else f"openclaw-install runtime {again}",
        code="runtime.not_keeping",
    )

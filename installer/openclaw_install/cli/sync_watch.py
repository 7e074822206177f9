"""`sync --watch` in the foreground: runs the watcher, and shows what it tells until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from openclaw_install.cli.options import CommonOptions
from openclaw_install.cli.reply import Reply
from openclaw_install.common.errors import InstallError, UsageError

if TYPE_CHECKING:
    from openclaw_install.sync.watch import WatchEvent

INTERRUPTED = 130


@dataclass(frozen=True)
class StreamReply(Reply):
    """The end of a stream: with `--json`, its last event in one line."""

    def document(self) -> str:
        return _line(self.result)


def stands(common: CommonOptions) -> bool:
    """Whether a choice was recorded for this host and service, so that nothing needs to be asked."""
    from openclaw_install.sync.watch import watch_settings

    return watch_settings(common.location(), os.environ) is not None


def watch_in_foreground(common: CommonOptions, lines: Sequence[str] = ()) -> Reply:
    """Watches until Ctrl-C or until a person has to act.

    Args:
        common: the common options.
        lines: what to show first; not with `--json`, where the stream is all there is.

    Raises:
        UsageError: nothing was chosen.
    """
    from openclaw_install.cli.render_watch import watch_lines
    from openclaw_install.sync.watch import watch, watch_settings

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
            last.append(event.to_json())
        else:
            _show([_line(event.to_json())] if common.as_json else watch_lines(event, verbose=common.verbose))

    if not common.as_json:
        _show([*lines, ""])
    try:
        asyncio.run(watch(settings, tell))
    except KeyboardInterrupt:
        said = ["", "stopped; what was not acknowledged stays pending, and goes up with the next sync"]
        return StreamReply("sync", last[-1], said, INTERRUPTED)
    except InstallError as error:
        return StreamReply("sync", last[-1], (), error.exit_code, [error])
    raise AssertionError("a watcher ends only with an error or by Ctrl-C")


def _show(lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(line)


def _line(event: dict[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=False)

"""`pingagent tail` and `pingagent timeline`: what happens now, and what has happened."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from openclaw_install.common.shown_text import shown_json
from openclaw_install.surfaces.cli.boundary import INTERRUPTED
from openclaw_install.surfaces.cli.pingagent_completion import agents_and_threads
from openclaw_install.surfaces.cli.pingagent_options import gather_ping, ping_options
from openclaw_install.surfaces.cli.reply import Reply
from openclaw_install.surfaces.cli.verbs import AppVerb

if TYPE_CHECKING:
    from openclaw_install.messaging.app import App
    from openclaw_install.messaging.models import Event
    from openclaw_install.messaging.models.overview import Timeline

_LOOK_SECONDS = 0.2
_PAGE = 200
_thread = click.option(
    "--session", shell_complete=agents_and_threads, metavar="THREAD", help="Of this thread only."
)


class TailReply(Reply):
    """The end of a stream: with `--json`, nothing follows its last event."""

    def document(self) -> str:
        return json.dumps(self.result)


@click.command("tail")
@ping_options
@_thread
@click.option("--since", type=click.IntRange(min=0), metavar="CURSOR", help="Begin after this event.")
@click.option("--once", is_flag=True, help="Show what is there, and end.")
@click.pass_context
def tail_command(
    context: click.Context, /, *, session: str | None, since: int | None, once: bool, **said: Any
) -> Reply:
    """Show events as they happen, until Ctrl-C.

    With --json each line is one event, and the last line the cursor: {"cursor": N} goes on with --since N.
    """
    from openclaw_install.common.jsonable import jsonable
    from openclaw_install.surfaces.views.messages import event_row

    options = gather_ping(context, said)

    def show(event: Event) -> None:
        click.echo(shown_json(jsonable(event)) if options.as_json else event_row(event))

    code, follow = 0, _Follower(since, session, show)
    try:
        with options.app() as app:
            follow.begin(app)
        more = True
        # Again when another file has taken the store's place: a restored copy, or a new one after a damage.
        while more:
            with options.app() as app:
                follow.look(app)
                while not once and follow.wait(app):
                    follow.look(app)
            more = not once
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader has gone (`| head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    last = {"cursor": follow.cursor}
    return TailReply("tail", last, [] if code == 0 else ["", f"go on with --since {follow.cursor}"], code)


class _Follower:
    """Reads what is new whenever somebody has written to the store."""

    def __init__(self, since: int | None, thread: str | None, show: Callable[[Event], None]) -> None:
        self.cursor = since or 0
        self._now = since is None
        self._thread, self._show = thread, show
        self._version = -1
        self._file: tuple[int, int] | None = None

    def begin(self, app: App) -> None:
        """Looks whether there is such a thread, and where the present is."""
        from openclaw_install.messaging.actions.messages import changes_since, find_session

        if self._thread is not None:
            find_session(app, self._thread)
        if self._now:
            self.cursor = changes_since(app).cursor

    def look(self, app: App) -> None:
        """Shows everything that is new."""
        from openclaw_install.messaging.actions.messages import changes_since

        # Taken before the look: what is written during it changes the number again.
        self._version, self._file = app.store.database.data_version(), _file(app)
        more = True
        while more:
            found = changes_since(app, cursor=self.cursor, limit=_PAGE, session=self._thread)
            for event in found.events:
                self._show(event)
                self.cursor = event.id
            self.cursor, more = found.cursor, found.more

    def wait(self, app: App) -> bool:
        """Waits until another process has written; False when another file is the store now."""
        while app.store.database.data_version() == self._version:
            time.sleep(_LOOK_SECONDS)
            now = _file(app)
            # While there is none, somebody is about to put one there.
            if now is not None and now != self._file:
                return False
        return True


def _file(app: App) -> tuple[int, int] | None:
    """What tells the store's file from another one at its place."""
    try:
        status = app.store.path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@click.command("timeline", cls=AppVerb)
@_thread
@click.option("--message", "message_id", metavar="ID", help="Only what became of this message.")
@click.option(
    "--limit", "-n", type=click.IntRange(1, 200), default=30, show_default=True, help="Events to show."
)
@click.option("--before", type=click.IntRange(min=1), metavar="CURSOR", help="Only what was before.")
def timeline_command(app: App, **said: Any) -> Timeline:
    """Show what happened in a thread, or to one message: in, out, retries, receipts, troubles, repairs."""
    from openclaw_install.messaging.actions.overview import delivery_timeline

    return delivery_timeline(app, **said)

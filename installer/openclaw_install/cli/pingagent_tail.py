"""`pingagent tail` and `pingagent timeline`: what happens now, and what has happened."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from openclaw_install.cli.boundary import INTERRUPTED
from openclaw_install.cli.pingagent_completion import agents_and_threads
from openclaw_install.cli.pingagent_options import gather_ping, ping_options
from openclaw_install.cli.reply import Reply

if TYPE_CHECKING:
    from openclaw_install.collab.desk import Desk

_LOOK_SECONDS = 0.2
_PAGE = 200
_thread = click.option("--session", "thread", shell_complete=agents_and_threads, metavar="THREAD")


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
    context: click.Context, /, *, thread: str | None, since: int | None, once: bool, **said: Any
) -> Reply:
    """Show events as they happen, until Ctrl-C.

    With --json each line is one event, and the last line the cursor: {"cursor": N} goes on with --since N.
    """
    from openclaw_install.cli.render_sessions import event_line

    options = gather_ping(context, said)

    def show(event: dict[str, Any]) -> None:
        click.echo(json.dumps(event, ensure_ascii=False) if options.as_json else event_line(event))

    code, cursor = 0, since
    with options.desk() as desk:
        cursor = _start(desk, since, thread)
        follow = _Follower(desk, cursor, thread, show)
        try:
            follow.look()
            while not once:
                follow.wait()
                follow.look()
        except KeyboardInterrupt:
            code = INTERRUPTED
        except BrokenPipeError:
            # The reader has gone (`| head`): nobody is left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    last = {"cursor": follow.cursor}
    return TailReply("tail", last, [] if code == 0 else ["", f"go on with --since {follow.cursor}"], code)


def _start(desk: Desk, since: int | None, thread: str | None) -> int:
    from openclaw_install.collab.service import changes_since, find_session

    if thread is not None:
        find_session(desk, thread)
    return changes_since(desk).cursor if since is None else since


class _Follower:
    """Reads what is new whenever somebody has written to the store."""

    def __init__(
        self, desk: Desk, cursor: int, thread: str | None, show: Callable[[dict[str, Any]], None]
    ) -> None:
        self.cursor = cursor
        self._desk, self._thread, self._show = desk, thread, show
        self._version = -1

    def look(self) -> None:
        """Shows everything that is new."""
        from openclaw_install.collab.service import changes_since
        from openclaw_install.mcp_servers.pingagent.documents import event_document

        # Taken before the look: what is written during it changes the number again.
        self._version = self._desk.store.database.data_version()
        more = True
        while more:
            found = changes_since(self._desk, self.cursor, limit=_PAGE, target=self._thread)
            for event in found.events:
                self._show(event_document(event))
                self.cursor = event.id
            more = found.more

    def wait(self) -> None:
        """Waits until another process has written."""
        while self._desk.store.database.data_version() == self._version:
            time.sleep(_LOOK_SECONDS)


@click.command("timeline")
@ping_options
@_thread
@click.option("--message", "message_id", metavar="ID", help="Only what became of this message.")
@click.option("--limit", "-n", type=click.IntRange(1, 200), default=30, show_default=True)
@click.option("--before", type=click.IntRange(min=1), metavar="CURSOR", help="Only what was before.")
@click.pass_context
def timeline_command(
    context: click.Context,
    /,
    *,
    thread: str | None,
    message_id: str | None,
    limit: int,
    before: int | None,
    **said: Any,
) -> Reply:
    """Show what happened in a thread, or to one message: in, out, retries, receipts, troubles, repairs."""
    from openclaw_install.cli.render_sessions import timeline_lines
    from openclaw_install.collab.overview_service import timeline
    from openclaw_install.mcp_servers.pingagent.overview_documents import timeline_document

    options = gather_ping(context, said)
    with options.desk() as desk:
        found = timeline(desk, thread, message_id=message_id, limit=limit, before=before)
        body = timeline_document(found)
    return Reply("timeline", body, timeline_lines(body))

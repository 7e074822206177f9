"""Messages, for people: `pingagent chat`, `tail`, `timeline` and `inbox`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openclaw_install.common.errors import ExitCode, InstallError, UsageError
from openclaw_install.common.shown_text import shown_json
from openclaw_install.surfaces.cli.boundary import INTERRUPTED
from openclaw_install.surfaces.cli.options import PingOptions
from openclaw_install.surfaces.cli.pingagent_completion import agents_and_threads
from openclaw_install.surfaces.cli.reply import Answer, Reply
from openclaw_install.surfaces.cli.verbs import AppVerb, ProfileVerb

if TYPE_CHECKING:
    from openclaw_install.messaging.app import App
    from openclaw_install.messaging.models import Event, OutboxItem
    from openclaw_install.messaging.models.messages import InboxPage
    from openclaw_install.messaging.models.overview import Timeline
    from openclaw_install.messaging.outgoing import Queued

_WAIT_SECONDS = 15.0
_POLL_SECONDS = 0.05
_TELL_AFTER = 1.0
_LOOK_SECONDS = 0.2
_PAGE = 200
_thread = click.option(
    "--session", shell_complete=agents_and_threads, metavar="THREAD", help="Of this thread only."
)


@click.command(
    "chat", cls=ProfileVerb, plan=lambda said: f"would send {len(_text(**said))} characters to {said['to']}"
)
@click.option(
    "--to", "-t", required=True, shell_complete=agents_and_threads, help="A DID, @alias or thread id."
)
@click.option("--message", "-m", metavar="TEXT|-", help="What to say; '-' or nothing reads it from stdin.")
@click.option(
    "--in-reply-to", metavar="ID", help="The message that this answers; the same answer is sent once."
)
@click.option(
    "--key", "idempotency_key", metavar="KEY", help="Send once under this name, however often you run it."
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0, max=600),
    default=_WAIT_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the relay's receipt.",
)
def chat_command(options: PingOptions, *, wait: float, **said: Any) -> Answer:
    """Send a text to an agent.

    Exit code 0 says that the relay's signed receipt is here. 1 with `unconfirmed` says that the message waits
    in the outbox: run it again with the --key that is shown to look, not a second time without.
    """
    from openclaw_install.messaging.actions import messages

    text, reason, interrupted = _text(**said), "", False
    with options.app() as app:
        item, repeated = asyncio.run(
            _queue(app, said["to"], text, said["in_reply_to"], said["idempotency_key"])
        )
        try:
            if app.runtime_running:
                _wait(app, item, wait)
            elif wait > 0 and item.state in {"queued", "sending"}:
                reason = _send_here(options, wait)
        except KeyboardInterrupt:  # ends the wait, not the sending: the message is queued
            interrupted = True
        result = messages.answered(app, messages.current(app, item), repeated=repeated)
    if not result.sent:
        result = replace(result, reason=result.reason or reason)
    return Answer(result, 0 if result.sent else INTERRUPTED if interrupted else 1)


async def _queue(app: App, to: str, text: str, in_reply_to: str | None, key: str | None) -> Queued:
    from openclaw_install.messaging.actions.messages import queue_chat
    from openclaw_install.messaging.relay.lookup import relay_for

    async with relay_for(app, to) as relay:
        return await queue_chat(app, to, text, relay=relay, in_reply_to=in_reply_to, idempotency_key=key)


def _wait(app: App, item: OutboxItem, seconds: float) -> None:
    """Waits while the runtime sends it."""
    from openclaw_install.messaging.actions.messages import current, may_settle

    end, announced = time.monotonic() + seconds, False
    while may_settle(app, item) and (left := end - time.monotonic()) > 0:
        if not announced and left < seconds - _TELL_AFTER and sys.stderr.isatty():
            click.echo("... queued; waiting for the relay's receipt (Ctrl-C stops waiting only)", err=True)
            announced = True
        time.sleep(min(_POLL_SECONDS, left))
        item = current(app, item)


def _send_here(options: PingOptions, seconds: float) -> str:
    """Without a runtime, this process sends what waits, once; returns why something stays queued."""
    from openclaw_install.messaging.bridge import bridge

    try:
        asyncio.run(bridge.drain(options.env, Path.home(), seconds=seconds))
    except InstallError as error:
        return error.message
    return ""


def _text(message: str | None, **_others: Any) -> str:
    if message is None and sys.stdin.isatty():
        raise UsageError("there is no message", next_step="add --message TEXT, or pipe the text in")
    text = (sys.stdin.read() if message in (None, "-") else str(message)).rstrip("\n")
    if not text.strip():
        raise UsageError("the message is empty", next_step="add --message TEXT, or pipe the text in")
    return text


@dataclass(frozen=True)
class TailEnd:
    """The last line of `pingagent tail --json`.

    Attributes:
        cursor: goes on with --since.
    """

    cursor: int


class TailReply(Reply):
    """The end of a stream: with `--json`, nothing follows its last event."""

    def document(self) -> str:
        return json.dumps(self.result)


@click.command("tail", cls=ProfileVerb)
@_thread
@click.option("--since", type=click.IntRange(min=0), metavar="CURSOR", help="Begin after this event.")
@click.option("--once", is_flag=True, help="Show what is there, and end.")
def tail_command(options: PingOptions, *, session: str | None, since: int | None, once: bool) -> Reply:
    """Show events as they happen, until Ctrl-C.

    With --json each line is one event, and the last line the cursor: {"cursor": N} goes on with --since N.
    """
    from openclaw_install.common.jsonable import jsonable
    from openclaw_install.surfaces.views.messages import event_row

    def show(event: Event) -> None:
        click.echo(shown_json(jsonable(event)) if options.as_json else event_row(event))

    code: ExitCode = 0
    follow = _Follower(since, session, show)
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
    last = jsonable(TailEnd(follow.cursor))
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
        from openclaw_install.messaging.actions.messages import changes_since
        from openclaw_install.messaging.actions.names import find_session

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
    with contextlib.suppress(OSError):
        status = app.store.path.stat()
        return status.st_dev, status.st_ino
    return None


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


@click.command("inbox", cls=AppVerb)
@click.option(
    "--limit", "-n", type=click.IntRange(1, 200), default=20, show_default=True, help="Messages to show."
)
@click.option("--before", type=click.IntRange(min=1), metavar="NUMBER", help="Only messages before this one.")
def inbox_command(app: App, **said: Any) -> InboxPage:
    """Show raw messages of all threads, and the envelopes that were refused; for debugging."""
    from openclaw_install.messaging.actions.messages import inbox

    return inbox(app, **said)

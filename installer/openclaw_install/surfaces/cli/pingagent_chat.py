"""`pingagent chat`: send a text to an agent, and say truthfully what became of it."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openclaw_install.common.errors import InstallError, UsageError
from openclaw_install.surfaces.cli.boundary import INTERRUPTED
from openclaw_install.surfaces.cli.pingagent_completion import agents_and_threads
from openclaw_install.surfaces.cli.pingagent_options import PingOptions, gather_ping, ping_options
from openclaw_install.surfaces.cli.reply import Reply, answered, planned

if TYPE_CHECKING:
    from openclaw_install.messaging.app import App
    from openclaw_install.messaging.models import OutboxItem

_WAIT_SECONDS = 15.0
_POLL_SECONDS = 0.05
_TELL_AFTER = 1.0


@click.command("chat")
@ping_options
@click.option(
    "--to", "-t", required=True, shell_complete=agents_and_threads, help="A DID, @alias or thread id."
)
@click.option("--message", "-m", metavar="TEXT|-", help="What to say; '-' or nothing reads it from stdin.")
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
@click.pass_context
def chat_command(
    context: click.Context,
    /,
    *,
    to: str,
    message: str | None,
    idempotency_key: str | None,
    wait: float,
    **said: Any,
) -> Reply:
    """Send a text to an agent.

    Exit code 0 says that the relay's signed receipt is here. 1 with `unconfirmed` says that the message waits
    in the outbox: run it again with the --key that is shown to look, not a second time without.
    """
    from openclaw_install.messaging.actions.messages import answered as outcome

    options = gather_ping(context, said)
    text = _text(message)
    if options.dry_run:
        return planned("chat", f"would send {len(text)} characters to {to}")
    with options.app() as app:
        queued = asyncio.run(_queue(app, to, text, idempotency_key))
        item, interrupted, reason = queued, False, ""
        if app.runtime_running:
            item, interrupted = _wait(app, queued, wait)
        elif wait > 0:
            item, interrupted, reason = _send_here(app, queued, wait, options)
        result = outcome(app, item)
    if not result.sent:
        result = replace(result, reason=result.reason or reason)
    return answered("chat", result, 0 if result.sent else INTERRUPTED if interrupted else 1)


async def _queue(app: App, to: str, text: str, key: str | None) -> OutboxItem:
    from openclaw_install.messaging.actions.messages import queue_chat
    from openclaw_install.messaging.relay.lookup import relay_for

    async with relay_for(app, to) as relay:
        return await queue_chat(app, to, text, relay=relay, idempotency_key=key)


def _wait(app: App, queued: OutboxItem, seconds: float) -> tuple[OutboxItem, bool]:
    """Waits while the runtime sends it. Ctrl-C ends the wait, not the sending: the message is queued."""
    from openclaw_install.messaging.actions.messages import current, may_settle

    item, end, told = queued, time.monotonic() + seconds, False
    try:
        while may_settle(app, item) and (left := end - time.monotonic()) > 0:
            if not told and left < seconds - _TELL_AFTER and sys.stderr.isatty():
                click.echo(
                    "... queued; waiting for the relay's receipt (Ctrl-C stops waiting only)", err=True
                )
                told = True
            time.sleep(min(_POLL_SECONDS, left))
            item = current(app, item)
    except KeyboardInterrupt:
        return item, True
    return item, False


def _send_here(
    app: App, queued: OutboxItem, seconds: float, options: PingOptions
) -> tuple[OutboxItem, bool, str]:
    """Without a runtime, this process sends what waits, once. What it cannot send stays queued, with why."""
    from openclaw_install.messaging.actions.messages import current
    from openclaw_install.messaging.bridge import flush_outbox

    reason = ""
    if queued.state not in {"queued", "sending"}:
        return queued, False, reason
    try:
        asyncio.run(flush_outbox.drain(options.env, Path.home(), seconds=seconds))
    except KeyboardInterrupt:
        return current(app, queued), True, reason
    except InstallError as error:
        reason = error.message
    return current(app, queued), False, reason


def _text(message: str | None) -> str:
    if message is None and sys.stdin.isatty():
        raise UsageError("there is no message", next_step="add --message TEXT, or pipe the text in")
    text = (sys.stdin.read() if message in (None, "-") else str(message)).rstrip("\n")
    if not text.strip():
        raise UsageError("the message is empty", next_step="add --message TEXT, or pipe the text in")
    return text

"""`pingagent chat`: send a text to an agent, and say truthfully what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openclaw_install.common.errors import InstallError, UsageError
from openclaw_install.surfaces.cli.boundary import INTERRUPTED
from openclaw_install.surfaces.cli.pingagent_completion import agents_and_threads
from openclaw_install.surfaces.cli.pingagent_options import PingOptions, gather_ping, ping_options
from openclaw_install.surfaces.cli.reply import Reply

if TYPE_CHECKING:
    from openclaw_install.messaging.app import App
    from openclaw_install.messaging.relay.client import Relay
    from openclaw_install.messaging.results import SendResult

_WAIT_SECONDS = 15.0
_POLL_SECONDS = 0.05
_TELL_AFTER = 1.0


class NotSentError(InstallError):
    """The message failed for good."""

    code = "send.failed"


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
    from openclaw_install.surfaces.cli.render_pingagent import send_lines
    from openclaw_install.surfaces.mcp.pingagent.documents import send_document

    options = gather_ping(context, said)
    text = _text(message)
    if options.dry_run:
        line = f"would send {len(text)} characters to {to}"
        return Reply("chat", {"dry_run": True, "planned": [line]}, [line])
    with options.app() as app:
        queued = asyncio.run(_queue(app, to, text, idempotency_key))
        if queued.runtime_running:
            result, interrupted = _wait(app, queued, wait)
        else:
            result, interrupted = _send_here(app, queued, wait, options)
    if result.state == "failed":
        raise NotSentError(
            f"{result.message_id} to {result.recipient} was not sent: {result.reason}",
            next_step=result.repair or "mend what it names, then send it again",
        )
    body = send_document(result)
    code = 0 if body["sent"] else INTERRUPTED if interrupted else 1
    return Reply("chat", body, send_lines(body), code)


async def _queue(app: App, to: str, text: str, key: str | None) -> SendResult:
    from openclaw_install.messaging.actions import messages

    async with _relay(app, to) as relay:
        return await messages.chat(app, to, text, relay=relay, idempotency_key=key, wait_seconds=0.0)


def _wait(app: App, queued: SendResult, seconds: float) -> tuple[SendResult, bool]:
    """Waits while the runtime sends it. Ctrl-C ends the wait, not the sending: the message is queued."""
    from openclaw_install.surfaces.mcp.pingagent.documents import is_sent

    result, end, told = queued, time.monotonic() + seconds, False
    try:
        while not is_sent(result) and result.state != "failed" and result.runtime_running:
            left = end - time.monotonic()
            if left <= 0:
                break
            if not told and left < seconds - _TELL_AFTER and sys.stderr.isatty():
                click.echo(
                    "... queued; waiting for the relay's receipt (Ctrl-C stops waiting only)", err=True
                )
                told = True
            time.sleep(min(_POLL_SECONDS, left))
            result = _look(app, queued)
    except KeyboardInterrupt:
        return result, True
    return result, False


def _send_here(app: App, queued: SendResult, seconds: float, options: PingOptions) -> tuple[SendResult, bool]:
    """Without a runtime, this process sends what waits, once. What it cannot send stays queued."""
    from openclaw_install.messaging.bridge import flush_outbox
    from openclaw_install.surfaces.mcp.pingagent.documents import is_sent

    if is_sent(queued) or queued.state == "failed" or seconds <= 0:
        return queued, False
    reason = ""
    try:
        asyncio.run(flush_outbox.drain(options.env, Path.home(), seconds=seconds))
    except KeyboardInterrupt:
        return _look(app, queued), True
    except InstallError as error:
        reason = error.message
    result = _look(app, queued)
    return (replace(result, reason=result.reason or reason) if not result.sent else result), False


def _look(app: App, queued: SendResult) -> SendResult:
    from openclaw_install.messaging.actions import messages

    item = app.store.outbox.by_message_id(queued.message_id)
    return messages.send_result(app, item) if item else queued


@contextlib.asynccontextmanager
async def _relay(app: App, to: str) -> AsyncIterator[Relay | None]:
    from openclaw_install.surfaces.mcp.pingagent.sending import relay_for

    async with contextlib.AsyncExitStack() as stack:
        yield await relay_for(stack, app, to)


def _text(message: str | None) -> str:
    if message is None and sys.stdin.isatty():
        raise UsageError("there is no message", next_step="add --message TEXT, or pipe the text in")
    text = (sys.stdin.read() if message in (None, "-") else str(message)).rstrip("\n")
    if not text.strip():
        raise UsageError("the message is empty", next_step="add --message TEXT, or pipe the text in")
    return text

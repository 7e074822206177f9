"""`pingagent chat`: send a text to an agent, and say truthfully what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import click

from openclaw_install.cli.pingagent_completion import AgentName
from openclaw_install.cli.pingagent_options import gather_ping, ping_options
from openclaw_install.cli.reply import Reply
from openclaw_install.common.errors import InstallError, UsageError

if TYPE_CHECKING:
    from openclaw_install.collab.desk import Desk
    from openclaw_install.collab.relay_client import Relay
    from openclaw_install.collab.results import SendResult

_WAIT_SECONDS = 15.0


class NotSentError(InstallError):
    """The message failed for good."""

    code = "send.failed"


@click.command("chat")
@ping_options
@click.option("--to", "-t", required=True, type=AgentName(threads=True), help="A DID, @alias or thread id.")
@click.option("--message", "-m", metavar="TEXT|-", help="What to say; '-' or nothing reads it from stdin.")
@click.option("--key", "idempotency_key", metavar="KEY", help="Send once under this name, however often you run it.")
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

    Exit code 0 says that the relay's signed receipt is here. 1 with `unconfirmed` says that the message waits in
    the outbox: run it again with the --key that is shown to look, not a second time without.
    """
    from openclaw_install.cli.render_pingagent import send_lines
    from openclaw_install.mcp_servers.pingagent.documents import send_document

    options = gather_ping(context, said)
    text = _text(message)
    if options.dry_run:
        line = f"would send {len(text)} characters to {to}"
        return Reply("chat", {"dry_run": True, "planned": [line]}, [line])
    with options.desk() as desk:
        result = asyncio.run(_send(desk, to, text, idempotency_key, wait))
    if result.state == "failed":
        raise NotSentError(
            f"{result.message_id} to {result.recipient} was not sent: {result.reason}",
            next_step=result.repair or "mend what it names, then send it again",
        )
    body = send_document(result)
    return Reply("chat", body, send_lines(body), 0 if body["sent"] else 1)


async def _send(desk: Desk, to: str, text: str, key: str | None, wait: float) -> SendResult:
    from openclaw_install.collab import service

    if wait > 1 and desk.runtime_running and sys.stderr.isatty():
        click.echo("... waiting for the relay's receipt", err=True)
    async with _relay(desk, to) as relay:
        return await service.chat(desk, to, text, relay=relay, idempotency_key=key, wait_seconds=wait)


@contextlib.asynccontextmanager
async def _relay(desk: Desk, to: str) -> AsyncIterator[Relay | None]:
    from openclaw_install.mcp_servers.pingagent.sending import relay_for

    async with contextlib.AsyncExitStack() as stack:
        yield await relay_for(stack, desk, to)


def _text(message: str | None) -> str:
    stream = click.get_text_stream("stdin")
    if message is None and stream.isatty():
        raise UsageError("there is no message", next_step="add --message TEXT, or pipe the text in")
    text = (stream.read() if message in (None, "-") else str(message)).rstrip("\n")
    if not text.strip():
        raise UsageError("the message is empty", next_step="add --message TEXT, or pipe the text in")
    return text

"""Tools that send: each queues one `pingagent.text@1`, and says sent only with the relay's evidence."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import anyio

from openclaw_install.common.errors import InstallError
from openclaw_install.messaging.actions import messages
from openclaw_install.messaging.app import App, AppContext
from openclaw_install.messaging.relay.client import Relay
from openclaw_install.messaging.results import SendResult
from openclaw_install.protocol.did import is_conversation, is_did
from openclaw_install.protocol.messages import Attachment
from openclaw_install.surfaces.mcp.pingagent.documents import is_sent, send_document
from openclaw_install.surfaces.mcp.tool_table import Arguments, Body

_WAIT_SECONDS = 10.0
_POLL_SECONDS = 0.03


class SendError(InstallError):
    """A text was not sent, and will not be by itself."""

    code = "send"


async def reply(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_reply`: queues the text, and waits a little for its commit."""
    queued = await _queue(place, arguments)
    return await _settled(place, queued, arguments.get("wait_seconds", _WAIT_SECONDS))


async def queue_reply(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_openclaw_queue_reply`: queues the text; commit, retries and audit are the runtime's."""
    return _answer(await _queue(place, arguments))


async def chat(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_chat`: as a reply, to an agent that is named and need not have written yet."""
    app = await place.work(lambda app: app)
    async with contextlib.AsyncExitStack() as stack:
        relay = await relay_for(stack, app, arguments["to"])
        queued = await messages.chat(
            app,
            arguments["to"],
            arguments["message"],
            relay=relay,
            attachments=_attachments(arguments),
            idempotency_key=arguments.get("idempotency_key"),
            wait_seconds=0.0,
        )
    return await _settled(place, queued, arguments.get("wait_seconds", _WAIT_SECONDS))


async def _queue(place: AppContext, arguments: Arguments) -> SendResult:
    return await place.work(
        messages.queue_reply,
        arguments["message"],
        target=arguments.get("session"),
        attachments=_attachments(arguments),
        in_reply_to=arguments.get("in_reply_to"),
        idempotency_key=arguments.get("idempotency_key"),
    )


async def _settled(place: AppContext, queued: SendResult, wait_seconds: float) -> Body:
    """Waits until the runtime has sent it or given up, or the time is over; cancelled, it stays queued."""
    result = queued
    with anyio.move_on_after(wait_seconds):
        while not is_sent(result) and result.state != "failed" and result.runtime_running:
            await anyio.sleep(_POLL_SECONDS)
            result = await place.work(_look, queued)
    return _answer(result)


def _look(app: App, queued: SendResult) -> SendResult:
    item = app.store.outbox.by_message_id(queued.message_id)
    return messages.send_result(app, item) if item else queued


def _answer(result: SendResult) -> Body:
    if result.state == "failed":
        raise SendError(
            f"{result.message_id} to {result.recipient} was not sent: {result.reason}",
            next_step=result.repair or "mend what it names, then send it again",
            code="send.failed",
        )
    return send_document(result)


def _attachments(arguments: Arguments) -> tuple[Attachment, ...]:
    given: list[Mapping[str, Any]] = arguments.get("attachments", [])
    return tuple(Attachment(**one) for one in given)


async def relay_for(stack: contextlib.AsyncExitStack, app: App, to: str) -> Relay | None:
    """The relay, where it has to be asked: for an alias, which can have changed hands since we met it."""
    if app.relay_url is None or is_did(to) or is_conversation(to):
        return None
    from openclaw_install.messaging.relay.http import HttpRelay

    relay = HttpRelay(app.relay_url, lambda: app.identity)
    stack.push_async_callback(relay.aclose)
    return relay

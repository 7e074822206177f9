"""Sending and following messages: replies, first messages, the raw inbox, events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Annotated, Any

from openclaw_install.common.errors import InstallError
from openclaw_install.messaging.actions.arguments import (
    AgentName,
    Count,
    Cursor,
    Key,
    MessageId,
    Rows,
    Rule,
    Seconds,
    Text,
)
from openclaw_install.messaging.actions.names import find_session, resolve
from openclaw_install.messaging.app import App
from openclaw_install.messaging.models import OutboxItem, Outgoing
from openclaw_install.messaging.models.messages import (
    Changes,
    EarlierAnswer,
    InboxPage,
    SendResult,
    is_sent,
    shown_messages,
)
from openclaw_install.messaging.outgoing import ContactError, Queued, enqueue_once
from openclaw_install.messaging.relay.client import Relay
from openclaw_install.messaging.relay.lookup import relay_for
from openclaw_install.messaging.trust.gate import contact_action, is_agent
from openclaw_install.messaging.untrusted import opened_as
from openclaw_install.protocol.did import fold_alias, is_conversation, is_did
from openclaw_install.protocol.messages import TEXT, Attachment, text_body

_POLL_SECONDS = 0.03
_TURNED_AWAY = frozenset({"block", "reject"})
Attachments = Annotated[list[Attachment], Rule(min_length=1, max_length=32)]


class SendError(InstallError):
    """A text was not sent, and will not be by itself."""

    code = "send"


async def reply(
    app: App,
    *,
    message: Text,
    session: AgentName | None = None,
    in_reply_to: MessageId | None = None,
    attachments: Attachments | None = None,
    idempotency_key: Key | None = None,
    wait_seconds: Seconds = 10.0,
) -> SendResult:
    """Send a text (pingagent.text@1) in the focused thread, or in the one you name, and wait briefly for the
    relay's receipt. Text only: it never finishes a task. When it answers unconfirmed, do not send again; call
    with the same idempotency_key to look.

    Args:
        message: What is said. Plain text.
        session: The thread, where it is not the focused one: its id, the other agent's DID, or its @alias.
        in_reply_to: The message_id that this answers. The same text is sent once in answer to one message.
        attachments: References to files; their bytes never travel in a message. Each has exactly one of url
            and artifact_ref.
        idempotency_key: Your own name for this message. The same key and text are sent once, however often
            you call; a second call tells how it stands.
        wait_seconds: How long to wait for the relay's receipt before the answer says unconfirmed.

    Raises:
        ThreadError: there is no such thread, or none is focused.
        ContactError: the other side waits for a decision, or was rejected or blocked.
        EnvelopeError: the text is empty or too long, or an attachment is no reference.
        ConflictError: the key was used for another text.
        SendError: it failed for good.
    """
    queued = await app.store.run(_queue, app, message, session, in_reply_to, attachments, idempotency_key)
    return await _settled(app, queued, wait_seconds)


def openclaw_queue_reply(
    app: App,
    *,
    message: Text,
    session: AgentName | None = None,
    in_reply_to: MessageId | None = None,
    attachments: Attachments | None = None,
    idempotency_key: Key | None = None,
) -> SendResult:
    """Queue a text (pingagent.text@1) that the runtime sends, retries and audits. For decisions that a person
    made in a human chat (Feishu and others). Answers at once, usually unconfirmed.

    Args:
        message: What is said. Plain text.
        session: As in pingagent_reply.
        in_reply_to: The message_id that this answers.
        attachments: As in pingagent_reply.
        idempotency_key: As in pingagent_reply.
    """
    item, repeated = _queue(app, message, session, in_reply_to, attachments, idempotency_key)
    return answered(app, item, repeated=repeated)


async def chat(
    app: App,
    *,
    to: AgentName,
    message: Text,
    in_reply_to: MessageId | None = None,
    attachments: Attachments | None = None,
    idempotency_key: Key | None = None,
    wait_seconds: Seconds = 10.0,
) -> SendResult:
    """Send a text (pingagent.text@1) to an agent by DID or @alias, beginning a thread where there is none.
    Inside a thread use pingagent_reply. Writing first approves nobody: its reply waits for your person.

    Args:
        to: The agent: its DID, @alias, or the id of a thread with it.
        message: What is said. Plain text.
        in_reply_to: As in pingagent_reply.
        attachments: As in pingagent_reply.
        idempotency_key: As in pingagent_reply.
        wait_seconds: As in pingagent_reply.

    Raises:
        As `reply`; RelayError: the alias is unknown, or the relay cannot be asked; ContactError also where
            an agent would begin with somebody whom the contact policy turns away.
    """
    async with relay_for(app, to) as relay:
        queued = await queue_chat(
            *(app, to, message),
            relay=relay,
            in_reply_to=in_reply_to,
            attachments=attachments,
            idempotency_key=idempotency_key,
        )
    return await _settled(app, queued, wait_seconds)


async def queue_chat(
    app: App,
    to: str,
    message: str,
    *,
    relay: Relay | None = None,
    in_reply_to: str | None = None,
    attachments: list[Attachment] | None = None,
    idempotency_key: str | None = None,
) -> Queued:
    """Queues a text to any agent.

    Args:
        relay: asked for an alias, which can have changed hands since we met it; not needed otherwise.

    Raises:
        As `chat`.
    """
    did = await resolve(app, to, relay)
    alias = None if is_did(to) or is_conversation(to) else fold_alias(to)
    await app.store.run(require_may_begin, app, did, alias)
    body = text_body(message, attachments or (), in_reply_to)
    return await app.store.run(_enqueue, app, did, body, idempotency_key)


def require_may_begin(app: App, did: str, alias: str | None) -> None:
    """Refuses an agent the first message to somebody whom the contact policy turns away.

    Writing first lets the answers in, so it would undo the policy. A person may: that is a decision.

    Args:
        alias: folded; None where the recipient was named otherwise.

    Raises:
        ContactError: so it is.
    """
    if not is_agent(app.caller) or app.store.contacts.get(did) is not None:
        return
    action = contact_action(app.policy_state().policy, did, alias)
    if action in _TURNED_AWAY:
        raise ContactError(
            f"the trust policy says {action} of {did}, and writing first would let its answers in",
            next_step=f"a person decides that: pingagent contacts approve {did}",
            code="contact.turned_away",
        )


def inbox(app: App, *, limit: Rows = 20, before: Count | None = None) -> InboxPage:
    """Debugging and fallback only: raw messages of all threads and the envelopes that were refused, for when
    the bridge does not run or history has gaps. Receiving goes through pingagent_recent_sessions.

    Args:
        limit: At most so many messages.
        before: `before` of the answer before.
    """
    found = app.store.messages.incoming(before=before, limit=limit)
    rejections = app.store.ingress.rejections(limit=20) if before is None else []
    return InboxPage(
        messages=shown_messages(found, app.reader),
        rejections=tuple(rejections),
        before=found[-1].id if found else None,
    )


def changes_since(
    app: App, *, cursor: Cursor | None = None, limit: Rows = 50, session: AgentName | None = None
) -> Changes:
    """Events after your cursor: the cheap way to follow threads and sending, in few tokens. Without a cursor
    it gives the present one.

    Args:
        cursor: `cursor` of the answer before. Left out: the present cursor and no events, to begin with.
        limit: At most so many events.
        session: Only this thread's events: its id, the other agent's DID, or @alias of a known contact.

    Raises:
        ThreadError: there is no such thread.
    """
    newest = app.store.events.newest()
    if cursor is None:
        return Changes(events=(), cursor=newest, more=False, gap=False)
    thread = find_session(app, session).thread_id if session else None
    # A cursor that lies ahead is of another store, which this one has replaced: waiting for it to be
    # reached would pass over everything until then.
    if cursor > newest:
        return Changes(events=(), cursor=newest, more=False, gap=True)
    found = app.store.events.since(cursor, limit=limit + 1, thread_id=thread)
    shown = tuple(found[:limit])
    gap = cursor > 0 and app.store.events.oldest() > cursor + 1
    return Changes(events=shown, cursor=shown[-1].id if shown else cursor, more=len(found) > limit, gap=gap)


def send_result(app: App, item: OutboxItem, *, repeated: bool = False) -> SendResult:
    """What a row of the outbox means for the one who asked.

    Args:
        repeated: as `Queued` has it.
    """
    sent, running = is_sent(item.state, item.message_id, item.seq), app.runtime_running
    next_step = ""
    if not sent:
        start = "" if running else "start the runtime: openclaw-install runtime start"
        look = (
            f"look again later with the idempotency key {item.idempotency_key}; do not send it a second time"
        )
        next_step = item.next_step or start or look
    return opened_as(
        SendResult,
        item,
        app.reader,
        sent=sent,
        status="sent" if sent else "unconfirmed",
        seq=item.seq if sent else None,
        runtime_running=running,
        next_step=next_step,
        repeated=repeated,
        answered_before=_answered_before(app, item),
    )


def _answered_before(app: App, item: OutboxItem) -> tuple[EarlierAnswer, ...]:
    """What we sent in answer to the same message before."""
    message = app.store.messages.get(item.id)
    answers = message.body.carried().get("in_reply_to") if message else None
    if answers is None:
        return ()
    earlier = app.store.messages.answers(item.thread_id, answers, item.id)
    return tuple(
        opened_as(EarlierAnswer, one, app.reader, text=app.reader.open(one.preview)) for one in earlier
    )


def answered(app: App, item: OutboxItem, *, repeated: bool = False) -> SendResult:
    """The same, for a caller that is answered now.

    Raises:
        SendError: the message failed for good.
    """
    if item.state == "failed":
        raise SendError(
            f"{item.message_id} to {item.recipient} was not sent: {item.reason}",
            next_step=item.next_step or "correct what it names, then send it again",
            code="send.failed",
        )
    return send_result(app, item, repeated=repeated)


def current(app: App, item: OutboxItem) -> OutboxItem:
    """A row of the outbox as it is now."""
    return app.store.outbox.get(item.id) or item


def may_settle(app: App, item: OutboxItem) -> bool:
    """Whether waiting can change what is known: the runtime runs, and has neither sent it nor given up."""
    settled = is_sent(item.state, item.message_id, item.seq) or item.state == "failed"
    return not settled and app.runtime_running


async def _settled(app: App, queued: Queued, wait_seconds: float) -> SendResult:
    """Waits until the runtime has sent it or given up, or the time is over; cancelled, it stays queued."""
    item, end = queued.item, time.monotonic() + wait_seconds
    while may_settle(app, item) and (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(_POLL_SECONDS, left))
        item = await app.store.run(current, app, item)
    return await app.store.run(answered, app, item, repeated=queued.repeated)


def _queue(
    app: App,
    message: str,
    session: str | None,
    in_reply_to: str | None,
    attachments: list[Attachment] | None,
    idempotency_key: str | None,
) -> Queued:
    peer = find_session(app, session).peer
    return _enqueue(app, peer, text_body(message, attachments or (), in_reply_to), idempotency_key)


def _enqueue(app: App, did: str, body: Mapping[str, Any], idempotency_key: str | None) -> Queued:
    outgoing = Outgoing(did, TEXT, body, app.caller, idempotency_key)
    return enqueue_once(app.store, app.did, outgoing, app.clock())

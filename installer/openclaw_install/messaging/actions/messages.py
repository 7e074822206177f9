"""What the command line and the MCP tools do with threads and messages, on the store."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from openclaw_install.common.errors import InstallError
from openclaw_install.messaging.app import App
from openclaw_install.messaging.health import read_health
from openclaw_install.messaging.models import OutboxItem, Outgoing, Session
from openclaw_install.messaging.outgoing import enqueue
from openclaw_install.messaging.pagination import read_page, write_page
from openclaw_install.messaging.policy_in_force import require_may_begin
from openclaw_install.messaging.relay.client import Relay
from openclaw_install.messaging.results import (
    Changes,
    InboxPage,
    SendResult,
    SessionPage,
    SessionView,
    ThreadView,
    WhoAmI,
)
from openclaw_install.messaging.threads import local_thread, session_by_name
from openclaw_install.protocol.did import fold_alias, is_conversation, is_did
from openclaw_install.protocol.messages import TEXT, Attachment, text_body

_POLL_SECONDS = 0.03
MOST = 200


class ThreadError(InstallError):
    """No such thread, or none was named and none is focused."""

    code = "thread"


def whoami(app: App) -> WhoAmI:
    """Who this host is to other agents, and how things stand."""
    threads, unread = app.store.sessions.counts()
    running = app.runtime_running
    return WhoAmI(
        did=app.did,
        alias=app.identity.alias,
        display_name=app.identity.display_name,
        relay=app.relay_url,
        threads=threads,
        unread_threads=unread,
        pending_contacts=app.store.contacts.counts()["pending"],
        runtime_running=running,
        health=read_health(app.store, running=running, now=app.clock()),
    )


def recent_sessions(
    app: App, *, limit: int = 20, unread_only: bool = False, page: str | None = None
) -> SessionPage:
    """Threads by activity, newest first.

    Args:
        limit: 1 to 200.
        unread_only: only those with unread messages.
        page: `next` of the page before.

    Raises:
        UsageError: `page` is not one that this function gave.
    """
    limit = max(1, min(limit, MOST))
    found = app.store.sessions.recent(
        limit=limit + 1, unread_only=unread_only, before=read_page(page, "c_dm_")
    )
    shown = found[:limit]
    total, unread = app.store.sessions.counts()
    return SessionPage(
        sessions=tuple(session_view(app, session) for session in shown),
        total=total,
        unread=unread,
        next=write_page(shown[-1].last_activity_at, shown[-1].thread_id) if len(found) > limit else None,
    )


def focus_session(
    app: App, target: str | None = None, *, messages: int = 20, before: int | None = None, read: bool = True
) -> ThreadView:
    """Makes a thread the caller's own and shows its newest messages.

    Args:
        target: a thread id, a DID, or `@alias` of a known contact; None shows the focused one.
        messages: 1 to 200.
        before: `before` of the view that was given last, to go back further.
        read: whether the thread counts as read now.

    Raises:
        ThreadError: there is no such thread, or none is focused.
    """
    session = find_session(app, target)
    if app.store.sessions.focus(app.caller) != session.thread_id:
        app.store.sessions.set_focus(app.caller, session.thread_id, app.clock())
    if read:
        app.store.sessions.mark_read(session.thread_id)
    shown = app.store.messages.of_thread(session.thread_id, before=before, limit=max(1, min(messages, MOST)))
    current = app.store.sessions.get(session.thread_id) or session
    return ThreadView(session_view(app, current), tuple(shown), shown[0].id if shown else None)


def reply(
    app: App,
    text: str,
    *,
    target: str | None = None,
    attachments: Sequence[Attachment] = (),
    in_reply_to: str | None = None,
    idempotency_key: str | None = None,
    wait_seconds: float = 10.0,
) -> SendResult:
    """Queues a text in a thread and waits a little for its commit.

    Args:
        text: what is said.
        target: as in `focus_session`; the focused thread unless given.
        in_reply_to: the message id that it answers.
        idempotency_key: the same key and text are sent once, whoever asks and however often.
        wait_seconds: how long to wait for the verified receipt; 0 returns at once.

    Returns:
        `sent` only with the receipt. Otherwise it stays queued, the runtime goes on with it, and sending it
        again under another key would say it twice.

    Raises:
        ThreadError: there is no such thread, or none is focused.
        ContactError: the other side waits for a decision, or was rejected or blocked.
        EnvelopeError: the text is empty or too long.
        ConflictError: the key was used for another text.
    """
    session = find_session(app, target)
    return _send(app, session.peer, text_body(text, attachments, in_reply_to), idempotency_key, wait_seconds)


def queue_reply(
    app: App,
    text: str,
    *,
    target: str | None = None,
    attachments: Sequence[Attachment] = (),
    in_reply_to: str | None = None,
    idempotency_key: str | None = None,
) -> SendResult:
    """As `reply`, without waiting: the runtime owns commit, retries and audit."""
    return reply(
        app,
        text,
        target=target,
        attachments=attachments,
        in_reply_to=in_reply_to,
        idempotency_key=idempotency_key,
        wait_seconds=0.0,
    )


async def chat(
    app: App,
    to: str,
    text: str,
    *,
    relay: Relay | None = None,
    attachments: Sequence[Attachment] = (),
    idempotency_key: str | None = None,
    wait_seconds: float = 10.0,
) -> SendResult:
    """Sends a text to any agent, and begins a thread with it where there is none.

    Args:
        to: a DID, `@alias`, or a thread id.
        relay: asked for an alias that no contact has; not needed otherwise.

    Raises:
        As `reply`; RelayError: the alias is unknown, or the relay cannot be asked; ContactError also where
            an agent would begin with somebody whom the contact policy turns away.
    """
    import asyncio

    did = await resolve(app, to, relay)
    alias = None if is_did(to) or is_conversation(to) else fold_alias(to)
    await app.store.run(require_may_begin, app, did, alias)
    result = await app.store.run(_send, app, did, text_body(text, attachments), idempotency_key, 0.0)
    end = time.monotonic() + wait_seconds
    while _may_settle(result.state, end) and result.runtime_running:
        await asyncio.sleep(_POLL_SECONDS)
        result = await app.store.run(_looked_at, app, result)
    return result


async def resolve(app: App, to: str, relay: Relay | None = None) -> str:
    """The DID that a DID, `@alias` or thread id means.

    Raises:
        ThreadError: it means nothing here, and there is no relay to ask.
        RelayError: the relay knows no such alias, or cannot be asked.
    """
    if is_did(to):
        return to
    if is_conversation(to):
        return (await app.store.run(find_session, app, to)).peer
    if to.startswith("did:"):
        raise ThreadError(
            f"{to} is no DID of an agent: did:agent: and 32 letters and digits",
            next_step="copy what `pingagent whoami` says over there",
            code="thread.no_did",
        )
    alias = fold_alias(to)
    known = await app.store.run(app.store.contacts.by_alias, alias)
    # The relay's word comes first: an alias can have changed hands since we met it.
    if relay is not None:
        return await relay.resolve(alias)
    if known is None:
        raise ThreadError(
            f"no contact is called @{alias}",
            next_step="name the agent by its DID",
            code="thread.unknown_alias",
        )
    return known.did


def inbox(app: App, *, limit: int = 20, before: int | None = None) -> InboxPage:
    """The newest messages of all threads, and what was refused at the door: for debugging."""
    found = app.store.messages.incoming(before=before, limit=max(1, min(limit, MOST)))
    rejections = app.store.ingress.rejections(limit=20) if before is None else []
    return InboxPage(tuple(found), tuple(rejections), found[-1].id if found else None)


def changes_since(
    app: App, cursor: int | None = None, *, limit: int = 50, target: str | None = None
) -> Changes:
    """What happened after a cursor; None gives the present cursor and no events.

    Args:
        cursor: as the call before returned it.
        limit: 1 to 200.
        target: only one thread's events.

    Raises:
        ThreadError: there is no such thread.
    """
    if cursor is None:
        return Changes((), app.store.events.newest(), more=False, gap=False)
    thread = find_session(app, target).thread_id if target else None
    # A cursor that lies ahead is of another store, which this one has replaced: waiting for it to be
    # reached would pass over everything until then.
    if cursor > (newest := app.store.events.newest()):
        return Changes((), newest, more=False, gap=True)
    limit = max(1, min(limit, MOST))
    found = app.store.events.since(cursor, limit=limit + 1, thread_id=thread)
    shown = found[:limit]
    gap = cursor > 0 and app.store.events.oldest() > cursor + 1
    return Changes(tuple(shown), shown[-1].id if shown else cursor, more=len(found) > limit, gap=gap)


def find_session(app: App, target: str | None) -> Session:
    """The thread that `target` means; the focused one where it is None.

    Raises:
        ThreadError: there is no such thread, or none is focused.
    """
    store = app.store
    if target is None:
        focused = store.sessions.focus(app.caller)
        found = store.sessions.get(focused) if focused else None
        if found is None:
            raise ThreadError(
                "no thread is focused",
                next_step="focus one first, or name it: a thread id, a DID or @alias",
                code="thread.none_focused",
            )
        return found
    if is_conversation(target):
        found = session_by_name(store, app.did, target)
    elif is_did(target):
        found = _session_with(app, target)
    else:
        contact = store.contacts.by_alias(fold_alias(target))
        found = _session_with(app, contact.did) if contact else None
    if found is None:
        raise ThreadError(
            f"there is no thread {target!r} here",
            next_step="list them: pingagent sessions",
            code="thread.unknown",
        )
    return found


def send_result(app: App, item: OutboxItem) -> SendResult:
    """What a row of the outbox means for the one who asked."""
    sent = item.state in {"committed", "delivered"}
    running = app.runtime_running
    repair = item.repair or ("" if sent or running else "start the runtime: openclaw-install runtime start")
    return SendResult(
        sent=sent,
        state=item.state,
        message_id=item.message_id,
        seq=item.seq,
        thread_id=item.thread_id,
        recipient=item.recipient,
        idempotency_key=item.idempotency_key,
        runtime_running=running,
        reason=item.reason,
        repair=repair,
    )


def _send(
    app: App, did: str, body: Mapping[str, Any], idempotency_key: str | None, wait_seconds: float
) -> SendResult:
    outgoing = Outgoing(did, TEXT, body, app.caller, idempotency_key)
    item = enqueue(app.store, app.did, outgoing, app.clock())
    end = time.monotonic() + wait_seconds
    while _may_settle(item.state, end) and app.runtime_running:
        time.sleep(_POLL_SECONDS)
        item = app.store.outbox.get(item.id) or item
    return send_result(app, item)


def _may_settle(state: str, end: float) -> bool:
    return state in {"queued", "sending"} and time.monotonic() < end


def _looked_at(app: App, known: SendResult) -> SendResult:
    item = app.store.outbox.by_message_id(known.message_id)
    return known if item is None else send_result(app, item)


def _session_with(app: App, did: str) -> Session | None:
    if did == app.did:
        return None
    return app.store.sessions.get(local_thread(app.store, app.did, did))


def session_view(app: App, session: Session) -> SessionView:
    """A thread with what was decided about its other side."""
    contact = app.store.contacts.get(session.peer)
    return SessionView(
        session=session,
        contact=contact,
        trust=contact.state if contact else "pending",
        focused=app.store.sessions.focus(app.caller) == session.thread_id,
    )

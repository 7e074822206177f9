"""What commands and tools tell of the whole host: figures, transport, what is new, what became of what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from openclaw_install.messaging.actions.arguments import AgentName, MessageId, Number, Operator, Rows
from openclaw_install.messaging.actions.names import ThreadError, find_session
from openclaw_install.messaging.actions.sessions import session_now, shown_address
from openclaw_install.messaging.actions.trust import in_force
from openclaw_install.messaging.app import App
from openclaw_install.messaging.health import read_health
from openclaw_install.messaging.inbound_guard import inbound_state
from openclaw_install.messaging.models import Event, Message
from openclaw_install.messaging.models import overview as models
from openclaw_install.messaging.models.messages import shown_message, shown_messages
from openclaw_install.messaging.models.sessions import shown_session
from openclaw_install.messaging.store.stats import StoreStats, stats_of
from openclaw_install.messaging.timeline import entry_of, in_order, of_ledger

_BODY = 1_000
_FIRST_LOOK = 500
_MOST_EVENTS = 2000
_THREADS = 20
_ATTENTION = 20
_STUCK = 5


def transport_health(app: App) -> models.Transport:
    """Whether messages come and go: connection, retries, degraded or repaired, what waits or is missing, and
    what to do about it."""
    store, now, gaps = app.store, app.clock(), app.store.relay.gaps()
    due = [at for at in (store.outbox.next_due(now), store.ingress.next_due(now)) if at is not None]
    return models.Transport(
        relay=shown_address(app.relay_url),
        health=read_health(store, running=app.runtime_running, now=now),
        figures=store.overview.figures(),
        withheld=gaps["withheld"],
        deferred=gaps["deferred"],
        inbound=inbound_state(store, now),
        next_attempt_at=min(due, default=None),
        history=tuple(store.events.of_transport(0, 2**62, limit=5)),
    )


def runtime_overview(app: App) -> models.RuntimeOverview:
    """Threads, contacts, transport, route mode, policy and what is stuck, at a glance. For operations and
    diagnosis, not before every reply."""
    store = app.store
    threads, unread = store.sessions.counts()
    numbers = [row.id for row in store.ingress.parked(limit=_STUCK)]
    numbers += [item.id for item in store.outbox.in_state("failed", limit=_STUCK)]
    stuck = [found for number in numbers if (found := store.messages.get(number))]
    return models.RuntimeOverview(
        did=app.did,
        runtime_running=app.runtime_running,
        threads=threads,
        unread_threads=unread,
        contacts=store.contacts.counts(),
        focused_thread=store.sessions.focus(app.caller),
        route_mode=app.route_mode,
        bindings=store.bindings.count(),
        transport=transport_health(app),
        policy=_policy_figures(app),
        stuck=shown_messages(stuck, app.reader),
    )


def store_stats(app: App) -> StoreStats:
    """Rows and bytes of the local store by kind, and the size of its file. For operations, where it grows."""
    return stats_of(app.store.database)


def _policy_figures(app: App) -> models.PolicyFigures:
    state = app.policy_state()
    contact, task = state.policy.contact, state.policy.task
    return models.PolicyFigures(
        **vars(in_force(state)),
        contact_default=contact.default,
        task_default=task.default,
        rules=len(contact.rules) + len(task.rules),
    )


def since_last_seen(
    app: App, *, operator: Operator = "agent", mark_seen: bool = True
) -> models.SinceLastSeen:
    """What happened since this operator looked last, by thread, with what went wrong. Each operator name has
    its own mark, which the call moves on unless mark_seen is false.

    Args:
        operator: Who looks: a person or an agent, by a lasting name. Each has a mark of its own.
        mark_seen: Whether the next call goes on from here.
    """
    store, now = app.store, app.clock()
    before = store.seen.get(operator)
    start = before.cursor if before else max(0, store.events.newest() - _FIRST_LOOK)
    found = store.events.since(start, limit=_MOST_EVENTS + 1)
    events = found[:_MOST_EVENTS]
    cursor = events[-1].id if events else start
    if mark_seen:
        store.seen.advance(operator, cursor, now)
    threads, left_out = _threads(app, events)
    entries = [entry for event in reversed(events) if (entry := entry_of(event)).step == "trouble"]
    return models.SinceLastSeen(
        operator=operator,
        since=before.at if before else None,
        cursor_before=before.cursor if before else None,
        cursor=cursor,
        more=len(found) > _MOST_EVENTS,
        gap=before is not None and start > 0 and store.events.oldest() > start + 1,
        events=dict(sorted(Counter(event.kind for event in events).items())),
        threads=threads,
        threads_left_out=left_out,
        attention=tuple(entries[:_ATTENTION]),
        unread_threads=store.sessions.counts()[1],
        pending_contacts=store.contacts.counts()["pending"],
    )


def _threads(app: App, events: Sequence[Event]) -> tuple[tuple[models.SeenThread, ...], int]:
    counted: dict[str, Counter[str]] = {}
    for event in reversed(events):
        if event.thread_id:
            counted.setdefault(event.thread_id, Counter())[event.kind] += 1
    known = app.store.sessions.named(list(counted)[:_THREADS])
    focused = app.store.sessions.focus(app.caller)
    shown = tuple(
        models.SeenThread(
            session=shown_session(known[thread], app.reader, focused),
            received=kinds["message.received"],
            sent=kinds["outbox.committed"],
            failed=kinds["outbox.failed"] + kinds["message.parked"],
        )
        for thread, kinds in list(counted.items())[:_THREADS]
        if thread in known
    )
    return shown, max(0, len(counted) - _THREADS)


def delivery_timeline(
    app: App,
    *,
    session: AgentName | None = None,
    message_id: MessageId | None = None,
    limit: Rows = 30,
    before: Number | None = None,
) -> models.Timeline:
    """What happened in a thread, or to one message, in order: inbound, outbound, retries, receipts, troubles
    and repairs.

    Args:
        session: As in pingagent_focus_session. Left out: the focused thread, or the one that has the message.
        message_id: Only what became of this message.
        limit: At most so many events; troubles of the transport meanwhile come on top.
        before: Only what was before: `before` of the answer before.

    Raises:
        ThreadError: no such thread or message, or several threads have a message of this id.
    """
    message = _message(app, session, message_id) if message_id else None
    found = find_session(app, message.thread_id if message else session)
    listed = app.store.events.before(
        thread_id=found.thread_id, message_id=message_id, before=before, limit=limit + 1
    )
    events = listed[:limit]
    more = len(listed) > limit
    entries = [entry_of(event) for event in (*events, *_meanwhile(app, events, before))]
    if message and not more and before is None:
        item = app.store.outbox.get(message.id) if message.direction == "out" else None
        ingress = app.store.ingress.get(message.id) if message.direction == "in" else None
        entries += of_ledger(message, ingress, item, events)
    return models.Timeline(
        session=session_now(app, found),
        message=shown_message(message, app.reader, _BODY) if message else None,
        entries=tuple(in_order(entries)),
        before=events[-1].id if more else None,
    )


def _meanwhile(app: App, events: Sequence[Event], before: int | None) -> list[Event]:
    """What happened to the transport between the first and the last of these, and after the newest one."""
    if not events:
        return []
    end = before if before is not None else 2**62
    return app.store.events.of_transport(events[-1].id, end)


def _message(app: App, target: str | None, message_id: str) -> Message:
    found = app.store.messages.by_id(message_id)
    if target is not None:
        thread = find_session(app, target).thread_id
        found = [one for one in found if one.thread_id == thread]
    if not found:
        raise ThreadError(
            "there is no message of this id here",
            next_step="list messages with their ids: pingagent sessions focus with the thread",
            code="thread.unknown_message",
        )
    if len({one.thread_id for one in found}) > 1:
        raise ThreadError(
            "several threads have a message of this id: senders choose their ids themselves",
            next_step="name the thread too",
            code="thread.ambiguous_message",
        )
    return found[0]

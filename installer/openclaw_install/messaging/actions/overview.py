"""What commands and tools tell of the whole host: figures, transport, what is new, what became of what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from openclaw_install.messaging.actions.messages import MOST, ThreadError, find_session, session_view
from openclaw_install.messaging.app import App
from openclaw_install.messaging.control_results import (
    RuntimeOverview,
    SeenThread,
    SinceLastSeen,
    Timeline,
    Transport,
)
from openclaw_install.messaging.health import read_health
from openclaw_install.messaging.models import Event, Message
from openclaw_install.messaging.policy_in_force import policy_state
from openclaw_install.messaging.timeline import entry_of, in_order, of_ledger

_FIRST_LOOK = 500
_MOST_EVENTS = 2000
_THREADS = 20
_ATTENTION = 20
_STUCK = 5


def transport(app: App) -> Transport:
    """How the ways to the relay and to the gateway are, what waits, and what happened to them lately."""
    store, now = app.store, app.clock()
    due = [at for at in (store.outbox.next_due(now), store.ingress.next_due(now)) if at is not None]
    return Transport(
        relay=app.relay_url,
        health=read_health(store, running=app.runtime_running, now=now),
        figures=store.overview.figures(),
        gaps=store.overview.gaps(),
        next_attempt_at=min(due, default=None),
        history=tuple(store.overview.transport_events(0, 2**62, limit=5)),
    )


def runtime_overview(app: App) -> RuntimeOverview:
    """The whole host at a glance, for operations."""
    store = app.store
    threads, unread = store.sessions.counts()
    numbers = [row.id for row in store.ingress.parked(limit=_STUCK)]
    numbers += [item.id for item in store.outbox.in_state("failed", limit=_STUCK)]
    return RuntimeOverview(
        did=app.did,
        threads=threads,
        unread=unread,
        contacts={str(state): count for state, count in store.contacts.counts().items()},
        mode=app.route_mode,
        bindings=store.bindings.count(),
        focused=store.sessions.focus(app.caller),
        runtime_running=app.runtime_running,
        transport=transport(app),
        policy=policy_state(app),
        stuck=tuple(found for number in numbers if (found := store.messages.get(number))),
    )


def since_last_seen(app: App, operator: str, *, mark: bool = True) -> SinceLastSeen:
    """What happened since an operator looked last, gathered by thread.

    The first look goes back over the newest 500 events. Later ones go on where the last one ended.

    Args:
        operator: whose look it is; any name.
        mark: whether it counts as a look.
    """
    store, now = app.store, app.clock()
    before = store.seen.get(operator)
    start = before.cursor if before else max(0, store.events.newest() - _FIRST_LOOK)
    found = store.events.since(start, limit=_MOST_EVENTS + 1)
    events = found[:_MOST_EVENTS]
    cursor = events[-1].id if events else start
    if mark:
        store.seen.advance(operator, cursor, now)
    threads, left_out = _threads(app, events)
    entries = [entry for event in reversed(events) if (entry := entry_of(event)).step == "trouble"]
    return SinceLastSeen(
        operator=operator,
        before=before,
        cursor=cursor,
        more=len(found) > _MOST_EVENTS,
        gap=before is not None and start > 0 and store.events.oldest() > start + 1,
        kinds=dict(sorted(Counter(event.kind for event in events).items())),
        threads=threads,
        threads_left_out=left_out,
        attention=tuple(entries[:_ATTENTION]),
        unread=store.sessions.counts()[1],
        pending=store.contacts.counts()["pending"],
    )


def _threads(app: App, events: Sequence[Event]) -> tuple[tuple[SeenThread, ...], int]:
    counted: dict[str, Counter[str]] = {}
    for event in reversed(events):
        if event.thread_id:
            counted.setdefault(event.thread_id, Counter())[event.kind] += 1
    shown: list[SeenThread] = []
    for thread, kinds in list(counted.items())[:_THREADS]:
        if session := app.store.sessions.get(thread):
            failed = kinds["outbox.failed"] + kinds["message.parked"]
            view = session_view(app, session)
            shown.append(SeenThread(view, kinds["message.received"], kinds["outbox.committed"], failed))
    return tuple(shown), max(0, len(counted) - _THREADS)


def timeline(
    app: App,
    target: str | None = None,
    *,
    message_id: str | None = None,
    limit: int = 30,
    before: int | None = None,
) -> Timeline:
    """What happened in a thread, or to one message, in order.

    Args:
        target: a thread id, a DID or `@alias`; None is the focused thread, or with `message_id` any.
        message_id: only what became of this message.
        limit: 1 to 200 events; what happened to the transport meanwhile comes on top.
        before: `before` of the timeline that was given last, to go back further.

    Raises:
        ThreadError: no such thread or message, or several threads have a message of this id.
    """
    limit = max(1, min(limit, MOST))
    message = _message(app, target, message_id) if message_id else None
    session = find_session(app, message.thread_id if message else target)
    found = app.store.overview.events_before(
        thread_id=session.thread_id, message_id=message_id, before=before, limit=limit + 1
    )
    events = found[:limit]
    more = len(found) > limit
    entries = [entry_of(event) for event in (*events, *_meanwhile(app, events, before))]
    if message and not more and before is None:
        item = app.store.outbox.get(message.id) if message.direction == "out" else None
        ingress = app.store.ingress.get(message.id) if message.direction == "in" else None
        entries += of_ledger(message, ingress, item, events)
    return Timeline(
        session_view(app, session), message, tuple(in_order(entries)), events[-1].id if more else None
    )


def _meanwhile(app: App, events: Sequence[Event], before: int | None) -> list[Event]:
    """What happened to the transport between the first and the last of these, and after the newest one."""
    if not events:
        return []
    end = before if before is not None else 2**62
    return app.store.overview.transport_events(events[-1].id, end)


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

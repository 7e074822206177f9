"""Holds a message back where two agents answer each other without a pause, and reports it once."""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_install.messaging.inbound_guard import reached_by
from openclaw_install.messaging.models import Ingress, Message
from openclaw_install.messaging.pacing import (
    PacingLimits,
    host_paced_until,
    is_paced,
    is_round,
    pace_reason,
    paced_until,
)
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.turn_ceilings import TurnCeilings


@dataclass(frozen=True)
class HeldBack:
    """A message that waits for its thread's pace, or for the host's.

    Attributes:
        is_news: whether it was not held back before.
        by_host: whether it is the ceiling over all threads that holds it.
    """

    message_id: str
    reason: str
    is_news: bool
    by_host: bool


def hold_back(store: Store, limits: PacingLimits, row: Ingress, now: float) -> HeldBack | None:
    """Holds a due message back where its thread's pace or the host's asks for it; its row says until when.

    A message that was attempted before was let through: what is tried again is no further turn.

    Args:
        row: the head of its thread, not in doubt.
        now: seconds since the epoch.
    """
    message = None if row.attempts else store.messages.get(row.id)
    if message is None:
        return None
    passed = store.overview.exchange(row.thread_id, limits.rounds + 1)
    if until := paced_until(passed, now, limits):
        return _held(store, row, message, until, pace_reason(until, limits), now)
    if not is_round(passed, message.known_at):
        return None
    most = limits.host_rounds + limits.reserve
    host = store.ingress.rounds(now - limits.window, most, besides=row.id)
    if until := host_paced_until(host, passed, now, limits):
        return _held(store, row, message, until, pace_reason(until, limits, host=True), now, by_host=True)
    store.ingress.began_round(row.id, now)
    return None


def hold_below_ceiling(
    store: Store, limits: PacingLimits, ceilings: TurnCeilings, row: Ingress, message: Message, now: float
) -> HeldBack | None:
    """Holds a message back where its turn would be one too many, for its contact or for the host.

    It is looked at again after the window of `limits` at the latest, so that no clock keeps it for longer.

    Args:
        row: of the message, about to be attempted for the first time.
        now: seconds since the epoch.
    """
    found = reached_by(store, ceilings, row.peer, now)
    if found is None:
        return None
    until = min(found.until, now + limits.window)
    return _held(store, row, message, until, found.reason, now, by_host=found.ceiling.scope == "host")


def _held(
    store: Store,
    row: Ingress,
    message: Message,
    until: float,
    reason: str,
    now: float,
    *,
    by_host: bool = False,
) -> HeldBack:
    with store.write():
        store.ingress.update(row.id, next_attempt_at=until, reason=reason)
        store.messages.set_state(row.id, row.stage, reason=reason)
        if not is_paced(row):
            store.events.about(message, "message.paced", now, detail=reason)
    return HeldBack(message.message_id, reason, is_news=not is_paced(row), by_host=by_host)

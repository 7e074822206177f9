"""Holds a message back where its thread is an exchange without a pause, and tells it once."""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_install.collab.pacing import PacingLimits, is_paced, pace_reason, paced_until
from openclaw_install.collab.records import Ingress
from openclaw_install.collab.store import Store


@dataclass(frozen=True)
class HeldBack:
    """A message that waits for its thread's pace.

    Attributes:
        is_news: whether it was not held back before.
    """

    message_id: str
    reason: str
    is_news: bool


def hold_back(store: Store, limits: PacingLimits, row: Ingress, now: float) -> HeldBack | None:
    """Holds a message that is due back where its thread's pace asks for it: its row says until when and why.

    A message that was attempted before was let through: what is tried again is no further turn.

    Args:
        row: the head of its thread, not in doubt.
        now: seconds since the epoch.
    """
    if row.attempts:
        return None
    passed = store.overview.exchange(row.thread_id, limits.rounds + 1)
    until = paced_until(passed, now, limits)
    message = store.messages.get(row.id) if until is not None else None
    if until is None or message is None:
        return None
    reason = pace_reason(until, limits)
    with store.write():
        store.ingress.update(row.id, next_attempt_at=until, reason=reason)
        store.messages.set_state(row.id, row.stage, reason=reason)
        if not is_paced(row):
            store.events.add(
                "message.paced", now, thread_id=row.thread_id, message_id=message.message_id, detail=reason
            )
    return HeldBack(message.message_id, reason, is_news=not is_paced(row))

"""Holds a message back where its thread is an exchange without a pause, and tells it once."""

from __future__ import annotations

from openclaw_install.collab.pacing import is_paced, pace_reason, paced_until
from openclaw_install.collab.records import Ingress
from openclaw_install.collab.shared import Shared


def holds_back(shared: Shared, row: Ingress, now: float) -> bool:
    """Whether a message that is due has to wait for its thread's pace; then its row says until when and why.

    A message that was attempted before was let through: what is tried again is no further turn.

    Args:
        row: the head of its thread, not in doubt.
        now: seconds since the epoch.
    """
    if row.attempts:
        return False
    store, limits = shared.store, shared.settings.pacing
    passed = store.overview.exchange(row.thread_id, limits.rounds + 1)
    until = paced_until(passed, now, limits)
    message = store.messages.get(row.id) if until is not None else None
    if until is None or message is None:
        return False
    reason = pace_reason(until, limits)
    with store.write():
        store.ingress.update(row.id, next_attempt_at=until, reason=reason)
        store.messages.set_state(row.id, row.stage, reason=reason)
        if not is_paced(row):
            store.events.add(
                "message.paced", now, thread_id=row.thread_id, message_id=message.message_id, detail=reason
            )
    if not is_paced(row):
        shared.event("message.paced", message_id=message.message_id, detail=reason)
    return True

"""What became of a message or happened in a thread, in order: events and ledgers as one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from openclaw_install.common.jsonable import Timestamp
from openclaw_install.messaging.models import Event, Ingress, Message, OutboxItem

Step = Literal["inbound", "outbound", "retry", "receipt", "repaired", "trouble", "decision"]
_STEPS: dict[str, Step] = {
    "message.received": "inbound",
    "message.accepted": "inbound",
    "message.confirmed": "inbound",
    "message.acknowledged": "inbound",
    "message.retry": "retry",
    "message.paced": "retry",
    "message.parked": "trouble",
    "message.in_doubt": "trouble",
    "message.rejected": "trouble",
    "outbox.queued": "outbound",
    "outbox.retry": "retry",
    "outbox.committed": "receipt",
    "outbox.delivered": "receipt",
    "outbox.receipt_given": "receipt",
    "outbox.failed": "trouble",
    "outbox.refused_there": "trouble",
    "transport.degraded": "trouble",
    "transport.blocked": "trouble",
    "transport.repaired": "repaired",
    "relay.data_lost": "trouble",
}
_TOLD = ("reason", "detail", "by", "stage", "seq", "attempts", "degraded", "sent_again", "session_key")


@dataclass(frozen=True)
class TimelineEntry:
    """One thing that happened.

    Attributes:
        step: what kind of thing it is.
        kind: dotted, as events are named.
        detail: small facts in words; no text of a message.
        cursor: the event's; None where only the ledger knows of it.
    """

    at: Timestamp
    step: Step
    kind: str
    thread_id: str | None
    message_id: str | None
    detail: str = ""
    cursor: int | None = None


def entry_of(event: Event) -> TimelineEntry:
    """An event as an entry."""
    facts = [f"{name} {event.data[name]}" for name in _TOLD if event.data.get(name) not in (None, "")]
    step = _STEPS.get(event.kind, "decision")
    return TimelineEntry(
        event.at, step, event.kind, event.thread_id, event.message_id, ", ".join(facts), event.id
    )


def of_ledger(
    message: Message, ingress: Ingress | None, item: OutboxItem | None, events: Iterable[Event]
) -> Iterator[TimelineEntry]:
    """What the ledgers know of a message and no event tells: events are forgotten after thirty days.

    Args:
        events: those of the message that are there.
    """
    kinds = {event.kind for event in events}
    for at, kind, detail in _facts(message, ingress, item):
        if at is not None and kind not in kinds:
            yield TimelineEntry(at, _STEPS[kind], kind, message.thread_id, message.message_id, detail)


def _facts(
    message: Message, ingress: Ingress | None, item: OutboxItem | None
) -> Iterator[tuple[float | None, str, str]]:
    if message.direction == "in":
        yield message.known_at, "message.received", "" if message.seq is None else f"seq {message.seq}"
    if ingress is not None:
        if ingress.attempts > 1:
            yield ingress.attempted_at, "message.retry", f"attempts {ingress.attempts}"
        yield ingress.accepted_at, "message.accepted", f"attempts {ingress.attempts}"
        seen = "its answer only" if ingress.evidence == "answer_only" else "the host's transcript"
        yield ingress.confirmed_at, "message.confirmed", f"by {seen}"
        yield ingress.acked_at, "message.acknowledged", "the relay may drop it"
        yield ingress.receipted_at, "outbox.receipt_given", "the sender was told that it arrived"
    if item is not None:
        yield item.queued_at, "outbox.queued", f"by {item.queued_by}"
        yield item.committed_at, "outbox.committed", "" if item.seq is None else f"seq {item.seq}"
        yield item.delivered_at, "outbox.delivered", ""


def in_order(entries: Iterable[TimelineEntry]) -> list[TimelineEntry]:
    """Oldest first; what happened at the same moment in the order of the events, the ledger's after them."""
    return sorted(
        entries, key=lambda one: (one.at, one.cursor if one.cursor is not None else 2**62, one.kind)
    )

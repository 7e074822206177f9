"""Handles messages meant for the runtime itself: receipts, counters, keys and forks."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from openclaw_install.messaging.bridge.chain_rules import heard
from openclaw_install.messaging.bridge.ordering import FORK
from openclaw_install.messaging.models import Outgoing
from openclaw_install.messaging.outgoing import ContactError, enqueue
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.chain import Seen, Span
from openclaw_install.protocol.envelope import Opened
from openclaw_install.protocol.messages import RECEIPT, receipt_body

_FORK_NEXT_STEP = "send it again: what is sent from now on begins a new chain, which the other side accepts"


def take_note(store: Store, opened: Opened, now: float, *, handled: bool) -> None:
    """Acts on what a message that was taken in holds for the runtime.

    Args:
        handled: whether the whole message is for the runtime.
    """
    sender = opened.header.sender
    if opened.access_key is not None:
        store.access.keep(sender, opened.access_key, now)
    if opened.seen is not None:
        _compare(store, sender, opened.seen, now)
    if handled and opened.header.schema == RECEIPT:
        _receipt(store, sender, opened.body, now)
    elif handled:
        store.events.add("control.received", now, sender=sender, action=str(opened.body.get("action", "")))


def tell_of_fork(store: Store, me: str, opened: Opened, now: float) -> None:
    """Tells an approved sender that one of its messages was refused, so that it can mend its chain."""
    contact = store.contacts.get(opened.header.sender)
    if contact is None or contact.state != "approved":
        return
    header = opened.header
    receipt = Outgoing(
        recipient=header.sender,
        schema=RECEIPT,
        body=receipt_body(header.message_id, "refused", now, reason=FORK),
        by="bridge",
        idempotency_key=f"refused:{header.sender}:{opened.sha256}",
    )
    with contextlib.suppress(ContactError):
        enqueue(store, me, receipt, now)


def _receipt(store: Store, sender: str, body: Mapping[str, object], now: float) -> None:
    # Only the one it was sent to can say that it arrived.
    item = store.outbox.known_there(sender, str(body.get("message_id", "")))
    if item is None or item.state == "delivered":
        return
    if body.get("status") == "delivered":
        store.outbox.update(item.id, state="delivered", delivered_at=now)
        kind = "outbox.delivered"
    else:
        kind = "outbox.refused_there"
        if body.get("reason") == FORK:
            store.outbox.update(item.id, state="failed", reason=FORK, next_step=_FORK_NEXT_STEP)
            _begin_anew(store, sender, "the other side has another message in its place", now)
    store.events.about(item, kind, now)


def _compare(store: Store, peer: str, seen: Seen, now: float) -> None:
    """Holds what the other side says of our chain against what we sealed."""
    ours = store.sent.get(peer)
    if ours is None:
        return
    verdict = heard(seen, ours.chain, ours.counter, store.sent.hash_at(peer, ours.chain, seen.counter))
    if verdict == "other_chain":
        return
    if verdict != "fits":
        why = (
            "it saw more than this store sent" if verdict == "ahead" else "it has another message in a place"
        )
        _begin_anew(store, peer, f"the other side tells that {why}", now)
        return
    for span in _new(seen.missing, ours.missing):
        lost = store.sent.messages_at(peer, ours.chain, span)
        store.events.add("chain.missing_there", now, peer=peer, first=span[0], last=span[1], messages=lost)
    if seen.out_of_order > ours.out_of_order:
        count = seen.out_of_order - ours.out_of_order
        store.events.add("chain.reordered_there", now, peer=peer, count=count)
    if (seen.missing, seen.out_of_order) != (ours.missing, ours.out_of_order):
        store.sent.note_seen(peer, seen.missing, max(seen.out_of_order, ours.out_of_order))


def _begin_anew(store: Store, peer: str, why: str, now: float) -> None:
    store.sent.begin(peer, now)
    store.events.add("chain.begun_anew", now, peer=peer, detail=why)


def _new(told: tuple[Span, ...], known: tuple[Span, ...]) -> tuple[Span, ...]:
    """The ranges of `told` that are not within one of `known`."""
    return tuple(
        (first, last) for first, last in told if not any(low <= first and last <= high for low, high in known)
    )

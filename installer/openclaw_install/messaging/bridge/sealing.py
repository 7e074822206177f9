"""Seals a message of the outbox: version, counter and bytes are fixed in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from openclaw_install.messaging.access import current_key, hash_of
from openclaw_install.messaging.bridge.ordering import seen_by_us
from openclaw_install.messaging.models import OutboxItem
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.card import AgentCard, reads_version_2
from openclaw_install.protocol.did import conversation_of
from openclaw_install.protocol.envelope import Draft, Envelope, Routing, seal
from openclaw_install.protocol.errors import EnvelopeError, EnvelopeReason
from openclaw_install.protocol.header import parse_envelope
from openclaw_install.protocol.identity import Identity

# So long after it expired a receiver can still ask for an envelope's hash.
_KEPT_SECONDS = 3 * 86_400.0


def sealed_once(store: Store, item: OutboxItem, me: Identity, card: AgentCard, now: float) -> str:
    """The bytes of a message's envelope, which are in the store before they go anywhere.

    Counter and hash are taken, and written down with the bytes, in one transaction: two processes never
    give the same counter, and one that dies leaves either all of it or nothing.

    Args:
        me: whose signature goes inside.
        card: the recipient's newest.
        now: seconds since 1970 by the relay's clock.

    Raises:
        NoUsableKey, EnvelopeError: as `seal`; nothing was written.
    """
    with store.write():
        written = store.outbox.get(item.id)
        if written is not None and written.wire is not None:
            return written.wire
        message = store.messages.get(item.id)
        if message is None:
            raise AssertionError("an outbox row without its message")
        body = message.body.carried()
        newer = speaks_version_2(store, item.recipient, card)
        draft = _draft(store, item, me, body, now, newer=newer)
        envelope = _fitting(body, draft, me, card, now)
        expires_at = envelope.header.expires_at
        wire = envelope.wire.decode()
        store.outbox.update(item.id, wire=wire, expires_at=expires_at)
        if draft.chain is not None:
            until = expires_at + _KEPT_SECONDS
            store.sent.sealed(item.recipient, draft.chain, envelope.sha256, item.id, until)
        if draft.access_key is not None:
            store.access.given(item.recipient, hash_of(draft.access_key), now)
    return wire


def speaks_version_2(store: Store, did: str, card: AgentCard) -> bool:
    """Whether an agent is written to in version 2: its card says so, or either side has begun with it.

    A relay that keeps back the newer card must not lead us back to version 1.
    """
    begun = store.sent.get(did) is not None or store.chains.newer_since(did) is not None
    return begun or reads_version_2(card)


def is_version_2(wire: str) -> bool:
    """Whether the bytes are an envelope of version 2."""
    return parse_envelope(wire.encode()).header.version == 2


def routing_of(body: Mapping[str, Any]) -> Routing:
    """The two fields of a task or a result that the relay may see."""
    task, status = body.get("task_id"), body.get("status")
    is_task = isinstance(task, str)
    return Routing(task if is_task else None, status if is_task and isinstance(status, str) else None)


def _draft(
    store: Store, item: OutboxItem, me: Identity, body: Mapping[str, Any], now: float, *, newer: bool
) -> Draft:
    pending = not store.messages.came_from(item.thread_id)
    thread = conversation_of(me.did, item.recipient, pending=pending)
    draft = Draft(item.message_id, thread, item.schema, routing_of(body))
    if not newer:
        return draft
    contact = store.contacts.get(item.recipient)
    approved = contact is not None and contact.state == "approved"
    return replace(
        draft,
        chain=store.sent.next_link(item.recipient, now),
        seen=seen_by_us(store, item.recipient),
        access_key=current_key(store, now) if approved else None,
    )


def _fitting(body: Mapping[str, Any], draft: Draft, me: Identity, card: AgentCard, now: float) -> Envelope:
    try:
        return seal(body, draft, me, card, now)
    except EnvelopeError as error:
        if error.reason != EnvelopeReason.OVERSIZED or draft.chain is None:
            raise
    # What is not the message itself can wait for the next one.
    return seal(body, replace(draft, seen=None, access_key=None), me, card, now)

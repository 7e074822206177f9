"""First messages that found no room: senders are recorded, and the messages fetched when there is room."""

from __future__ import annotations

from openclaw_install.messaging.contact_gate import GateLimits, rooms
from openclaw_install.messaging.models import Contact
from openclaw_install.messaging.store import Store

# A fact while messages are left at the relay because the gate is full, and one of what was forgotten.
GATE_FULL = "gate.full"
FORGOTTEN = "gate.forgotten"


def knock(
    store: Store, limits: GateLimits, log_id: str, seq: int, sender: str, contact: Contact | None, now: float
) -> None:
    """Leaves a message at the relay, and notes that its sender knocked; told once for each of them.

    The row is a contact like others, so that it is listed and decided about like them. Only the newest
    `limits.knocks` of those that have no message here are kept: keys cost nothing to make, and who knocked
    last is seen at once. Of the others the number stays, and their messages, which bring them back.
    Inside a `write()` block it belongs to that transaction.
    """
    with store.write():
        store.relay.defer(log_id, seq, sender, now)
        if contact is None:
            store.contacts.add(sender, "pending", "inbound", now)
            store.events.add("contact.knocked", now, did=sender)
        store.contacts.knocked(sender, now)
        if gone := store.contacts.forget_knocks(limits.knocks):
            before = store.facts.get(FORGOTTEN) or 0
            store.facts.set(FORGOTTEN, before + gone, now)
        waiting = store.contacts.waiting_in_all()
        if waiting >= limits.in_all and not store.facts.get(GATE_FULL):
            store.facts.set(GATE_FULL, 1, now)
            store.events.add("contact.gate_full", now, waiting=waiting)


def made_room(store: Store, limits: GateLimits, now: float) -> None:
    """Notes that the gate is full no more, where it was."""
    if store.facts.get(GATE_FULL) and store.contacts.waiting_in_all() < limits.in_all:
        store.facts.set(GATE_FULL, 0, now)


def due_at_relay(store: Store, limits: GateLimits, log_id: str, page: int) -> list[int]:
    """Numbers left at the relay that can come in now: of who was decided about, then who has least here."""
    made = store.relay.deferred_of_decided(log_id, page)
    first, more = rooms(store.contacts.waiting_in_all(), limits)
    if first:
        made += store.relay.deferred_first(log_id, 1, min(first, page))
    if more:
        made += store.relay.deferred_first(log_id, limits.per_contact, min(more, page))
    return list(dict.fromkeys(made))[:page]

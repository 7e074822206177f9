"""Puts a message into the outbox, once for each idempotency key; the runtime sends it."""

from __future__ import annotations

import json
import secrets

from openclaw_install.collab.contacts import may_write_to
from openclaw_install.collab.records import Contact, NewMessage, OutboxItem, Outgoing
from openclaw_install.collab.store import Store
from openclaw_install.collab.store.message_table import preview
from openclaw_install.collab.threads import local_thread
from openclaw_install.collab.trust.guard import OUTBOUND, is_agent
from openclaw_install.common.errors import ConflictError, InstallError
from openclaw_install.protocol.header import new_message_id
from openclaw_install.protocol.messages import check_body


class ContactError(InstallError):
    """What was asked does not fit what was decided about a contact."""

    code = "contact"


def enqueue(store: Store, sender: str, outgoing: Outgoing, now: float) -> OutboxItem:
    """Queues a message and returns its row; a second call with the same key returns the first one's.

    Writing to an agent that nothing is known of approves it: we began, so its answers are let in. Where a
    person wrote, that is the person's decision; the policy may still turn away whom an agent wrote to.

    Args:
        sender: our own DID.
        now: seconds since 1970.

    Raises:
        EnvelopeError: the body breaks its schema.
        ContactError: the recipient waits for a decision, or was rejected or blocked.
        ConflictError: the key was used for another message.
        ProtocolError: the recipient is no DID, or ourselves.
    """
    check_body(outgoing.schema, outgoing.body)
    key = outgoing.idempotency_key or f"auto:{secrets.token_hex(16)}"
    with store.write():
        if known := store.outbox.by_key(key):
            return _same(store, known, outgoing)
        thread = local_thread(store, sender, outgoing.recipient)
        _open_contact(store, outgoing.recipient, outgoing.by, now)
        message = NewMessage(
            direction="out",
            sender=sender,
            message_id=new_message_id(now),
            thread_id=thread,
            peer=outgoing.recipient,
            schema=outgoing.schema,
            body=outgoing.body,
            sent_at=now,
            known_at=now,
            state="queued",
        )
        number = store.messages.add(message)
        store.outbox.add(number, message, idempotency_key=key, by=outgoing.by)
        if store.is_visible(message.schema):
            shown = preview(message.schema, message.body)
            store.sessions.touch(thread, message.peer, number, "out", shown, now)
            store.events.add(
                "outbox.queued", now, thread_id=thread, message_id=message.message_id, by=outgoing.by
            )
        return _written(store.outbox.get(number))


def _written(item: OutboxItem | None) -> OutboxItem:
    if item is None:
        raise AssertionError("a row that was just written is gone")
    return item


def _same(store: Store, known: OutboxItem, outgoing: Outgoing) -> OutboxItem:
    stored = store.messages.get(known.id)
    same_body = stored is not None and stored.body.carried() == json.loads(json.dumps(outgoing.body))
    if known.recipient == outgoing.recipient and known.schema == outgoing.schema and same_body:
        return known
    raise ConflictError(
        f"the idempotency key was used before, for the message {known.message_id}",
        next_step="choose a new key for a new message",
        code="outbox.key_reused",
    )


def _open_contact(store: Store, recipient: str, by: str, now: float) -> None:
    contact = store.contacts.get(recipient)
    if contact is None:
        decider = OUTBOUND if is_agent(by) else by
        store.contacts.add(recipient, "approved", "outbound", now, by=decider)
        store.events.add("contact.approved", now, did=recipient, by=decider)
    elif not may_write_to(contact):
        raise contact_refused(contact)


def contact_refused(contact: Contact) -> ContactError:
    """Why nothing is sent to a contact."""
    approve = f"pingagent contacts approve {contact.did}"
    if contact.state == "pending":
        message = f"{contact.did} asked for contact and nobody has decided yet"
    else:
        message = f"{contact.did} is {contact.state}"
        # An approval alone undoes neither.
        approve = f"pingagent contacts undo {contact.did}, then {approve}"
    return ContactError(
        message,
        next_step=f"a person decides that: {approve}",
        code=f"contact.{contact.state}",
    )

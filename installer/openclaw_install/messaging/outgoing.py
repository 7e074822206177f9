"""Puts a message into the outbox, once for each idempotency key; the runtime sends it."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import NamedTuple

from openclaw_install.common.errors import ConflictError, InstallError
from openclaw_install.messaging.contact_gate import may_write_to
from openclaw_install.messaging.models import Contact, NewMessage, OutboxItem, Outgoing
from openclaw_install.messaging.models.contacts import Opened
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.store.messages import preview
from openclaw_install.messaging.trust.gate import is_agent
from openclaw_install.protocol.header import new_message_id
from openclaw_install.protocol.messages import check_body

_LIMITS = frozenset({"contact.too_many_opened", "contact.awaiting_reply"})


@dataclass(frozen=True)
class OpeningLimits:
    """How far an agent may reach out by itself; a person may always write.

    Attributes:
        per_hour, per_day: contacts that it may open.
        open: contacts that may await a reply at a time.
        unanswered: messages to one contact before its first reply.
    """

    per_hour: int = 10
    per_day: int = 30
    open: int = 20
    unanswered: int = 5


_OPENINGS = OpeningLimits()


class Queued(NamedTuple):
    """What became of a message that was to be queued.

    Attributes:
        item: its row, or that of the earlier message which says the same.
        repeated: whether this very text answers the same message already, so that nothing new is sent.
    """

    item: OutboxItem
    repeated: bool = False


class ContactError(InstallError):
    """What was asked does not fit what was decided about a contact."""

    code = "contact"


def enqueue(
    store: Store, sender: str, outgoing: Outgoing, now: float, limits: OpeningLimits = _OPENINGS
) -> OutboxItem:
    """Queues a message and returns its row; as `enqueue_once`."""
    return enqueue_once(store, sender, outgoing, now, limits).item


def enqueue_once(
    store: Store, sender: str, outgoing: Outgoing, now: float, limits: OpeningLimits = _OPENINGS
) -> Queued:
    """Queues a message; a second call with the same key returns the first one's row.

    So does the same text in answer to the same message, under whatever key: a model that repeats a call does
    not repeat a message, which would be a turn that the other side pays for. One that failed may be repeated.

    A person who writes first to an agent approves it by that. An agent that does approves nobody: the other
    side's reply waits like a first contact, unless the policy lets it in.

    Args:
        sender: our own DID.
        now: seconds since 1970.

    Raises:
        EnvelopeError: the body breaks its schema.
        ContactError: the recipient waits for a decision, or was rejected or blocked; or an agent has written
            to too many without a reply.
        ConflictError: the key was used for another message.
        ProtocolError: the recipient is no DID, or ourselves.
    """
    try:
        return _enqueue(store, sender, outgoing, now, limits)
    except ContactError as error:
        if error.error_code in _LIMITS:
            # After the transaction that it ended, or it would be gone with it.
            store.events.add(
                "contact.limited", now, did=outgoing.recipient, by=outgoing.by, reason=error.message
            )
        raise


def _enqueue(store: Store, sender: str, outgoing: Outgoing, now: float, limits: OpeningLimits) -> Queued:
    check_body(outgoing.schema, outgoing.body)
    key = outgoing.idempotency_key or f"auto:{secrets.token_hex(16)}"
    with store.write():
        if known := store.outbox.by_key(key):
            return Queued(_same(store, known, outgoing))
        thread = store.sessions.local_id(sender, outgoing.recipient)
        if earlier := store.outbox.same_answer(thread, outgoing):
            store.events.about(earlier, "outbox.repeated", now, by=outgoing.by)
            return Queued(earlier, repeated=True)
        _open_contact(store, outgoing, thread, now, limits)
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
        item = store.outbox.add(number, message, idempotency_key=key, by=outgoing.by)
        if store.is_visible(message.schema):
            shown = preview(message.schema, message.body)
            store.sessions.touch(thread, message.peer, number, "out", shown, now)
            store.events.add(
                "outbox.queued", now, thread_id=thread, message_id=message.message_id, by=outgoing.by
            )
        return Queued(item)


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


def _open_contact(store: Store, outgoing: Outgoing, thread: str, now: float, limits: OpeningLimits) -> None:
    did, by = outgoing.recipient, outgoing.by
    contact = store.contacts.get(did)
    if contact is not None and not may_write_to(contact):
        raise contact_refused(contact)
    undecided = contact is None or contact.state == "awaiting_reply"
    if undecided and not is_agent(by):
        if contact is None:
            store.contacts.add(did, "approved", "outbound", now, by=by)
        else:
            store.contacts.decide(did, "approved", by, now, "wrote to it")
        store.events.add("contact.approved", now, did=did, by=by)
    elif contact is None:
        if why := why_not_open(store.contacts.opened(now), limits):
            raise _limited(why, did, "contact.too_many_opened")
        store.contacts.add(did, "awaiting_reply", "outbound", now, opened_by=by)
        store.events.add("contact.awaiting_reply", now, did=did, by=by)
    elif undecided and (why := why_not_write(store.messages.sent_in(thread), limits)):
        raise _limited(why, did, "contact.awaiting_reply")


def why_not_open(opened: Opened, limits: OpeningLimits) -> str | None:
    """Why an agent may not open one more contact now; None where it may."""
    if opened.awaiting >= limits.open:
        return (
            f"{opened.awaiting} contacts that agents opened await a reply, and no more than {limits.open} may"
        )
    if opened.last_hour >= limits.per_hour:
        return f"agents opened {opened.last_hour} contacts within an hour, and may open {limits.per_hour}"
    if opened.last_day >= limits.per_day:
        return f"agents opened {opened.last_day} contacts within a day, and may open {limits.per_day}"
    return None


def why_not_write(sent: int, limits: OpeningLimits) -> str | None:
    """Why an agent may not write once more to a contact that has not replied yet; None where it may."""
    if sent < limits.unanswered:
        return None
    return f"it has {sent} messages of yours and has not replied to any"


def _limited(why: str, did: str, code: str) -> ContactError:
    return ContactError(
        f"not written to {did}: {why}",
        next_step=f"wait for replies, or a person lets it in: pingagent contacts approve {did}",
        code=code,
    )


def contact_refused(contact: Contact) -> ContactError:
    """Why nothing is sent to a contact."""
    approve = f"pingagent contacts approve {contact.did}"
    if contact.state == "pending":
        began = "replied" if contact.origin == "outbound" else "asked for contact"
        message = f"{contact.did} {began}, and nobody has decided about it yet"
    else:
        message = f"{contact.did} is {contact.state}"
        # An approval alone undoes neither.
        approve = f"pingagent contacts undo {contact.did}, then {approve}"
    return ContactError(
        message,
        next_step=f"a person decides that: {approve}",
        code=f"contact.{contact.state}",
    )

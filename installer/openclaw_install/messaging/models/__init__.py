"""What the store holds, as frozen records: contacts, threads, messages, the two ledgers, events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from openclaw_install.common.jsonable import Timestamp
from openclaw_install.messaging.models.contacts import Contact, ContactState, Decision, Origin
from openclaw_install.messaging.untrusted import Untrusted

__all__ = ["Contact", "ContactState", "Decision", "Origin"]

Direction = Literal["in", "out"]
RouteMode = Literal["stable-hook-session", "map-active-group"]
# How far a message that came in has got. `seen` and `verified` are never stored: what fails there is no
# message of anybody, and goes to the rejections.
Stage = Literal[
    "pending",  # from a contact that waits for approval
    "approved",  # may be dispatched
    "dispatching",  # a request to the gateway is, or was when we died, under way
    "accepted",  # the gateway took it: one turn
    "handled",  # for the runtime itself (receipts, control): no turn
    "refused",  # its sender is blocked or rejected
    "parked",  # given up, kept, and told
]
OutboxState = Literal["queued", "sending", "committed", "delivered", "failed"]
INTERNAL_SCHEMAS = ("pingagent.receipt@1", "pingagent.control@1")


@dataclass(frozen=True)
class Session:
    """One collaboration thread.

    Attributes:
        thread_id: the `c_dm_` form of the conversation.
        peer: the other side's DID.
        last_activity_at: of the newest message, either direction.
        preview: the beginning of the newest message's text.
        unread: messages that came in and were not marked read.
        session_key: the OpenClaw session that the newest message went to; None before the first.
        degraded: why it is not the session that the route mode asks for; None where it is.
        trust: the contact's state; `pending` where nothing was decided.
        alias, display_name: as the other side calls itself.
    """

    thread_id: str
    peer: str
    created_at: float
    last_activity_at: float
    last_message: int | None
    last_direction: Direction | None
    preview: Untrusted[str]
    unread: int
    session_key: str | None
    route_mode: RouteMode | None
    degraded: str | None
    trust: ContactState
    alias: Untrusted[str | None]
    display_name: Untrusted[str | None]


@dataclass(frozen=True, kw_only=True)
class _MessageFacts:
    """What is known of a message of a thread, but what it says.

    Attributes:
        sent_at: by the sender's clock.
        known_at: when this host came to know it.
        state: the ledger's stage for `in`, the outbox's state for `out`.
        seq: the relay's number for it; None while an outgoing one is not committed.
        place: what is special about its place among its sender's messages: `late` where later ones went
            before it, `gap` with the counters that are missing before it; empty otherwise.
    """

    direction: Direction
    sender: str
    message_id: str
    thread_id: str
    peer: str
    schema: str
    sent_at: float
    known_at: float
    state: str
    seq: int | None = None
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class NewMessage(_MessageFacts):
    """A message on its way into the table of messages."""

    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Message(_MessageFacts):
    """One message of a thread.

    Attributes:
        id: local number, in the order in which this host came to know the messages; a cursor for paging.
        preview: the beginning of its text.
        reason: why it is parked, refused or failed; empty otherwise.
    """

    id: int
    body: Untrusted[Mapping[str, Any]]
    preview: Untrusted[str]
    reason: str


@dataclass(frozen=True)
class Ingress:
    """The ledger's row of one message that came in.

    Attributes:
        attempts: requests to the gateway so far.
        faults: of these, the ones that failed for reasons of the message's own (they lead to `parked`).
        doubts: times that the outcome of a request was not known.
        doubt_at: when the first of those requests went out.
        next_attempt_at: seconds since the epoch; not to be tried before.
        session_key: the key of the newest request; a repetition must use the same one.
        shown: what the text of the newest request told of the sender (JSON); a repetition must tell the same.
        gateway: what identified the gateway's process at the newest request (`GatewayLife.mark`).
        evidence: how we know that it was accepted: `answer` or `transcript`.
        confirmed_at: when the turn was found in the host's transcript, or could no longer be lost.
        begun_at: when the first request went out; ceilings of turns count by it.
    """

    id: int
    thread_id: str
    peer: str
    log_id: str
    seq: int
    stage: Stage
    attempts: int
    faults: int
    doubts: int
    doubt_at: float | None
    next_attempt_at: float
    session_key: str | None
    degraded: str | None
    shown: str | None
    gateway: str | None
    attempted_at: float | None
    run_id: str | None
    accepted_at: float | None
    evidence: str | None
    confirmed_at: float | None
    acked_at: float | None
    receipted_at: float | None
    reason: str
    begun_at: float | None = None


class IngressChanges(TypedDict, total=False):
    """Columns of `ingress` to be written; those that are not named stay as they are. See `Ingress`."""

    stage: Stage
    attempts: int
    faults: int
    doubts: int
    doubt_at: float | None
    next_attempt_at: float
    session_key: str | None
    degraded: str | None
    shown: str | None
    gateway: str | None
    attempted_at: float | None
    begun_at: float | None
    run_id: str | None
    accepted_at: float | None
    evidence: str | None
    confirmed_at: float | None
    acked_at: float | None
    receipted_at: float | None
    reason: str


@dataclass(frozen=True)
class OutboxItem:
    """One message to be sent.

    Attributes:
        id: the message's local number.
        state: `committed` only with `seq` >= 1 out of a receipt whose signature was verified.
        reason, next_step: of the newest trouble; empty where there was none.
    """

    id: int
    idempotency_key: str
    thread_id: str
    recipient: str
    message_id: str
    schema: str
    state: OutboxState
    attempts: int
    next_attempt_at: float
    queued_at: float
    queued_by: str
    wire: str | None = field(repr=False)
    expires_at: float | None
    log_id: str | None
    seq: int | None
    receipt: str | None = field(repr=False)
    committed_at: float | None
    delivered_at: float | None
    reason: str
    next_step: str


class OutboxChanges(TypedDict, total=False):
    """Columns of `outbox` to be written; those that are not named stay as they are. See `OutboxItem`."""

    state: OutboxState
    attempts: int
    next_attempt_at: float
    wire: str | None
    expires_at: float | None
    log_id: str | None
    seq: int | None
    receipt: str | None
    committed_at: float | None
    delivered_at: float | None
    reason: str
    next_step: str


@dataclass(frozen=True)
class Event:
    """Something that happened; `id` is the cursor.

    Attributes:
        kind: dotted, such as `message.accepted`; docs/bridge.md lists them.
        data: small facts; never a message's text, never a secret.
    """

    id: int
    at: Timestamp
    kind: str
    thread_id: str | None
    message_id: str | None
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Rejection:
    """An envelope that was refused at the door, with what it claimed to be."""

    id: int
    at: Timestamp
    log_id: str
    seq: int
    reason: str
    claimed_sender: str
    claimed_message_id: str


@dataclass(frozen=True)
class RelayCursor:
    """How far a relay's inbox was taken in.

    Attributes:
        relay_id: the relay's public key, pinned at the first contact.
        log_id: names the relay's data; it changes when the relay lost it.
        after_seq: everything up to here is in the store.
    """

    url: str
    relay_id: str
    log_id: str
    after_seq: int


@dataclass(frozen=True)
class Outgoing:
    """What somebody wants to be sent.

    Attributes:
        recipient: a DID.
        schema, body: as `protocol.messages` makes them.
        by: who asked for it, for the audit.
        idempotency_key: chosen by the caller; None makes a new one.
    """

    recipient: str
    schema: str
    body: Mapping[str, Any]
    by: str
    idempotency_key: str | None = None

"""Seals a message for one recipient and opens it: HPKE around a padded, signed body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from openclaw_install.common.redaction import Secret
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.card import AgentCard, EncryptionKey, newest_usable_key, sender_key
from openclaw_install.protocol.chain import Link, Seen
from openclaw_install.protocol.content import Content, read_content
from openclaw_install.protocol.did import PENDING, conversation_of, names_thread_of
from openclaw_install.protocol.errors import EnvelopeError, EnvelopeReason, NoUsableKey, ProtocolError
from openclaw_install.protocol.header import (
    ENC_BYTES,
    MAX_ENVELOPE_BYTES,
    Envelope,
    Header,
    Routing,
    check_header,
    check_times,
    is_message_id,
    new_message_id,
    parse_envelope,
    short_message_id,
)
from openclaw_install.protocol.identity import DEFAULT_LIFETIME, MAX_LIFETIME, Identity
from openclaw_install.protocol.keys import kid_of
from openclaw_install.protocol.messages import check_body
from openclaw_install.protocol.padding import MAX_PLAINTEXT, pad, unpad
from openclaw_install.protocol.rotation import NEVER_SEEN, FirstSeen
from openclaw_install.protocol.shape import Json
from openclaw_install.protocol.times import MAX_SKEW, to_milliseconds

__all__ = [
    "DEFAULT_LIFETIME",
    "MAX_ENVELOPE_BYTES",
    "MAX_LIFETIME",
    "Draft",
    "Envelope",
    "Header",
    "Opened",
    "Routing",
    "check_times",
    "is_message_id",
    "new_message_id",
    "open_envelope",
    "parse_envelope",
    "seal",
]

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_INFO = {1: b"pingagent-envelope-v1\0", 2: b"pingagent-envelope-v2\0"}


@dataclass(frozen=True)
class Draft:
    """What the sender chooses of a header; the rest follows from the keys.

    Attributes:
        message_id: made by `new_message_id` and written down before the message is sealed.
        conversation_id: the thread, by any of its names; the envelope has the one of its version.
        lifetime: seconds until it expires, at most 14 days.
        chain: the envelope's place among those that the sender sealed for the recipient. With it the envelope
            is of version 2, without it of version 1.
        seen, access_key: as `Content` has them; version 2 only.
    """

    message_id: str
    conversation_id: str
    schema: str
    routing: Routing = field(default=Routing())
    lifetime: float = DEFAULT_LIFETIME
    chain: Link | None = None
    seen: Seen | None = None
    access_key: Secret | None = None

    @property
    def version(self) -> int:
        return 1 if self.chain is None else 2


@dataclass(frozen=True)
class Opened:
    """A message that is proven to come from `header.sender` and to be meant for this agent.

    Attributes:
        sha256: of the envelope's canonical bytes, as receipts name it. For the replay row, keep
            `header.message_id`, `header.sender`, this, and `header.expires_at` (until when to keep the row).
        chain, seen, access_key: as `Content` has them; None in version 1.
    """

    header: Header
    body: Json = field(repr=False)
    sha256: str
    chain: Link | None = None
    seen: Seen | None = None
    access_key: Secret | None = None


def seal(
    body: Mapping[str, Any], draft: Draft, sender: Identity, recipient: AgentCard, now: float
) -> Envelope:
    """Seals `body` for `recipient`; each call gives other bytes, so keep what was made and send that again.

    Args:
        body: as one of the builders in `messages` makes it.
        draft: message id, thread, schema, and for version 2 the chain.
        sender: whose signature goes inside.
        recipient: a verified card.
        now: seconds since 1970; the time of sending.

    Raises:
        NoUsableKey: the recipient publishes no key that may be used now. Nothing may be sent then.
        EnvelopeError: bad_body, wrong_conversation, oversized, or malformed (message id, lifetime).
    """
    key = newest_usable_key(recipient, now)
    header = _header(draft, sender, recipient, key, now)
    check_header(header)
    content = Content(dict(body), draft.chain, draft.seen, draft.access_key)
    check_body(header.schema, content.body, header.routing)
    plaintext = content.signed(header, sender.signing)
    if len(plaintext) > MAX_PLAINTEXT:
        raise EnvelopeError(
            EnvelopeReason.OVERSIZED, f"the message has {len(plaintext)} bytes; {MAX_PLAINTEXT} fit"
        )
    sealed = _encrypt(pad(plaintext), key, header)
    return parse_envelope(Envelope(header, sealed[:ENC_BYTES], sealed[ENC_BYTES:]).to_json())


def open_envelope(
    wire: bytes | Mapping[str, Any],
    me: Identity,
    sender_card: AgentCard,
    now: float,
    max_skew: float = MAX_SKEW,
    keys_seen: FirstSeen = NEVER_SEEN,
) -> Opened:
    """Opens an envelope and proves its sender.

    It does not know which messages came before: the caller keeps a row for each (sender, message id) until
    the message has expired, and refuses the second; and it holds the chain against what it knows of it.

    Args:
        wire: the envelope as received.
        me: the recipient.
        sender_card: the verified card of the agent that the envelope names as its sender.
        now: seconds since 1970.
        max_skew: seconds by which both clocks may differ.
        keys_seen: when this agent first saw the entries of the sender's rotation log; a key ends then.

    Raises:
        EnvelopeError: with the reason; the first rule that is broken decides.
    """
    envelope = parse_envelope(wire)
    header = envelope.header
    if header.recipient != me.did:
        raise EnvelopeError(EnvelopeReason.WRONG_RECIPIENT, "the envelope is addressed to another agent")
    if header.sender != sender_card.did:
        raise EnvelopeError(
            EnvelopeReason.UNKNOWN_KEY, "the card at hand is not that of the envelope's sender"
        )
    check_times(header, now, max_skew)
    plaintext = _decrypt(envelope, me)
    key = sender_key(sender_card, header.sender_kid, header.sent_at, now, keys_seen)
    content = _verified(plaintext, header, key)
    return Opened(header, content.body, envelope.sha256, content.chain, content.seen, content.access_key)


def _header(draft: Draft, sender: Identity, recipient: AgentCard, key: EncryptionKey, now: float) -> Header:
    if not is_message_id(draft.message_id):
        raise EnvelopeError(EnvelopeReason.MALFORMED, "the message id is not of the form that it must have")
    sent_at, version = to_milliseconds(now), draft.version
    thread = draft.conversation_id
    if sender.did != recipient.did and names_thread_of(thread, sender.did, recipient.did):
        pending = thread.startswith(PENDING)
        thread = conversation_of(sender.did, recipient.did, pending=pending, version=version)
    return Header(
        message_id=short_message_id(draft.message_id) if version == 1 else draft.message_id,
        conversation_id=thread,
        sender=sender.did,
        recipient=recipient.did,
        schema=draft.schema,
        sent_at=sent_at,
        expires_at=to_milliseconds(sent_at + draft.lifetime),
        sender_kid=kid_of(sender.signing.public_raw, version),
        recipient_kid=kid_of(key.key, version),
        epoch=key.epoch,
        routing=draft.routing,
        version=version,
    )


def _encrypt(plaintext: bytes, key: EncryptionKey, header: Header) -> bytes:
    try:
        return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(key.key), _info(header))
    except ValueError:
        raise NoUsableKey(
            f"the encryption key {key.kid} of {header.recipient} is no usable X25519 key",
            next_step="ask that agent to rotate its encryption key and to publish a fresh card",
        ) from None


def _decrypt(envelope: Envelope, me: Identity) -> bytes:
    header = envelope.header
    own = me.encryption_key(header.recipient_kid)
    if own is None or own.epoch != header.epoch:
        raise EnvelopeError(
            EnvelopeReason.UNKNOWN_KEY,
            "the envelope is sealed to a key that this agent does not have (any more)",
        )
    try:
        return _SUITE.decrypt(envelope.enc + envelope.ciphertext, own.private.reveal(), _info(header))
    except (InvalidTag, ValueError):
        raise EnvelopeError(
            EnvelopeReason.BAD_CIPHERTEXT,
            "the envelope does not open: it was altered, or sealed to another header",
        ) from None


def _verified(plaintext: bytes, header: Header, key: bytes | None) -> Content:
    try:
        content = read_content(unpad(plaintext), header.version)
    except ProtocolError as error:
        raise EnvelopeError(EnvelopeReason.BAD_BODY, error.message) from None
    if key is None:
        raise EnvelopeError(
            EnvelopeReason.UNKNOWN_KEY,
            "the message is signed by a key that may not (or no longer) speak for its sender",
        )
    if not content.is_signed(header, key):
        raise EnvelopeError(EnvelopeReason.BAD_SIGNATURE, "the message is not signed by the agent it names")
    check_body(header.schema, content.body, header.routing)
    return content


def _info(header: Header) -> bytes:
    return _INFO[header.version] + canonical_json(header.to_json())

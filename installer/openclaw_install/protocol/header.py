"""An envelope's header: the fields that the relay reads, parsed strictly, and which it may not change."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from openclaw_install.protocol.canonical import b64u, canonical_json, parse_strict
from openclaw_install.protocol.did import CONVERSATION, DID, conversation_of, same_thread
from openclaw_install.protocol.errors import EnvelopeError, EnvelopeReason, ProtocolError
from openclaw_install.protocol.identity import MAX_LIFETIME
from openclaw_install.protocol.keys import KID, LONG_KID
from openclaw_install.protocol.shape import Instant, Json, Record, integer, octets, record, refused_as, text
from openclaw_install.protocol.times import MAX_SKEW

VERSIONS = (1, 2)
MAX_ENVELOPE_BYTES = 262_144
ENC_BYTES = 32
TAG_BYTES = 16
MESSAGE_ID = re.compile(r"msg_[0-7][0-9A-HJKMNP-TV-Z]{25}(?:[0-9A-HJKMNP-TV-Z]{8})?")
SCHEMA = re.compile(r"pingagent\.[a-z][a-z_]{0,31}@[1-9][0-9]{0,2}")
TASK_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
STATUS = re.compile(r"[a-z][a-z_]{0,31}")
_ANY_KID = re.compile(f"{KID.pattern}|{LONG_KID.pattern}")
_SHORT_LENGTH = 30
_RANDOM_BITS = 120
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True)
class Routing(Record):
    """The two fields of a task or a result that the relay may see."""

    task_id: Annotated[str, text(TASK_ID)] | None = None
    status: Annotated[str, text(STATUS)] | None = None


@dataclass(frozen=True)
class Header(Record):
    """All of an envelope but its content; times in seconds since 1970.

    Attributes:
        sender, recipient: DIDs; `from` and `to` on the wire.
        schema: of the body.
        sender_kid: the signing key of the sender, as its rotation log knows it.
        recipient_kid, epoch: the encryption key that it is sealed to.
        version: of the envelope, which decides how its thread and its keys are spelt.
    """

    message_id: Annotated[str, text(MESSAGE_ID)]
    conversation_id: Annotated[str, text(CONVERSATION)]
    sender: Annotated[str, text(DID), "from"]
    recipient: Annotated[str, text(DID), "to"]
    schema: Annotated[str, text(SCHEMA)]
    sent_at: Instant
    expires_at: Instant
    sender_kid: Annotated[str, text(_ANY_KID)]
    recipient_kid: Annotated[str, text(_ANY_KID)]
    epoch: Annotated[int, integer(1)]
    routing: Annotated[Routing, record(Routing)] = field(default=Routing())
    version: Annotated[int, integer(*VERSIONS), "v"] = 1


@dataclass(frozen=True)
class Envelope:
    """A sealed message as it travels.

    Attributes:
        enc: HPKE's encapsulated key.
        ciphertext: with its tag.
    """

    header: Header
    enc: bytes
    ciphertext: bytes

    def to_json(self) -> Json:
        """The envelope as a JSON object."""
        return {**self.header.to_json(), "enc": b64u(self.enc), "ciphertext": b64u(self.ciphertext)}

    @cached_property
    def wire(self) -> bytes:
        """The envelope's one canonical spelling: store and send this."""
        return canonical_json(self.to_json())

    @cached_property
    def sha256(self) -> str:
        """The hash of `wire` in hex, which receipts name."""
        return hashlib.sha256(self.wire).hexdigest()


def new_message_id(now: float) -> str:
    """A new id: 48 bits of milliseconds and 120 random bits, so that ids sort by time.

    Args:
        now: seconds since 1970.
    """
    number = (int(now * 1000) & (1 << 48) - 1) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return "msg_" + "".join(_CROCKFORD[number >> shift & 31] for shift in range(_RANDOM_BITS + 45, -1, -5))


def short_message_id(message_id: str) -> str:
    """The id by which version 1 of the envelope names a message: the beginning of it, 128 bits."""
    return message_id[:_SHORT_LENGTH]


def is_message_id(text_: str) -> bool:
    """Whether `text_` has the form of a message id."""
    return MESSAGE_ID.fullmatch(text_) is not None


def parse_envelope(wire: bytes | Mapping[str, Any]) -> Envelope:
    """The envelope on the wire, with every field checked; nothing is decrypted.

    Args:
        wire: the bytes as received, or the same already parsed by `parse_strict`.

    Raises:
        EnvelopeError: oversized, wrong_version, wrong_conversation (not that of both DIDs) or malformed.
    """
    document = _document(wire)
    with refused_as(_malformed):
        envelope = _read(document)
    if len(envelope.wire) > MAX_ENVELOPE_BYTES:
        raise _oversized()
    check_header(envelope.header)
    return envelope


def check_header(header: Header) -> None:
    """Raises EnvelopeError where the fields of a header contradict each other."""
    if header.sender == header.recipient:
        raise _malformed("an envelope is addressed to its own sender")
    if not header.sent_at < header.expires_at <= header.sent_at + MAX_LIFETIME:
        raise _malformed("an envelope lives longer than 14 days, or not at all")
    thread = conversation_of(header.sender, header.recipient, version=header.version)
    if not same_thread(header.conversation_id, thread):
        raise EnvelopeError(
            EnvelopeReason.WRONG_CONVERSATION, "the conversation is not that of the sender and the recipient"
        )


def check_times(header: Header, now: float, max_skew: float = MAX_SKEW) -> None:
    """Raises EnvelopeError with `expired` or `from_future` when the envelope is out of its time.

    Args:
        now: seconds since 1970 by the clock of the one who checks.
        max_skew: seconds by which the clocks may differ.
    """
    if header.expires_at + max_skew <= now:
        late = round(now - header.expires_at)
        raise EnvelopeError(
            EnvelopeReason.EXPIRED, f"the message expired {late} s ago by this machine's clock"
        )
    if header.sent_at > now + max_skew:
        early = round(header.sent_at - now)
        raise EnvelopeError(
            EnvelopeReason.FROM_FUTURE, f"the message was sent {early} s from now by this machine's clock"
        )


def _document(wire: bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    document: Any = wire
    if isinstance(wire, bytes):
        if len(wire) > MAX_ENVELOPE_BYTES:
            raise _oversized()
        with refused_as(_malformed):
            document = parse_strict(wire, MAX_ENVELOPE_BYTES)
    if not isinstance(document, Mapping):
        raise _malformed("an envelope is no JSON object")
    version = document.get("v")
    if type(version) is not int or version not in VERSIONS:
        raise EnvelopeError(EnvelopeReason.WRONG_VERSION, "this side speaks versions 1 and 2 of the envelope")
    return document


def _read(document: Mapping[str, Any]) -> Envelope:
    outside = dict(document)
    enc = octets(ENC_BYTES).read("enc", outside.pop("enc", None))
    ciphertext = octets().read("ciphertext", outside.pop("ciphertext", None))
    if len(ciphertext) <= TAG_BYTES:
        raise ProtocolError("ciphertext is too short to hold a message")
    header = Header.read(outside, "an envelope")
    # A message that was named under the first version keeps its id in the second.
    long = len(header.message_id) > _SHORT_LENGTH and header.version == 1
    kid = KID if header.version == 1 else LONG_KID
    if long or not (kid.fullmatch(header.sender_kid) and kid.fullmatch(header.recipient_kid)):
        raise ProtocolError("message_id or a key's id is that of another version of the envelope")
    return Envelope(header, enc, ciphertext)


def _malformed(message: str) -> EnvelopeError:
    return EnvelopeError(EnvelopeReason.MALFORMED, message)


def _oversized() -> EnvelopeError:
    return EnvelopeError(EnvelopeReason.OVERSIZED, f"the envelope has more than {MAX_ENVELOPE_BYTES} bytes")

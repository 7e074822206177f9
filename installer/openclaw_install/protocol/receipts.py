"""Commit receipts: the relay's signature for what it has durably on disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from openclaw_install.protocol.canonical import b64u, parse_strict, unb64u
from openclaw_install.protocol.did import DID
from openclaw_install.protocol.errors import ReceiptError
from openclaw_install.protocol.header import MESSAGE_ID, Envelope
from openclaw_install.protocol.keys import KEY_BYTES, SigningKey, is_signed
from openclaw_install.protocol.shape import (
    Instant,
    Record,
    Sha256,
    Signature,
    base64url,
    integer,
    refused_as,
    text,
)
from openclaw_install.protocol.times import to_milliseconds

MAX_RECEIPT_BYTES = 4096
LOG_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DOMAIN = b"pingagent-commit-receipt-v1\0"


@dataclass(frozen=True)
class CommitReceipt(Record):
    """What a relay signs when an envelope is durably in a recipient's inbox.

    Attributes:
        seq: the place in the recipient's inbox; 1 or more.
        committed_at: seconds since 1970 by the relay's clock.
        relay: the relay's id, which is its Ed25519 public key in base64url.
        log_id: names the relay's data; another one means that the data was lost or replaced.
        envelope_sha256: of the envelope's canonical bytes, in hex.
    """

    message_id: Annotated[str, text(MESSAGE_ID)]
    to: Annotated[str, text(DID)]
    seq: Annotated[int, integer(1)]
    committed_at: Instant
    relay: Annotated[str, base64url(KEY_BYTES)]
    log_id: Annotated[str, text(LOG_ID)]
    envelope_sha256: Sha256
    signature: Signature
    version: Annotated[int, integer(1, 1), "v"] = 1


def relay_id_of(key: SigningKey) -> str:
    """The id of the relay that signs with `key`."""
    return b64u(key.public_raw)


def sign_receipt(
    key: SigningKey, envelope: Envelope, seq: int, log_id: str, committed_at: float
) -> CommitReceipt:
    """The relay's receipt for `envelope` at place `seq` of its recipient's inbox.

    Raises:
        ReceiptError: the place is below 1, or the log's id is none.
    """
    if not is_committed(envelope.header.message_id, seq) or not LOG_ID.fullmatch(log_id):
        raise ReceiptError("a receipt needs a place of 1 or more and the id of a log")
    unsigned = CommitReceipt(
        message_id=envelope.header.message_id,
        to=envelope.header.recipient,
        seq=seq,
        committed_at=to_milliseconds(committed_at),
        relay=relay_id_of(key),
        log_id=log_id,
        envelope_sha256=envelope.sha256,
        signature=b"",
    )
    return read_receipt(signed(key, unsigned).to_json())


def signed(key: SigningKey, unsigned: CommitReceipt) -> CommitReceipt:
    """`unsigned` with the relay's signature; for a relay that reads its own records and trusts them.

    The signature is the same each time, so a receipt need not be stored to be given again.
    """
    return replace(unsigned, signature=key.sign(_DOMAIN, unsigned.content()))


def read_receipt(document: bytes | Mapping[str, Any]) -> CommitReceipt:
    """The receipt in `document`, its form checked and its signature held against the key that it names.

    Raises:
        ReceiptError: malformed, or not signed by the relay that it names.
    """
    with refused_as(ReceiptError):
        value = parse_strict(document, MAX_RECEIPT_BYTES) if isinstance(document, bytes) else document
        receipt = CommitReceipt.read(value, "a receipt")
    if not is_signed(unb64u(receipt.relay), receipt.signature, _DOMAIN, receipt.content()):
        raise ReceiptError("the receipt is not signed by the relay that it names")
    return receipt


def verify_receipt(document: bytes | Mapping[str, Any], relay_id: str, envelope: Envelope) -> CommitReceipt:
    """The receipt in `document`, if `relay_id` gave it for exactly this envelope.

    Raises:
        ReceiptError: malformed, forged, another relay's, or for another envelope.
    """
    receipt = read_receipt(document)
    if receipt.relay != relay_id:
        raise ReceiptError(
            "the receipt is signed by another relay than the one that this host knows",
            next_step="check PINGAGENT_SERVER_URL; if the relay was set up anew, register with it again",
        )
    header = envelope.header
    named = (receipt.message_id, receipt.to, receipt.envelope_sha256)
    if named != (header.message_id, header.recipient, envelope.sha256):
        raise ReceiptError("the receipt is for another envelope")
    return receipt


def is_committed(message_id: str | None, seq: int | None) -> bool:
    """Whether an answer to a send counts as committed: a message id, and a place of 1 or more."""
    return bool(message_id) and type(seq) is int and seq >= 1

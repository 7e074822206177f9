"""Two agents with fixed keys, a relay's key, and an independent HPKE (RFC 9180) to hold ours against."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from openclaw_install.protocol.card import AgentCard, make_card
from openclaw_install.protocol.did import conversation_of
from openclaw_install.protocol.envelope import Draft, Envelope, seal
from openclaw_install.protocol.identity import Identity, identity_from
from openclaw_install.protocol.keys import DecryptionKey, SigningKey
from openclaw_install.protocol.messages import TEXT, text_body

NOW = 1_795_225_666.551
MESSAGE_ID = "msg_01M7XWKGZPNNHMK8DFE3CA69Y5"
RELAY = SigningKey.from_seed(bytes([9]) * 32)


def agent(number: int, now: float = NOW, **names: str) -> Identity:
    """The agent whose private keys are made of `number` and `number` + 100."""
    return identity_from(
        SigningKey.from_seed(bytes([number]) * 32),
        DecryptionKey.from_seed(bytes([number + 100]) * 32),
        now,
        alias=names.get("alias"),
        display_name=names.get("display_name"),
    )


@dataclass(frozen=True)
class Pair:
    """A sender and a recipient with their cards."""

    sender: Identity
    recipient: Identity
    sender_card: AgentCard
    recipient_card: AgentCard

    @property
    def conversation(self) -> str:
        return conversation_of(self.sender.did, self.recipient.did)

    def draft(self, **changes: Any) -> Draft:
        fields: dict[str, Any] = {
            "message_id": MESSAGE_ID,
            "conversation_id": self.conversation,
            "schema": TEXT,
        }
        return Draft(**{**fields, **changes})

    def sealed(self, body: dict[str, Any] | None = None, now: float = NOW, **changes: Any) -> Envelope:
        return seal(
            text_body("hello") if body is None else body,
            self.draft(**changes),
            self.sender,
            self.recipient_card,
            now,
        )


def pair(now: float = NOW) -> Pair:
    """Ann writes to Bob."""
    sender, recipient = agent(1, now, alias="ann"), agent(2, now)
    return Pair(sender, recipient, make_card(sender, 1, now), make_card(recipient, 1, now))


def hpke_seal(
    plaintext: bytes, recipient: bytes, info: bytes, ephemeral: bytes, aad: bytes = b""
) -> tuple[bytes, bytes]:
    """(enc, ciphertext) in base mode with a given ephemeral key, which no library offers for good reason."""
    private = X25519PrivateKey.from_private_bytes(ephemeral)
    enc = private.public_key().public_bytes_raw()
    shared = private.exchange(X25519PublicKey.from_public_bytes(recipient))
    key, nonce = _schedule(_kem(shared, enc, recipient), info)
    return enc, ChaCha20Poly1305(key).encrypt(nonce, plaintext, aad)


def hpke_open(enc: bytes, ciphertext: bytes, private: bytes, info: bytes, aad: bytes = b"") -> bytes:
    """The plaintext, in base mode."""
    own = X25519PrivateKey.from_private_bytes(private)
    shared = own.exchange(X25519PublicKey.from_public_bytes(enc))
    key, nonce = _schedule(_kem(shared, enc, own.public_key().public_bytes_raw()), info)
    return ChaCha20Poly1305(key).decrypt(nonce, ciphertext, aad)


_KEM_SUITE = b"KEM" + (0x20).to_bytes(2, "big")
_HPKE_SUITE = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x20, 0x01, 0x03))


def _kem(shared: bytes, enc: bytes, recipient: bytes) -> bytes:
    secret = _extract(_KEM_SUITE, b"", b"eae_prk", shared)
    return _expand(_KEM_SUITE, secret, b"shared_secret", enc + recipient, 32)


def _schedule(shared: bytes, info: bytes) -> tuple[bytes, bytes]:
    psk_id = _extract(_HPKE_SUITE, b"", b"psk_id_hash", b"")
    context = b"\0" + psk_id + _extract(_HPKE_SUITE, b"", b"info_hash", info)
    secret = _extract(_HPKE_SUITE, shared, b"secret", b"")
    key = _expand(_HPKE_SUITE, secret, b"key", context, 32)
    return key, _expand(_HPKE_SUITE, secret, b"base_nonce", context, 12)


def _extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, hashlib.sha256)


def _expand(suite: bytes, secret: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand for up to one block of SHA-256, which is all that this suite needs."""
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(secret, labelled + b"\1", hashlib.sha256)[:length]

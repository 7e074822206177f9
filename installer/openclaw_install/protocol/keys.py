"""Private keys that print, pickle and copy as nothing, and the checks of signatures made with them."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from openclaw_install.common.redaction import MASK
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.shape import Json

KID = re.compile(r"k_[a-z2-7]{26}")
LONG_KID = re.compile(r"k_[a-z2-7]{32}")
KEY_BYTES = 32
SIGNATURE_BYTES = 64


class _Hidden:
    """What a private key must not do: show itself, or leave the process by pickling or copying."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({MASK})"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is neither pickled nor copied")


class SigningKey(_Hidden):
    """An Ed25519 private key: an agent's, or a relay's for its receipts."""

    __slots__ = ("_private", "public_raw")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public_raw = private.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key from the system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The key whose 32 private bytes are `seed`."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def kid(self) -> str:
        return kid_of(self.public_raw)

    def sign(self, domain: bytes, document: Json) -> bytes:
        """The signature of `document` for one purpose; `domain` keeps it from passing for another."""
        return self._private.sign(domain + canonical_json(document))

    def reveal(self) -> Ed25519PrivateKey:
        """The key itself, for the token library."""
        return self._private

    def reveal_seed(self) -> bytes:
        """The 32 private bytes, for the one place that writes them."""
        return self._private.private_bytes_raw()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SigningKey) and other.public_raw == self.public_raw

    def __hash__(self) -> int:
        return hash(self.public_raw)


class DecryptionKey(_Hidden):
    """An X25519 private key: opens what was sealed to its public half."""

    __slots__ = ("_private", "public_raw")

    def __init__(self, private: X25519PrivateKey) -> None:
        self._private = private
        self.public_raw = private.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> DecryptionKey:
        """A new key from the system's randomness."""
        return cls(X25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> DecryptionKey:
        """The key whose 32 private bytes are `seed`."""
        return cls(X25519PrivateKey.from_private_bytes(seed))

    @property
    def kid(self) -> str:
        return kid_of(self.public_raw)

    def reveal(self) -> X25519PrivateKey:
        """The key itself, for HPKE."""
        return self._private

    def reveal_seed(self) -> bytes:
        """The 32 private bytes, for the one place that writes them."""
        return self._private.private_bytes_raw()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DecryptionKey) and other.public_raw == self.public_raw

    def __hash__(self) -> int:
        return hash(self.public_raw)


def kid_of(public_raw: bytes, version: int = 1) -> str:
    """The id of a public key: a hash of it, so an id can't be put on another key.

    Args:
        version: 1 for 128 bits of the hash, as cards and the first version of the envelope name keys; 2 for
            160 bits, as the second version does.
    """
    digest = hashlib.sha256(f"pingagent-kid-v{version}\0".encode() + public_raw).digest()
    kept = digest[: 20 if version == 2 else 16]
    return "k_" + base64.b32encode(kept).decode("ascii").rstrip("=").lower()


def names_key(kid: str, public_raw: bytes) -> bool:
    """Whether `kid` is one of the two ids of a public key."""
    return kid in (kid_of(public_raw, 2), kid_of(public_raw))


def is_signed(public_raw: bytes, signature: bytes, domain: bytes, document: Json) -> bool:
    """Whether `signature` over `document` for the purpose `domain` was made with the key of `public_raw`."""
    try:
        Ed25519PublicKey.from_public_bytes(public_raw).verify(signature, domain + canonical_json(document))
    except (InvalidSignature, ValueError):
        return False
    return True

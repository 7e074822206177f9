"""Private keys that print, pickle and copy as nothing, and the checks of signatures made with them."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Generic, NoReturn, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from openclaw_install.common.redaction import MASK
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.shape import Form, Json, octets

KID = re.compile(r"k_[a-z2-7]{26}")
LONG_KID = re.compile(r"k_[a-z2-7]{32}")
KEY_BYTES = 32


K = TypeVar("K", Ed25519PrivateKey, X25519PrivateKey)


class _PrivateKey(Generic[K]):
    """What a private key must not do: show itself, or leave the process by pickling or copying."""

    __slots__ = ("_private", "public_raw")
    _private: K
    public_raw: bytes

    def __init__(self, private: K) -> None:
        self._private = private
        self.public_raw = private.public_key().public_bytes_raw()

    @property
    def kid(self) -> str:
        return kid_of(self.public_raw)

    def reveal(self) -> K:
        """The key itself, for the library that signs or decrypts with it."""
        return self._private

    def reveal_seed(self) -> bytes:
        """The 32 private bytes, for the one place that writes them."""
        return self._private.private_bytes_raw()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and other.public_raw == self.public_raw

    def __hash__(self) -> int:
        return hash(self.public_raw)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({MASK})"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is neither pickled nor copied")


class SigningKey(_PrivateKey[Ed25519PrivateKey]):
    """An Ed25519 private key: an agent's, or a relay's for its receipts."""

    __slots__ = ()

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key from the system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The key whose 32 private bytes are `seed`."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    def sign(self, domain: bytes, document: Json) -> bytes:
        """The signature of `document` for one purpose; `domain` keeps it from passing for another."""
        return self._private.sign(domain + canonical_json(document))


class DecryptionKey(_PrivateKey[X25519PrivateKey]):
    """An X25519 private key: opens what was sealed to its public half."""

    __slots__ = ()

    @classmethod
    def generate(cls) -> DecryptionKey:
        """A new key from the system's randomness."""
        return cls(X25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> DecryptionKey:
        """The key whose 32 private bytes are `seed`."""
        return cls(X25519PrivateKey.from_private_bytes(seed))


def seed_of(kind: type[SigningKey | DecryptionKey]) -> Form:
    """The form of a private key in an identity's own file, in the clear."""
    seed = octets(KEY_BYTES)
    return Form(
        lambda name, value: kind.from_seed(seed.read(name, value)), lambda key: seed.write(key.reveal_seed())
    )


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

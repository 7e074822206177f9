"""An identity as JSON, in its own file or sealed with a passphrase for another machine."""

from __future__ import annotations

import json
import re
import secrets
import unicodedata
from dataclasses import dataclass, field, replace
from typing import Annotated

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from openclaw_install.common.redaction import Secret
from openclaw_install.protocol.canonical import canonical_json, parse_strict
from openclaw_install.protocol.did import DID
from openclaw_install.protocol.errors import IdentityError, ProtocolError
from openclaw_install.protocol.identity import Identity
from openclaw_install.protocol.keys import KEY_BYTES
from openclaw_install.protocol.rotation import verify_rotation
from openclaw_install.protocol.shape import Record, integer, octets, record, refused_as, text

MAX_IDENTITY_BYTES = 262_144
MAX_EXPORT_BYTES = 524_288
SHORTEST_PASSPHRASE = 8
_EXPORT_SCHEMA = re.compile(r"pingagent\.identity-export@1")
_N = 2**17
_ALLOWED_N = frozenset(2**power for power in range(14, 19))
_SALT_BYTES, _NONCE_BYTES = 16, 12


@dataclass(frozen=True)
class _KeyDerivation(Record):
    """How the key comes from the passphrase; other parameters than ours are taken within bounds."""

    salt: Annotated[bytes, octets(_SALT_BYTES)]
    n: Annotated[int, integer(min(_ALLOWED_N), max(_ALLOWED_N))]
    name: Annotated[str, text(re.compile("scrypt"))] = "scrypt"
    r: Annotated[int, integer(8, 8)] = 8
    p: Annotated[int, integer(1, 4)] = 1

    def key(self, passphrase: Secret) -> bytes:
        """The key that the passphrase stands for.

        Raises:
            ProtocolError: the cost is none that scrypt has.
        """
        if self.n not in _ALLOWED_N:
            raise ProtocolError("n is no power of two")
        # Keyboards spell the same character in several ways; NFKC makes them one.
        spelled = unicodedata.normalize("NFKC", passphrase.reveal()).encode("utf-8", "surrogatepass")
        return Scrypt(salt=self.salt, length=KEY_BYTES, n=self.n, r=self.r, p=self.p).derive(spelled)


@dataclass(frozen=True)
class _Export(Record):
    """An exported identity."""

    schema: Annotated[str, text(_EXPORT_SCHEMA)] = field(default="pingagent.identity-export@1", kw_only=True)
    did: Annotated[str, text(DID)]
    kdf: Annotated[_KeyDerivation, record(_KeyDerivation)]
    nonce: Annotated[bytes, octets(_NONCE_BYTES)]
    ciphertext: Annotated[bytes, octets()] = b""

    @property
    def outside(self) -> bytes:
        """All but what is sealed, which is bound to it."""
        document = self.to_json()
        del document["ciphertext"]
        return canonical_json(document)


def write_identity(identity: Identity) -> bytes:
    """The content of an identity file; it holds every private key in the clear."""
    return json.dumps(identity.to_json(), indent=2, ensure_ascii=False).encode() + b"\n"


def read_identity(data: bytes) -> Identity:
    """The identity that `write_identity` wrote, with its log and its keys checked against each other.

    Raises:
        IdentityError: damaged; the text names the field and holds none of its content.
    """
    with refused_as(_damaged):
        identity = Identity.read(parse_strict(data, MAX_IDENTITY_BYTES), "an identity")
        if verify_rotation(identity.did, identity.rotation) != identity.signing.public_raw:
            raise ProtocolError("the signing key is not the one that the rotation log ends with")
        epochs = [key.epoch for key in identity.encryption]
        if sorted(set(epochs)) != epochs:
            raise ProtocolError("the encryption keys are out of order")
    return identity


def export_identity(identity: Identity, passphrase: Secret) -> bytes:
    """The identity sealed with a passphrase (scrypt, then ChaCha20-Poly1305).

    Raises:
        IdentityError: the passphrase has fewer than 8 characters.
    """
    if passphrase.length < SHORTEST_PASSPHRASE:
        raise IdentityError(
            f"the passphrase has fewer than {SHORTEST_PASSPHRASE} characters",
            next_step="choose a longer one: whoever has the file can try passphrases without end",
            code="identity.passphrase_short",
        )
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    export = _Export(identity.did, _KeyDerivation(salt, _N), nonce)
    cipher = ChaCha20Poly1305(export.kdf.key(passphrase))
    sealed = cipher.encrypt(nonce, write_identity(identity), export.outside)
    return json.dumps(replace(export, ciphertext=sealed).to_json(), indent=2).encode() + b"\n"


def import_identity(data: bytes, passphrase: Secret) -> Identity:
    """The identity that `export_identity` sealed.

    Raises:
        IdentityError: malformed, key-derivation parameters outside what this version makes or accepts, a
            wrong passphrase, or an altered file (the last two cannot be told apart).
    """
    with refused_as(_not_exported):
        export = _Export.read(parse_strict(data, MAX_EXPORT_BYTES), "an exported identity")
        key = export.kdf.key(passphrase)
    try:
        plaintext = ChaCha20Poly1305(key).decrypt(export.nonce, export.ciphertext, export.outside)
    except InvalidTag:
        raise IdentityError(
            "the exported identity does not open: the passphrase is wrong, or the file was altered",
            next_step="type the passphrase again; if it is right, export the identity anew",
            code="identity.import_refused",
        ) from None
    identity = read_identity(plaintext)
    if identity.did != export.did:
        raise _not_exported("its inside is another agent's than its outside says")
    return identity


def _damaged(message: str) -> IdentityError:
    return IdentityError(
        f"the identity is damaged: {message}",
        next_step="restore it from its backup or from an export: pingagent identity import",
        code="identity.damaged",
    )


def _not_exported(message: str) -> IdentityError:
    return IdentityError(
        f"this is no exported identity that this version can open: {message}",
        next_step="export it again with: pingagent identity export",
        code="identity.import_malformed",
    )

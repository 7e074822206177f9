"""An identity as JSON, in its own file or sealed with a passphrase for another machine."""

from __future__ import annotations

import json
import re
import secrets
import unicodedata
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from openclaw_install.common.redaction import Secret
from openclaw_install.protocol.canonical import b64u, canonical_json, parse_strict
from openclaw_install.protocol.did import DID
from openclaw_install.protocol.errors import IdentityError, ProtocolError
from openclaw_install.protocol.identity import MAX_OWN_KEYS, Identity, OwnEncryptionKey, rename
from openclaw_install.protocol.keys import KEY_BYTES, DecryptionKey, SigningKey
from openclaw_install.protocol.rotation import read_rotation, verify_rotation
from openclaw_install.protocol.shape import Json, instant, integer, items, octets, only, text
from openclaw_install.protocol.times import iso

MAX_IDENTITY_BYTES = 262_144
MAX_EXPORT_BYTES = 524_288
SHORTEST_PASSPHRASE = 8
_SCHEMA = re.compile(r"pingagent\.identity@1")
_EXPORT_SCHEMA = re.compile(r"pingagent\.identity-export@1")
_SCRYPT = re.compile(r"scrypt")
_FIELDS = frozenset({"schema", "did", "signing_seed", "rotation", "encryption"})
_NAMES = frozenset({"alias", "display_name"})
_KEY_FIELDS = frozenset({"seed", "epoch", "created_at", "expires_at"})
_EXPORT_FIELDS = frozenset({"schema", "did", "kdf", "nonce", "ciphertext"})
_KDF_FIELDS = frozenset({"name", "n", "r", "p", "salt"})
_N, _R, _P = 2**17, 8, 1
_ALLOWED_N = frozenset(2**power for power in range(14, 19))
_MOST_P = 4
_SALT_BYTES, _NONCE_BYTES = 16, 12


def write_identity(identity: Identity) -> bytes:
    """The content of an identity file; it holds every private key in the clear."""
    names = {"alias": identity.alias, "display_name": identity.display_name}
    document = {
        "schema": "pingagent.identity@1",
        "did": identity.did,
        **{key: value for key, value in names.items() if value is not None},
        "signing_seed": b64u(identity.signing.reveal_seed()),
        "rotation": [entry.to_json() for entry in identity.rotation],
        "encryption": [
            {
                "seed": b64u(key.private.reveal_seed()),
                "epoch": key.epoch,
                "created_at": iso(key.created_at),
                "expires_at": iso(key.expires_at),
            }
            for key in identity.encryption
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def read_identity(data: bytes) -> Identity:
    """The identity that `write_identity` wrote, with its log and its keys checked against each other.

    Raises:
        IdentityError: damaged; the text names the field and holds none of its content.
    """
    try:
        document = only(parse_strict(data, MAX_IDENTITY_BYTES), "an identity", _FIELDS, _NAMES)
        return _identity(document)
    except IdentityError:
        raise
    except ProtocolError as error:
        raise _damaged(error.message) from None


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
    outside = {
        "schema": "pingagent.identity-export@1",
        "did": identity.did,
        "kdf": {"name": "scrypt", "n": _N, "r": _R, "p": _P, "salt": b64u(salt)},
        "nonce": b64u(nonce),
    }
    key = _derive(passphrase, salt, _N, _R, _P)
    sealed = ChaCha20Poly1305(key).encrypt(nonce, write_identity(identity), canonical_json(outside))
    return json.dumps({**outside, "ciphertext": b64u(sealed)}, indent=2).encode() + b"\n"


def import_identity(data: bytes, passphrase: Secret) -> Identity:
    """The identity that `export_identity` sealed.

    Raises:
        IdentityError: malformed, key-derivation parameters outside what this version makes or accepts, a
            wrong passphrase, or an altered file (the last two cannot be told apart).
    """
    try:
        document = only(parse_strict(data, MAX_EXPORT_BYTES), "an exported identity", _EXPORT_FIELDS)
        text(document, "schema", _EXPORT_SCHEMA)
        did = text(document, "did", DID)
        nonce = octets(document, "nonce", _NONCE_BYTES)
        ciphertext = octets(document, "ciphertext")
        key = _derived(document["kdf"], passphrase)
    except ProtocolError as error:
        raise _not_exported(error.message) from None
    outside = {name: value for name, value in document.items() if name != "ciphertext"}
    try:
        plaintext = ChaCha20Poly1305(key).decrypt(nonce, ciphertext, canonical_json(outside))
    except InvalidTag:
        raise IdentityError(
            "the exported identity does not open: the passphrase is wrong, or the file was altered",
            next_step="type the passphrase again; if it is right, export the identity anew",
            code="identity.import_refused",
        ) from None
    identity = read_identity(plaintext)
    if identity.did != did:
        raise _not_exported("its inside is another agent's than its outside says")
    return identity


def _identity(document: Json) -> Identity:
    text(document, "schema", _SCHEMA)
    did = text(document, "did", DID)
    signing = SigningKey.from_seed(octets(document, "signing_seed", KEY_BYTES))
    rotation = read_rotation(document["rotation"])
    if verify_rotation(did, rotation) != signing.public_raw:
        raise _damaged("the signing key is not the one that the rotation log ends with")
    keys = tuple(_own_key(item) for item in items(document, "encryption", MAX_OWN_KEYS))
    epochs = [key.epoch for key in keys]
    if not keys or sorted(set(epochs)) != epochs:
        raise _damaged("the encryption keys are missing or out of order")
    bare = Identity(did=did, signing=signing, rotation=rotation, encryption=keys)
    return rename(bare, alias=_name(document, "alias"), display_name=_name(document, "display_name"))


def _own_key(value: Any) -> OwnEncryptionKey:
    document = only(value, "an encryption key", _KEY_FIELDS)
    return OwnEncryptionKey(
        private=DecryptionKey.from_seed(octets(document, "seed", KEY_BYTES)),
        epoch=integer(document, "epoch", 1),
        created_at=instant(document, "created_at"),
        expires_at=instant(document, "expires_at"),
    )


def _name(document: Json, key: str) -> str | None:
    value = document.get(key)
    if value is not None and type(value) is not str:
        raise _damaged(f"{key} is no text")
    return value


def _derived(value: Any, passphrase: Secret) -> bytes:
    kdf = only(value, "kdf", _KDF_FIELDS)
    text(kdf, "name", _SCRYPT)
    n = integer(kdf, "n", min(_ALLOWED_N), max(_ALLOWED_N))
    r, p = integer(kdf, "r", _R, _R), integer(kdf, "p", 1, _MOST_P)
    if n not in _ALLOWED_N:
        raise ProtocolError("n is no power of two")
    return _derive(passphrase, octets(kdf, "salt", _SALT_BYTES), n, r, p)


def _derive(passphrase: Secret, salt: bytes, n: int, r: int, p: int) -> bytes:
    # Keyboards spell the same character in several ways; NFKC makes them one.
    spelled = unicodedata.normalize("NFKC", passphrase.reveal()).encode("utf-8", "surrogatepass")
    return Scrypt(salt=salt, length=KEY_BYTES, n=n, r=r, p=p).derive(spelled)


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

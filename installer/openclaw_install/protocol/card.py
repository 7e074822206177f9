"""An agent's card: what others need to know to seal a message to it and to check its signatures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from openclaw_install.protocol.canonical import b64u, parse_strict
from openclaw_install.protocol.did import ALIAS, DID, fold_alias, is_display_name
from openclaw_install.protocol.errors import CardError, NoUsableKey, ProtocolError
from openclaw_install.protocol.identity import MAX_LIFETIME, Identity
from openclaw_install.protocol.keys import (
    KEY_BYTES,
    KID,
    SIGNATURE_BYTES,
    SigningKey,
    is_signed,
    kid_of,
    names_key,
)
from openclaw_install.protocol.rotation import (
    NEVER_SEEN,
    FirstSeen,
    RotationEntry,
    ended_at,
    extends,
    forks,
    read_rotation,
    verify_rotation,
)
from openclaw_install.protocol.shape import Json, instant, integer, items, octets, only, text
from openclaw_install.protocol.times import MAX_SKEW, iso, to_milliseconds

CARD_SCHEMA = "pingagent.card@1"
MAX_CARD_BYTES = 98_304
MAX_ENCRYPTION_KEYS = 8
MAX_CAPABILITIES = 64
ENVELOPE_2 = "pingagent.envelope/2"
"""The capability by which a card says that its agent reads version 2 of the envelope."""
CAPABILITY = re.compile(r"[a-z0-9](?:[a-z0-9._:/-]{0,62}[a-z0-9])?")
_CARD_DOMAIN = b"pingagent-card-v1\0"
_KEY_DOMAIN = b"pingagent-encryption-key-v1\0"
_SCHEMA = re.compile(re.escape(CARD_SCHEMA))
_REQUIRED = frozenset(
    {
        "schema",
        "did",
        "version",
        "issued_at",
        "capabilities",
        "rotation",
        "signing_key",
        "encryption_keys",
        "signature",
    }
)
_OPTIONAL = frozenset({"alias", "display_name"})
_KEY_FIELDS = frozenset({"kid", "epoch", "key", "not_before", "expires_at", "signature"})

Succession = Literal["succeeds", "same", "rollback", "fork", "other_agent"]


@dataclass(frozen=True)
class EncryptionKey:
    """A published X25519 key.

    Attributes:
        kid: derived from the key.
        epoch: the agent's counter of such keys.
        key: 32 raw bytes.
        not_before, expires_at: the seconds since 1970 between which one may seal to it.
        signature: by the agent's current signing key.
    """

    kid: str
    epoch: int
    key: bytes
    not_before: float
    expires_at: float
    signature: bytes

    def content(self, did: str) -> Json:
        """What the signature covers."""
        return {"did": did, **{key: value for key, value in self.to_json().items() if key != "signature"}}

    def to_json(self) -> Json:
        """The key as it stands in a card."""
        return {
            "kid": self.kid,
            "epoch": self.epoch,
            "key": b64u(self.key),
            "not_before": iso(self.not_before),
            "expires_at": iso(self.expires_at),
            "signature": b64u(self.signature),
        }


@dataclass(frozen=True)
class AgentCard:
    """A card whose signatures hold: `make_card` and `verify_card` make one, `recorded_card` rereads it."""

    did: str
    version: int
    issued_at: float
    alias: str | None
    display_name: str | None
    capabilities: tuple[str, ...]
    rotation: tuple[RotationEntry, ...]
    signing_key: bytes
    encryption_keys: tuple[EncryptionKey, ...]
    signature: bytes

    def to_json(self) -> Json:
        """The card as others read it."""
        return {**self.content(), "signature": b64u(self.signature)}

    def content(self) -> Json:
        """What the signature covers: all but itself."""
        names = {"alias": self.alias, "display_name": self.display_name}
        return {
            "schema": CARD_SCHEMA,
            "did": self.did,
            "version": self.version,
            "issued_at": iso(self.issued_at),
            **{key: value for key, value in names.items() if value is not None},
            "capabilities": list(self.capabilities),
            "rotation": [entry.to_json() for entry in self.rotation],
            "signing_key": b64u(self.signing_key),
            "encryption_keys": [key.to_json() for key in self.encryption_keys],
        }


def make_card(identity: Identity, version: int, now: float, *, capabilities: Sequence[str] = ()) -> AgentCard:
    """The card of `identity` with every encryption key that others may still seal to.

    Args:
        version: one more than that of the card before.
        now: seconds since 1970.
        capabilities: short names of what the agent can do.

    Raises:
        CardError: the version or a capability is not allowed.
    """
    usable = [key for key in identity.encryption if now < key.expires_at][-MAX_ENCRYPTION_KEYS:]
    unsigned = AgentCard(
        did=identity.did,
        version=version,
        issued_at=to_milliseconds(now),
        alias=identity.alias,
        display_name=identity.display_name,
        capabilities=tuple(capabilities),
        rotation=identity.rotation,
        signing_key=identity.signing.public_raw,
        encryption_keys=tuple(
            _published(identity, key.private.public_raw, key.epoch, key.created_at, key.expires_at)
            for key in usable
        ),
        signature=b"",
    )
    signature = identity.signing.sign(_CARD_DOMAIN, unsigned.content())
    return verify_card({**unsigned.content(), "signature": b64u(signature)})


def verify_card(document: bytes | Mapping[str, Any]) -> AgentCard:
    """The card in `document`, once all its signatures hold.

    Raises:
        CardError: malformed, larger than 96 KiB, or a signature does not hold.
        RotationError: the log does not lead from the DID to the signing key.
    """
    try:
        value = parse_strict(document, MAX_CARD_BYTES) if isinstance(document, bytes) else document
        card = _read(only(value, "a card", _REQUIRED, _OPTIONAL))
    except CardError:
        raise
    except ProtocolError as error:
        raise CardError(error.message) from None
    if verify_rotation(card.did, card.rotation) != card.signing_key:
        raise CardError("the card's signing key is not the one that its rotation log ends with")
    if not is_signed(card.signing_key, card.signature, _CARD_DOMAIN, card.content()):
        raise CardError("the card is not signed by its own signing key")
    for key in card.encryption_keys:
        if not is_signed(card.signing_key, key.signature, _KEY_DOMAIN, key.content(card.did)):
            raise CardError(f"the encryption key {key.kid} is not signed by the agent")
    return card


def recorded_card(document: bytes) -> AgentCard:
    """The card in `document`, its form checked and no signature: for a relay that reads its own records.

    Whoever asks names the card that is read, before anything is proven, and the signatures of a long log take
    many times as long as reading it.

    Raises:
        CardError: malformed.
    """
    try:
        return _read(only(parse_strict(document, MAX_CARD_BYTES), "a card", _REQUIRED, _OPTIONAL))
    except CardError:
        raise
    except ProtocolError as error:
        raise CardError(error.message) from None


def newest_usable_key(card: AgentCard, now: float, max_skew: float = MAX_SKEW) -> EncryptionKey:
    """The key of the highest epoch to which one may seal now.

    Raises:
        NoUsableKey: there is none; the message must not be sent then, least of all in plaintext.
    """
    usable = [key for key in card.encryption_keys if key.not_before - max_skew <= now < key.expires_at]
    if not usable:
        raise NoUsableKey(
            f"{card.did} publishes no encryption key that may be used now",
            next_step="wait until that agent has been online and published a fresh card, then send again; "
            "compare the clocks if it is online",
        )
    return max(usable, key=lambda key: key.epoch)


def sender_key(
    card: AgentCard, kid: str, sent_at: float, now: float, seen: FirstSeen = NEVER_SEEN
) -> bytes | None:
    """The raw key by which the agent may have signed a message at `sent_at`.

    The current key always may. An earlier one may for what was signed before its successor took over, and
    only until no such message can be under way; after that it is worth nothing to a thief.

    Args:
        seen: when the verifier first saw the entries of the card's log.

    Returns:
        None: no key of the rotation log with this id may have signed it.
    """
    for number, entry in enumerate(card.rotation):
        if not names_key(kid, entry.key):
            continue
        if entry.key == card.signing_key:
            return entry.key
        ended = ended_at(card.rotation, number, now, seen)
        in_flight = ended is not None and sent_at <= ended and now <= ended + MAX_LIFETIME + MAX_SKEW
        return entry.key if in_flight else None
    return None


def reads_version_2(card: AgentCard) -> bool:
    """Whether the card says that its agent reads version 2 of the envelope.

    It says so by a capability: a field that earlier versions do not know would make them refuse the card.
    """
    return ENVELOPE_2 in card.capabilities


def succession(old: AgentCard, new: AgentCard) -> Succession:
    """How `new` relates to `old`: its successor, the same, an older state, or a contradiction."""
    if old.did != new.did:
        return "other_agent"
    if forks(old.rotation, new.rotation):
        return "fork"
    if old.version == new.version:
        return "same" if old.content() == new.content() else "fork"
    behind = new.version < old.version or not extends(old.rotation, new.rotation)
    return "rollback" if behind or _newest_epoch(new) < _newest_epoch(old) else "succeeds"


def succeeds(old: AgentCard, new: AgentCard) -> bool:
    """Whether `new` may replace `old`."""
    return succession(old, new) == "succeeds"


def _newest_epoch(card: AgentCard) -> int:
    return max((key.epoch for key in card.encryption_keys), default=0)


def _published(
    identity: Identity, raw: bytes, epoch: int, not_before: float, expires_at: float
) -> EncryptionKey:
    unsigned = EncryptionKey(kid_of(raw), epoch, raw, not_before, expires_at, b"")
    return EncryptionKey(
        unsigned.kid,
        epoch,
        raw,
        not_before,
        expires_at,
        _key_signature(identity.signing, unsigned, identity.did),
    )


def _key_signature(signing: SigningKey, key: EncryptionKey, did: str) -> bytes:
    return signing.sign(_KEY_DOMAIN, key.content(did))


def _read(document: Json) -> AgentCard:
    text(document, "schema", _SCHEMA)
    keys = tuple(_read_key(item) for item in items(document, "encryption_keys", MAX_ENCRYPTION_KEYS))
    if len({key.epoch for key in keys}) != len(keys) or len({key.kid for key in keys}) != len(keys):
        raise CardError("two encryption keys of the card share an epoch or an id")
    return AgentCard(
        did=text(document, "did", DID),
        version=integer(document, "version", 1),
        issued_at=instant(document, "issued_at"),
        alias=_alias(document),
        display_name=_display_name(document),
        capabilities=_capabilities(document),
        rotation=read_rotation(document["rotation"]),
        signing_key=octets(document, "signing_key", KEY_BYTES),
        encryption_keys=keys,
        signature=octets(document, "signature", SIGNATURE_BYTES),
    )


def _alias(document: Json) -> str | None:
    return fold_alias(text(document, "alias", ALIAS)) if "alias" in document else None


def _display_name(document: Json) -> str | None:
    if "display_name" not in document:
        return None
    name = document["display_name"]
    if type(name) is not str or not is_display_name(name):
        raise CardError("the display name of the card hides or reorders characters, or is too long")
    return name


def _capabilities(document: Json) -> tuple[str, ...]:
    names = items(document, "capabilities", MAX_CAPABILITIES)
    if any(type(name) is not str or not CAPABILITY.fullmatch(name) for name in names):
        raise CardError("a capability of the card is not of the form that it must have")
    return tuple(names)


def _read_key(value: Any) -> EncryptionKey:
    document = only(value, "an encryption key", _KEY_FIELDS)
    key = EncryptionKey(
        kid=text(document, "kid", KID),
        epoch=integer(document, "epoch", 1),
        key=octets(document, "key", KEY_BYTES),
        not_before=instant(document, "not_before"),
        expires_at=instant(document, "expires_at"),
        signature=octets(document, "signature", SIGNATURE_BYTES),
    )
    if key.kid != kid_of(key.key):
        raise CardError("an encryption key of the card carries another key's id")
    if key.expires_at <= key.not_before:
        raise CardError("an encryption key of the card expires before it begins")
    return key

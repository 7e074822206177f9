"""An agent's card: what others need to know to seal a message to it and to check its signatures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

from openclaw_install.protocol.canonical import parse_strict
from openclaw_install.protocol.did import ALIAS, DID, DisplayName
from openclaw_install.protocol.errors import CardError, NoUsableKey, ProtocolError
from openclaw_install.protocol.identity import MAX_LIFETIME, Identity, OwnEncryptionKey
from openclaw_install.protocol.keys import KEY_BYTES, KID, is_signed, kid_of, names_key
from openclaw_install.protocol.rotation import (
    NEVER_SEEN,
    FirstSeen,
    RotationLog,
    ended_at,
    extends,
    forks,
    verify_rotation,
)
from openclaw_install.protocol.shape import (
    Instant,
    Json,
    Record,
    Signature,
    array,
    integer,
    octets,
    record,
    refused_as,
    text,
)
from openclaw_install.protocol.times import MAX_SKEW, to_milliseconds

CARD_SCHEMA = "pingagent.card@1"
MAX_CARD_BYTES = 98_304
MAX_ENCRYPTION_KEYS = 8
MAX_CAPABILITIES = 64
ENVELOPE_2 = "pingagent.envelope/2"
"""The capability by which a card says that its agent reads version 2 of the envelope."""
CAPABILITY = re.compile(r"[a-z0-9](?:[a-z0-9._:/-]{0,62}[a-z0-9])?")
_CARD_DOMAIN = b"pingagent-card-v1\0"
_KEY_DOMAIN = b"pingagent-encryption-key-v1\0"
Succession = Literal["succeeds", "same", "rollback", "fork", "other_agent"]


@dataclass(frozen=True)
class EncryptionKey(Record):
    """A published X25519 key.

    Attributes:
        kid: derived from the key.
        epoch: the agent's counter of such keys.
        key: 32 raw bytes.
        not_before, expires_at: the seconds since 1970 between which one may seal to it.
        signature: by the agent's current signing key.
    """

    kid: Annotated[str, text(KID)]
    epoch: Annotated[int, integer(1)]
    key: Annotated[bytes, octets(KEY_BYTES)]
    not_before: Instant
    expires_at: Instant
    signature: Signature

    def bound(self, did: str) -> Json:
        """What the signature covers: the key, bound to its agent."""
        return {"did": did, **self.content()}

    @classmethod
    def read(cls, value: Any, what: str) -> Self:
        """The key in `value`; its signature is not verified.

        Raises:
            ProtocolError: malformed, or it contradicts itself.
        """
        key = super().read(value, what)
        if key.kid != kid_of(key.key):
            raise ProtocolError("an encryption key of the card carries another key's id")
        if key.expires_at <= key.not_before:
            raise ProtocolError("an encryption key of the card expires before it begins")
        return key


@dataclass(frozen=True, kw_only=True)
class AgentCard(Record):
    """A card whose signatures hold: `make_card` and `verify_card` make one, `recorded_card` rereads it."""

    schema: Annotated[str, text(re.compile(re.escape(CARD_SCHEMA)))] = CARD_SCHEMA
    did: Annotated[str, text(DID)]
    version: Annotated[int, integer(1)]
    issued_at: Instant
    alias: Annotated[str, text(ALIAS)] | None = None
    display_name: DisplayName | None = None
    capabilities: Annotated[tuple[str, ...], array(text(CAPABILITY), MAX_CAPABILITIES)]
    rotation: RotationLog
    signing_key: Annotated[bytes, octets(KEY_BYTES)]
    encryption_keys: Annotated[tuple[EncryptionKey, ...], array(record(EncryptionKey), MAX_ENCRYPTION_KEYS)]
    signature: Signature

    @classmethod
    def read(cls, value: Any, what: str = "a card") -> Self:
        """The card in `value`; no signature is verified.

        Raises:
            ProtocolError: malformed.
        """
        card = super().read(value, what)
        keys = card.encryption_keys
        if len({key.epoch for key in keys}) != len(keys) or len({key.kid for key in keys}) != len(keys):
            raise ProtocolError("two encryption keys of the card share an epoch or an id")
        return card


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
        encryption_keys=tuple(_published(identity, key) for key in usable),
        signature=b"",
    )
    signature = identity.signing.sign(_CARD_DOMAIN, unsigned.content())
    return verify_card(replace(unsigned, signature=signature).to_json())


def verify_card(document: bytes | Mapping[str, Any]) -> AgentCard:
    """The card in `document`, once all its signatures hold.

    Raises:
        CardError: malformed, larger than 96 KiB, or a signature does not hold.
        RotationError: the log does not lead from the DID to the signing key.
    """
    with refused_as(CardError):
        card = AgentCard.read(
            parse_strict(document, MAX_CARD_BYTES) if isinstance(document, bytes) else document
        )
    if verify_rotation(card.did, card.rotation) != card.signing_key:
        raise CardError("the card's signing key is not the one that its rotation log ends with")
    if not is_signed(card.signing_key, card.signature, _CARD_DOMAIN, card.content()):
        raise CardError("the card is not signed by its own signing key")
    for key in card.encryption_keys:
        if not is_signed(card.signing_key, key.signature, _KEY_DOMAIN, key.bound(card.did)):
            raise CardError(f"the encryption key {key.kid} is not signed by the agent")
    return card


def recorded_card(document: bytes) -> AgentCard:
    """The card in `document`, its form checked and no signature: for a relay that reads its own records.

    Whoever asks names the card that is read, before anything is proven, and the signatures of a long log take
    many times as long as reading it.

    Raises:
        CardError: malformed.
    """
    with refused_as(CardError):
        return AgentCard.read(parse_strict(document, MAX_CARD_BYTES))


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


def _newest_epoch(card: AgentCard) -> int:
    return max((key.epoch for key in card.encryption_keys), default=0)


def _published(identity: Identity, key: OwnEncryptionKey) -> EncryptionKey:
    raw = key.private.public_raw
    unsigned = EncryptionKey(kid_of(raw), key.epoch, raw, key.created_at, key.expires_at, b"")
    return replace(unsigned, signature=identity.signing.sign(_KEY_DOMAIN, unsigned.bound(identity.did)))

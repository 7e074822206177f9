"""An agent's own keys: the signing key with its history, and the encryption keys that come and go weekly."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Annotated

from openclaw_install.protocol.did import ALIAS, DID, DisplayName, did_of, fold_alias, is_display_name
from openclaw_install.protocol.errors import IdentityError
from openclaw_install.protocol.keys import DecryptionKey, SigningKey, names_key, seed_of
from openclaw_install.protocol.rotation import RotationLog, first_entry, next_entry
from openclaw_install.protocol.shape import Instant, Record, array, integer, record, text
from openclaw_install.protocol.times import DAY, MAX_SKEW, iso, to_milliseconds

MAX_LIFETIME = 14 * DAY
"""Seconds that a message can live at most; a key is kept that long after its last use for sealing."""
DEFAULT_LIFETIME = 7 * DAY
MAX_OWN_KEYS = 64
IDENTITY_SCHEMA = "pingagent.identity@1"
_SCHEMA = re.compile(re.escape(IDENTITY_SCHEMA))
ROTATE_ENCRYPTION_AFTER = 7 * DAY
ENCRYPTION_LIFETIME = 14 * DAY
"""Seconds that others may seal to a key: two weeks, so that a host that slept for one stays reachable."""


@dataclass(frozen=True)
class OwnEncryptionKey(Record):
    """One encryption key with its private half.

    Attributes:
        private: opens what was sealed to it.
        epoch: 1, 2, 3, ... in the order of creation.
        created_at, expires_at: the seconds since 1970 between which others may seal to it.
    """

    private: Annotated[DecryptionKey, seed_of(DecryptionKey), "seed"]
    epoch: Annotated[int, integer(1)]
    created_at: Instant
    expires_at: Instant

    @property
    def kid(self) -> str:
        return self.private.kid

    @property
    def forget_at(self) -> float:
        """When nothing that was sealed to it can still be under way."""
        return self.expires_at + MAX_LIFETIME + MAX_SKEW


@dataclass(frozen=True)
class Identity(Record):
    """All that an agent knows of itself; printing, pickling or copying it reveals no key.

    Its JSON holds every private key in the clear: it is for the identity's own file alone.

    Attributes:
        did: from the first signing key, so it never changes.
        signing: the current signing key.
        rotation: the log from the first signing key to the current one.
        encryption: encryption keys, oldest first; the last one is current.
    """

    schema: Annotated[str, text(_SCHEMA)] = field(default=IDENTITY_SCHEMA, kw_only=True)
    did: Annotated[str, text(DID)]
    signing: Annotated[SigningKey, seed_of(SigningKey), "signing_seed"]
    rotation: RotationLog
    encryption: Annotated[tuple[OwnEncryptionKey, ...], array(record(OwnEncryptionKey), MAX_OWN_KEYS, 1)]
    alias: Annotated[str, text(ALIAS)] | None = None
    display_name: DisplayName | None = None

    @property
    def current_encryption(self) -> OwnEncryptionKey:
        return self.encryption[-1]

    def encryption_key(self, kid: str) -> OwnEncryptionKey | None:
        """The key with this id, in either spelling, if it is still kept."""
        return next((key for key in self.encryption if names_key(kid, key.private.public_raw)), None)


def new_identity(now: float, *, alias: str | None = None, display_name: str | None = None) -> Identity:
    """A new agent, with keys from the system's randomness.

    Args:
        now: seconds since 1970.

    Raises:
        ProtocolError: the alias or the display name is not allowed.
    """
    return identity_from(
        SigningKey.generate(), DecryptionKey.generate(), now, alias=alias, display_name=display_name
    )


def identity_from(
    signing: SigningKey,
    private: DecryptionKey,
    now: float,
    *,
    alias: str | None = None,
    display_name: str | None = None,
) -> Identity:
    """A new agent from given keys; for test vectors, and for `new_identity`."""
    identity = Identity(
        did=did_of(signing.public_raw),
        signing=signing,
        rotation=(first_entry(signing, now),),
        encryption=(_own_key(private, 1, now),),
    )
    return rename(identity, alias=alias, display_name=display_name)


def rename(identity: Identity, *, alias: str | None, display_name: str | None) -> Identity:
    """The same agent under other names.

    Raises:
        ProtocolError: the alias is none, or the display name hides or reorders characters.
    """
    if display_name is not None and not is_display_name(display_name):
        raise IdentityError(
            "a display name has 1 to 80 visible characters", next_step="choose another", code="identity.name"
        )
    return replace(identity, alias=None if alias is None else fold_alias(alias), display_name=display_name)


def rotate_signing(identity: Identity, now: float, *, correcting: bool = False) -> Identity:
    """The same agent with a new signing key, named by the old one; the old private key is gone with this.

    Args:
        correcting: the last rotation was dated by a clock that ran ahead.

    Raises:
        RotationError: the log is full, or the clock is behind the last rotation.
    """
    new = SigningKey.generate()
    entry = next_entry(identity.did, identity.rotation, identity.signing, new, now, correcting=correcting)
    return replace(identity, signing=new, rotation=(*identity.rotation, entry))


def rotate_encryption(identity: Identity, now: float) -> Identity:
    """The same agent with one more encryption key; the earlier ones still open what is under way.

    Raises:
        IdentityError: it has 64 such keys already.
    """
    if len(identity.encryption) >= MAX_OWN_KEYS:
        raise IdentityError(
            f"this agent keeps {MAX_OWN_KEYS} encryption keys for messages that are under way",
            next_step="wait: keys go by themselves, four weeks after they were made",
            code="identity.keys_full",
        )
    key = _own_key(DecryptionKey.generate(), identity.current_encryption.epoch + 1, now)
    return replace(identity, encryption=(*identity.encryption, key))


def needs_encryption_rotation(identity: Identity, now: float) -> bool:
    """Whether the current encryption key is a week old, or dates from a future that a wrong clock made."""
    created = identity.current_encryption.created_at
    return now >= created + ROTATE_ENCRYPTION_AFTER or now < created - DAY


def prune_encryption(identity: Identity, now: float) -> Identity:
    """The same agent without the keys that nothing under way can need; the current key always stays."""
    *earlier, current = identity.encryption
    kept = tuple(key for key in earlier if now < key.forget_at)
    return replace(identity, encryption=(*kept, current))


def _own_key(private: DecryptionKey, epoch: int, now: float) -> OwnEncryptionKey:
    created = to_milliseconds(now)
    iso(created + ENCRYPTION_LIFETIME)
    return OwnEncryptionKey(private, epoch, created, to_milliseconds(created + ENCRYPTION_LIFETIME))

"""What is shown of identities and cards; never a private key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openclaw_install.common.jsonable import Timestamp
from openclaw_install.protocol.identity import Identity


@dataclass(frozen=True, kw_only=True)
class PublishedKey:
    """An encryption key that others may seal to.

    Attributes:
        epoch: The agent's counter of such keys.
    """

    kid: str
    epoch: int
    expires_at: Timestamp


@dataclass(frozen=True, kw_only=True)
class ShownCard:
    """What an agent publishes of itself, or would.

    Attributes:
        published: Whether the relay has it.
        reason: Why it is not published; empty otherwise.
        version: Null where it is not published.
        signing_key: In base64url.
        card: The signed card (pingagent-card.schema.json); null where it is not published.
    """

    did: str
    alias: str | None
    display_name: str | None
    published: bool
    reason: str
    version: int | None
    signing_key: str
    encryption_keys: tuple[PublishedKey, ...]
    capabilities: tuple[str, ...]
    card: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class IdentityInFile:
    """The public part of an identity that a file has now.

    Attributes:
        signing_keys: Signing keys that it has had.
        encryption_epoch: Counts its encryption keys.
    """

    did: str
    alias: str | None
    display_name: str | None
    signing_keys: int
    encryption_epoch: int
    file: str


def in_file(identity: Identity, file: str) -> IdentityInFile:
    """What is told of an identity after it was written."""
    return IdentityInFile(
        did=identity.did,
        alias=identity.alias,
        display_name=identity.display_name,
        signing_keys=len(identity.rotation),
        encryption_epoch=identity.current_encryption.epoch,
        file=file,
    )

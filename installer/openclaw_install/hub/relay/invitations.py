"""Codes by which an agent may register at a relay that is not open to everybody."""

from __future__ import annotations

import hashlib
import secrets

from openclaw_install.common.redaction import Secret
from openclaw_install.hub.relay.model import Invite

PREFIX = "pinv_"


def new_invite(uses: int, now: int, lifetime_ms: int) -> tuple[Invite, Secret]:
    """A fresh invitation and its code, which has 256 random bits and is kept nowhere.

    Args:
        uses: how many agents may register by it.
        now: milliseconds since 1970.
    """
    code = Secret(PREFIX + secrets.token_urlsafe(32))
    name = f"inv_{secrets.token_hex(6)}"
    return Invite(name, invite_digest(code.reveal()), uses, uses, now, now + lifetime_ms), code


def invite_digest(code: str) -> str:
    """The SHA-256 of a code, in hex."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()

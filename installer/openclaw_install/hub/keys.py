"""API keys and invitations: how they are made, and why a plain SHA-256 is enough for them."""

from __future__ import annotations

import hashlib
import secrets

from openclaw_install.common.redaction import Secret

KEY_PREFIX = "mysta_"
INVITATION_PREFIX = "pinv_"


def new_secret(prefix: str) -> Secret:
    """A fresh key or invitation with 256 random bits."""
    return Secret(prefix + secrets.token_urlsafe(32))


def digest_of(secret: Secret) -> str:
    """The SHA-256 of a key or an invitation, in hex: all that is kept of it.

    A slow password hash protects guessable secrets. These have 256 random bits, so nobody guesses one from
    its digest, and each request can afford the check.
    """
    return hashlib.sha256(secret.reveal().encode("utf-8", "surrogatepass")).hexdigest()


def bearer(header: str | None) -> Secret | None:
    """The key of an `Authorization: Bearer ...` header; None when there is none that could be ours."""
    scheme, _, value = (header or "").partition(" ")
    value = value.strip()
    return Secret(value) if scheme.lower() == "bearer" and value.startswith(KEY_PREFIX) else None

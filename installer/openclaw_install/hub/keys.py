"""API keys: how they are made, and why a plain SHA-256 is enough for them."""

from __future__ import annotations

import hashlib
import secrets

from openclaw_install.common.redaction import Secret

PREFIX = "mysta_"


def new_key() -> Secret:
    """A fresh key with 256 random bits."""
    return Secret(PREFIX + secrets.token_urlsafe(32))


def digest_of(key: Secret) -> str:
    """The SHA-256 of a key, in hex.

    A slow password hash protects guessable secrets. These have 256 random bits, so nobody guesses one from
    its digest, and each request can afford the check.
    """
    return hashlib.sha256(key.reveal().encode("utf-8", "surrogatepass")).hexdigest()


def bearer(header: str | None) -> Secret | None:
    """The key of an `Authorization: Bearer ...` header; None when there is none that could be ours."""
    scheme, _, value = (header or "").partition(" ")
    value = value.strip()
    return Secret(value) if scheme.lower() == "bearer" and value.startswith(PREFIX) else None

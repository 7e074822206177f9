"""Tokens by which an agent proves to a relay that one request is its own: for this request, for a minute."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.types import Options

from openclaw_install.common.redaction import Secret
from openclaw_install.protocol.card import AgentCard
from openclaw_install.protocol.did import is_did
from openclaw_install.protocol.errors import TokenError, TokenReason
from openclaw_install.protocol.identity import Identity
from openclaw_install.protocol.keys import kid_of

LIFETIME = 60
"""Seconds that a token counts at most."""
LEEWAY = 30
"""Seconds by which the clocks of agent and relay may differ."""
SCHEME = "PingAgent"
MAX_TOKEN_CHARACTERS = 4096
_TYPE = "pingagent-token+jwt"
RUN = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""The name of a relay's run."""
_JTI = re.compile(r"[A-Za-z0-9_-]{16,64}")
_TEXT_CLAIMS = ("iss", "aud", "jti", "htm", "hth", "bdh")
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


_SIGNATURE_ONLY: Options = {
    "verify_signature": True,
    # The claims are checked below, against the time and the request that the caller gives.
    "verify_aud": False,
    "verify_exp": False,
    "verify_iat": False,
    "verify_iss": False,
    "verify_jti": False,
    "verify_nbf": False,
    "verify_sub": False,
}


class ReplayGuard(Protocol):
    """Remembers which tokens were seen."""

    def first_time(self, jti: str, expires_at: float) -> bool:
        """Whether `jti` is new; it is remembered at least until `expires_at` (seconds since 1970)."""
        ...


@dataclass(frozen=True)
class RelayRequest:
    """The request that a token speaks for, as both sides see it.

    Attributes:
        audience: the relay's id.
        method: GET, PUT or POST.
        path: with the query string, as it is requested.
        body_sha256: of the request's body, in hex.
    """

    audience: str
    method: str
    path: str
    body_sha256: str = EMPTY_SHA256


def make_token(identity: Identity, request: RelayRequest, now: float, *, run: str | None = None) -> Secret:
    """A token for one request, to be sent as `Authorization: PingAgent <token>`.

    Args:
        now: seconds since 1970.
        run: of the relay, as its `about` tells it: the token counts in no other one. None for a relay that
            tells none.
    """
    issued = int(now)
    claims = {
        "iss": identity.did,
        "aud": request.audience,
        "iat": issued,
        "exp": issued + LIFETIME,
        "jti": secrets.token_urlsafe(16),
        "htm": request.method,
        "hth": request.path,
        "bdh": request.body_sha256,
    }
    if run is not None:
        claims["run"] = run
    headers = {"typ": _TYPE, "kid": identity.signing.kid}
    return Secret(jwt.encode(claims, identity.signing.reveal(), algorithm="EdDSA", headers=headers))


def token_issuer(token: str) -> str:
    """The DID that a token claims to come from, to find the card to verify it with; nothing is proven.

    Raises:
        TokenError: malformed, or the issuer is no DID.
    """
    if len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
        raise TokenError(TokenReason.MALFORMED, "the token is too long, or holds more than ASCII")
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, RecursionError):
        raise TokenError(TokenReason.MALFORMED, "the token is no JWT") from None
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or not is_did(issuer):
        raise TokenError(TokenReason.WRONG_ISSUER, "the token names no DID as its issuer")
    return issuer


def verify_token(token: str, card: AgentCard, request: RelayRequest, now: float, seen: ReplayGuard) -> None:
    """Checks that `card`'s agent signed this very request just now, and that it comes for the first time.

    Args:
        token: without the scheme.
        card: the stored card of the token's issuer; on registration, the one in the request's body.
        request: what the relay was really asked.
        now: seconds since 1970.
        seen: asked last, so that a token that is refused otherwise leaves no trace.

    Raises:
        TokenError: with the reason.
    """
    if token_issuer(token) != card.did:
        raise TokenError(TokenReason.WRONG_ISSUER, "the token comes from another agent than the card")
    claims = _signed_claims(token, card)
    _check_times(claims, now)
    if claims["aud"] != request.audience:
        raise TokenError(TokenReason.WRONG_AUDIENCE, "the token is meant for another relay")
    if (claims["htm"], claims["hth"]) != (request.method, request.path):
        raise TokenError(TokenReason.WRONG_REQUEST, "the token is for another request")
    if claims["bdh"] != request.body_sha256:
        raise TokenError(TokenReason.WRONG_BODY, "the token is for another body")
    if not seen.first_time(f"{card.did}/{claims['jti']}", claims["exp"] + LEEWAY):
        raise TokenError(TokenReason.REPLAYED, "the token was used before")


def _signed_claims(token: str, card: AgentCard) -> dict[str, Any]:
    header = _header(token)
    if header.get("typ") != _TYPE or header.get("kid") != kid_of(card.signing_key):
        raise TokenError(TokenReason.BAD_SIGNATURE, "the token is not signed by the agent's current key")
    key = Ed25519PublicKey.from_public_bytes(card.signing_key)
    try:
        claims = jwt.decode(token, key, algorithms=["EdDSA"], options=_SIGNATURE_ONLY)
    except jwt.InvalidTokenError:
        raise TokenError(TokenReason.BAD_SIGNATURE, "the token's signature does not hold") from None
    whole = all(isinstance(claims.get(name), str) for name in _TEXT_CLAIMS) and all(
        type(claims.get(name)) is int for name in ("iat", "exp")
    )
    if not whole or not _JTI.fullmatch(claims["jti"]):
        raise TokenError(TokenReason.MALFORMED, "the token lacks a claim")
    return claims


def _header(token: str) -> dict[str, Any]:
    try:
        return jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise TokenError(TokenReason.MALFORMED, "the token's header is no JWT header") from None


def _check_times(claims: dict[str, Any], now: float) -> None:
    issued, expires = claims["iat"], claims["exp"]
    if not 0 < expires - issued <= LIFETIME:
        raise TokenError(TokenReason.TOO_LONG_LIVED, f"the token counts for longer than {LIFETIME} s")
    if now >= expires + LEEWAY:
        raise TokenError(
            TokenReason.EXPIRED, f"the token expired {round(now - expires)} s ago by the relay's clock"
        )
    if issued > now + LEEWAY:
        raise TokenError(
            TokenReason.FROM_FUTURE,
            f"the token was signed {round(issued - now)} s from now by the relay's clock",
        )

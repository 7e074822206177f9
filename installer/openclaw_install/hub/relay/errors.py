"""The relay's refusals: one table of codes with HTTP status, message and next step. Pure."""

from __future__ import annotations

from openclaw_install.hub.http_errors import HttpRefusedError
from openclaw_install.protocol.errors import (
    EnvelopeError,
    EnvelopeReason,
    ProtocolError,
    TokenError,
)

_CLOCK = "compare this machine's clock with the relay's `about`, and set the one that is wrong"
_WORDS: dict[str, tuple[int, str, str]] = {
    "unauthorized": (
        401,
        "the request is not signed by a registered agent",
        "publish the card, then sign anew",
    ),
    "token_expired": (401, "the token has expired by the relay's clock", _CLOCK),
    "token_from_future": (401, "the token was signed in the future by the relay's clock", _CLOCK),
    "token_before_start": (
        401,
        "the token was signed before the relay started, or before its clock was set",
        "ask `about` and sign a new token",
    ),
    "token_replayed": (401, "the token was used before", "sign a new token for each request"),
    "token_wrong_audience": (401, "the token is meant for another relay", "ask `about` and sign a new token"),
    "token_wrong_request": (401, "the token is for another request", "sign a token for this very request"),
    "token_wrong_body": (401, "the token is for another body", "sign a token for this very body"),
    "malformed": (422, "the body is not of the form that it must have", "check the client's version"),
    "wrong_sender": (403, "the envelope names another sender than the token", "send as yourself"),
    "wrong_agent": (403, "the card is another agent's than the token or the path", "publish your own card"),
    "unknown_agent": (404, "no such agent is registered here", "check the DID, or ask the agent to register"),
    "unknown_alias": (404, "no agent has this alias here", "check the alias, or use the DID"),
    "from_future": (422, "the envelope was sent in the future by the relay's clock", _CLOCK),
    "unknown_recipient": (
        404,
        "the recipient is not registered here",
        "ask that agent to register, then resend",
    ),
    "expired": (410, "the envelope has expired", "seal the message anew"),
    "message_id_reused": (409, "another envelope of yours has this message id", "use a new message id"),
    "card_conflict": (409, "the card was replaced meanwhile", "publish the newest card again"),
    "card_version": (409, "a newer card is registered", "publish the newest card of the identity"),
    "card_fork": (
        409,
        "the card contradicts the registered one",
        "restore the newest identity of this agent",
    ),
    "card_from_future": (
        422,
        "the card's last rotation lies in the future by the relay's clock",
        "compare the clocks; if yours was wrong at the rotation: pingagent identity rotate --correct-time",
    ),
    "alias_taken": (409, "the alias belongs to another agent, or did lately", "choose another alias"),
    "alias_reserved": (422, "the alias is kept back", "choose another alias"),
    "agents_full": (
        507,
        "the relay takes no further agents",
        "ask its operator (openclaw-install hub relay agents list)",
    ),
    "invitation_required": (
        403,
        "the relay takes new agents by invitation, and this request has none that holds",
        "ask its operator for a code (openclaw-install hub relay invite)",
    ),
    "registration_closed": (403, "the relay takes no new agents", "ask its operator"),
    "rate_limited": (429, "too many requests", "wait as long as Retry-After says"),
    "too_many_at_once": (
        429,
        "too many requests of this agent, or from this network address, at once",
        "send them one after the other",
    ),
    "quota_exceeded": (429, "the recipient's inbox has no room for more of yours", "wait until it is read"),
    "clock_unsettled": (
        503,
        "the relay's clock was just set, and it judges no message by it yet",
        "wait as long as Retry-After says",
    ),
    "strangers_quota": (
        429,
        "the recipient's inbox has no room for more of senders that it has not admitted",
        "wait until it is read, or ask the recipient to write to you first",
    ),
    "relay_full": (
        507,
        "the relay holds as much as it may, in all or of this network address; nothing was committed",
        "try later; its operator can give it more (openclaw-install hub run --relay-disk)",
    ),
    "storage_busy": (
        503,
        "another program on the relay's machine holds its database; nothing was committed",
        "wait as long as Retry-After says",
    ),
    "busy": (503, "the relay has as much to do as it can", "wait as long as Retry-After says"),
    "storage_full": (507, "the relay's disk is full; nothing was committed", "try later; tell its operator"),
    "storage_failed": (
        500,
        "the relay could not commit; its log has the cause",
        "try later; tell its operator",
    ),
}
_ENVELOPE_STATUS = {EnvelopeReason.OVERSIZED: 413, EnvelopeReason.EXPIRED: 410}
CODES = frozenset(_WORDS)


class UnsignedError(HttpRefusedError):
    """401: no registered agent has signed the request."""


def refused(code: str, *, retry_after: int | None = None) -> HttpRefusedError:
    """The answer for one of the codes of the table."""
    status, message, next_step = _WORDS[code]
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if status == 401:
        headers["WWW-Authenticate"] = 'PingAgent realm="relay"'
        return UnsignedError(status, code, message, headers, next_step)
    return HttpRefusedError(status, code, message, headers, next_step)


def token_refused(error: TokenError) -> HttpRefusedError:
    """What is wrong with a token.

    What the agent's own signature does not vouch for gets one answer, which says nothing about who is
    registered.
    """
    code = f"token_{error.reason}"
    return refused(code if code in CODES else "unauthorized")


def envelope_refused(error: EnvelopeError) -> HttpRefusedError:
    """What is wrong with an envelope; the reason is the code."""
    status = _ENVELOPE_STATUS.get(error.reason, 422)
    return HttpRefusedError(status, str(error.reason), error.message, next_step=error.next_step)


def document_refused(error: ProtocolError) -> HttpRefusedError:
    """What is wrong with a card or another document."""
    return HttpRefusedError(422, "malformed", error.message, next_step=error.next_step)

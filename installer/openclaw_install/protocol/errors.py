"""The errors of the protocol: each says which rule was broken, in words that hold no secret."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from openclaw_install.common.errors import InstallError


class ProtocolError(InstallError):
    """A document, key or name breaks a rule of the protocol."""

    code: ClassVar[str] = "protocol"

    def __init__(
        self,
        message: str,
        *,
        next_step: str = "ask the sender for a well-formed document, or update the older of the two sides",
        code: str | None = None,
    ) -> None:
        super().__init__(message, next_step=next_step, code=code)


class CardError(ProtocolError):
    """An agent card is malformed, or a signature on it does not hold."""

    code = "card"


class RotationError(ProtocolError):
    """A rotation log does not lead from the DID to a signing key."""

    code = "rotation"


class NoUsableKey(ProtocolError):  # noqa: N818 - the name that the callers' documents use
    """The recipient publishes no encryption key that may be used now, so nothing may be sent."""

    code = "no_usable_key"


class IdentityError(ProtocolError):
    """An identity file or an exported identity cannot be used."""

    code = "identity"


class EnvelopeReason(StrEnum):
    """Why an envelope was refused; the set is closed, so that each can have its own treatment."""

    MALFORMED = "malformed"
    OVERSIZED = "oversized"
    WRONG_VERSION = "wrong_version"
    WRONG_RECIPIENT = "wrong_recipient"
    WRONG_CONVERSATION = "wrong_conversation"
    EXPIRED = "expired"
    FROM_FUTURE = "from_future"
    UNKNOWN_KEY = "unknown_key"
    BAD_CIPHERTEXT = "bad_ciphertext"
    BAD_SIGNATURE = "bad_signature"
    BAD_BODY = "bad_body"


_ENVELOPE_STEPS = {
    EnvelopeReason.MALFORMED: "have the sender check its version of the protocol",
    EnvelopeReason.OVERSIZED: "send the large part as an attachment reference",
    EnvelopeReason.WRONG_VERSION: "update the older of the two sides",
    EnvelopeReason.WRONG_RECIPIENT: "have the sender look the recipient's DID up again",
    EnvelopeReason.WRONG_CONVERSATION: "have the sender derive the conversation from both DIDs",
    EnvelopeReason.EXPIRED: "ask the sender to send it again; if that repeats, compare both clocks",
    EnvelopeReason.FROM_FUTURE: "compare the clocks of both machines with a time server",
    EnvelopeReason.UNKNOWN_KEY: "fetch the other side's card again; the sender may have to seal it anew",
    EnvelopeReason.BAD_CIPHERTEXT: "treat the message as altered on its way; ask the sender to send it again",
    EnvelopeReason.BAD_SIGNATURE: "do not trust the message: whoever sealed it is not the sender it names",
    EnvelopeReason.BAD_BODY: "have the sender check the message against its schema",
}


class EnvelopeError(ProtocolError):
    """An envelope was refused.

    Attributes:
        reason: which rule it broke.
    """

    code = "envelope"

    def __init__(self, reason: EnvelopeReason, message: str) -> None:
        super().__init__(message, next_step=_ENVELOPE_STEPS[reason], code=f"envelope.{reason}")
        self.reason = reason


class ReceiptError(ProtocolError):
    """A commit receipt does not prove what it claims."""

    code = "receipt"


class TokenReason(StrEnum):
    """Why a request's token was refused."""

    MALFORMED = "malformed"
    WRONG_ISSUER = "wrong_issuer"
    WRONG_AUDIENCE = "wrong_audience"
    EXPIRED = "expired"
    FROM_FUTURE = "from_future"
    TOO_LONG_LIVED = "too_long_lived"
    WRONG_REQUEST = "wrong_request"
    WRONG_BODY = "wrong_body"
    BAD_SIGNATURE = "bad_signature"
    REPLAYED = "replayed"


_CLOCK_STEP = "compare this machine's clock with the relay's `about`, and set the one that is wrong"
_TOKEN_STEPS = {
    TokenReason.EXPIRED: _CLOCK_STEP,
    TokenReason.FROM_FUTURE: _CLOCK_STEP,
    TokenReason.BAD_SIGNATURE: "publish the current card, then sign a new token",
}


class TokenError(ProtocolError):
    """A request's token was refused.

    Attributes:
        reason: which rule it broke.
    """

    code = "token"

    def __init__(self, reason: TokenReason, message: str) -> None:
        step = _TOKEN_STEPS.get(reason, "sign a new token for this very request")
        super().__init__(message, next_step=step, code=f"token.{reason}")
        self.reason = reason

"""The interface of a relay client (Protocol), its records and its errors."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from openclaw_install.common.errors import InstallError
from openclaw_install.common.redaction import Secret
from openclaw_install.protocol.card import AgentCard
from openclaw_install.protocol.identity import Identity

PAGE_LIMIT = 200


class RelayError(InstallError):
    """The relay could not be asked, or refused."""

    code = "relay"


class RelayUnreachable(RelayError):  # noqa: N818 - says what it is
    """Nothing answered in time, or what answered was no relay: trying again can help."""

    code = "relay.unreachable"


class RelayRefused(RelayError):  # noqa: N818 - says what it is
    """The relay answered with an error.

    Attributes:
        status: HTTP status.
        reason: the relay's own code, such as `unknown_recipient`.
        retry_after: seconds that it asks to wait; None where it does not say.
    """

    code = "relay.refused"

    def __init__(
        self, status: int, reason: str, message: str, *, next_step: str, retry_after: float | None = None
    ) -> None:
        super().__init__(message, next_step=next_step, code=f"relay.{reason}")
        self.status = status
        self.reason = reason
        self.retry_after = retry_after

    @property
    def passing(self) -> bool:
        """Whether the same request may be accepted later."""
        return self.status in {408, 425, 429, 500, 502, 503, 504, 507}


@dataclass(frozen=True)
class About:
    """What a relay says of itself.

    Attributes:
        relay_id: the public key that signs its receipts.
        log_id: names its data.
        time: its clock, in seconds since the epoch.
        run: what tokens are signed for, beside its key; None where it names none.
    """

    relay_id: str
    log_id: str
    time: float
    limits: Mapping[str, Any]
    run: str | None = None


@dataclass(frozen=True)
class Entry:
    """One place of the inbox.

    Attributes:
        receipt, envelope: as the relay gave them, nothing verified; None where it is gone.
        gone: why there is nothing any more (`expired`), or None.
    """

    seq: int
    receipt: Mapping[str, Any] | None
    envelope: Mapping[str, Any] | None
    gone: str | None = None


@dataclass(frozen=True)
class InboxPage:
    """Part of the inbox, in order.

    Attributes:
        head: the last number that there is.
        next: the number to continue after.
        floor: everything up to here was acknowledged or expired long ago, and is not told of any more.
        previous: the message id at the number that was asked after; None where the relay does not know it.
    """

    log_id: str
    head: int
    entries: Sequence[Entry]
    next: int
    floor: int = 0
    previous: str | None = None


@dataclass(frozen=True)
class StreamItem:
    """What a stream brings: `hello` when it opens, an `entry`, or a `beat` that says it is alive.

    After `hello` comes `alone` where the relay tells of other instances of our bridge: `others` says how many
    streams of such are open, dead ones among them. `other` names one that came after us, so that both of us
    are alive.
    """

    kind: Literal["hello", "entry", "beat", "alone", "other"]
    log_id: str = ""
    head: int = 0
    entry: Entry | None = None
    others: int = 0
    instance: str = ""


class Relay(Protocol):
    """A relay as one agent uses it. Every method raises RelayUnreachable or RelayRefused."""

    async def about(self) -> About:
        """What the relay is; needs no registration."""
        ...

    async def put_card(self, card: AgentCard, invite: Secret | None = None) -> None:
        """Registers our card, or replaces it by a newer one.

        Args:
            invite: the code by which a relay lets new agents in that is not open to everybody.
        """
        ...

    async def card(self, did: str) -> AgentCard:
        """The newest card of an agent, its signatures verified.

        Raises:
            CardError, RotationError: the relay gave a card that does not hold.
        """
        ...

    async def resolve(self, alias: str) -> str:
        """The DID behind an alias (folded, without `@`)."""
        ...

    async def put_access(self, hashes: Sequence[str]) -> None:
        """Tells which access keys count, by their SHA-256 in hex; replaces what was told before."""
        ...

    async def post(self, wire: bytes, access: Secret | None = None) -> Mapping[str, Any]:
        """Commits an envelope; returns the receipt as the relay gave it, not verified.

        Args:
            access: the key that its recipient gave us.
        """
        ...

    async def inbox(self, after: int, limit: int = PAGE_LIMIT) -> InboxPage:
        """The entries after a number."""
        ...

    def stream(self, after: int, instance: str = "") -> AsyncGenerator[StreamItem, None]:
        """The entries after a number, and those to come, until the connection ends.

        Args:
            instance: names this run of the bridge, so that another one of the same identity is noticed.
        """
        ...

    async def ack(self, seqs: Sequence[int]) -> None:
        """Lets the relay drop these; idempotent."""
        ...

    async def aclose(self) -> None:
        """Closes its connections."""
        ...


RelayMaker = Callable[[str, Callable[[], Identity]], Relay]
"""Makes the client of the relay at a URL, given how to get the identity as it is now."""

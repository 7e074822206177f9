"""The rules of inboxes, cards and aliases, over what a store has looked up. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_install.hub.relay.limits import RelayLimits, Room
from openclaw_install.hub.relay.model import (
    Committed,
    Deposit,
    HeldAlias,
    Inbox,
    PutCard,
    Refused,
    Share,
)

_RESERVED = frozenset(
    {"admin", "administrator", "agent", "hub", "openclaw", "owner", "pingagent", "relay", "root", "support"}
    | {"system"}
)
_NOTHING = Share()
_QUOTA_RETRY_SECONDS = 30
_FULL_RETRY_SECONDS = 300


@dataclass(frozen=True)
class Earlier:
    """The entry that has a sender's message id already."""

    recipient: str
    seq: int
    sha256: str
    committed_at: int


@dataclass(frozen=True)
class DepositFacts:
    """What a deposit is decided by.

    Attributes:
        earlier: the entry that has the sender's message id already.
        inbox: the recipient's; None when nobody of that name is registered.
        share: what the sender has in it.
        admitted: whether the recipient admitted the sender, or wrote to it.
        strangers, stranger_address: what all strangers have in it, and those of the same network address.
        address: what the senders of that address have in all inboxes.
        used_bytes: of the relay's database.
    """

    earlier: Earlier | None
    inbox: Inbox | None
    share: Share = _NOTHING
    admitted: bool = False
    strangers: Share = _NOTHING
    stranger_address: Share = _NOTHING
    address: Share = _NOTHING
    used_bytes: int = 0


def check_deposit(deposit: Deposit, facts: DepositFacts, limits: RelayLimits) -> Committed | Refused:
    """The place that the envelope gets, or has already, or why it gets none.

    The order counts: a repeated envelope has its old answer even if it could not be sent for the first time
    now, because its sender asks what became of it.
    """
    if facts.earlier is not None:
        earlier = facts.earlier
        if (earlier.recipient, earlier.sha256) == (deposit.recipient, deposit.sha256):
            return Committed(earlier.seq, earlier.committed_at, repeated=True)
        return Refused("message_id_reused")
    if facts.inbox is None:
        return Refused("unknown_recipient")
    if deposit.expires_at <= deposit.at:
        return Refused("expired")
    return _room_for(len(deposit.body), facts, facts.inbox, limits) or Committed(
        facts.inbox.head + 1, deposit.at
    )


def _room_for(size: int, facts: DepositFacts, inbox: Inbox, limits: RelayLimits) -> Refused | None:
    if _disk_is_full(inbox, size, facts.used_bytes, limits) or _lacks(limits.address, facts.address, size):
        return Refused("relay_full", _FULL_RETRY_SECONDS)
    whole = Share(inbox.waiting, inbox.waiting_bytes, inbox.head - inbox.floor)
    if _lacks(limits.inbox, whole, size) or _lacks(limits.share, facts.share, size):
        return Refused("quota_exceeded", _QUOTA_RETRY_SECONDS)
    if not facts.admitted and (
        _lacks(limits.strangers, facts.strangers, size)
        or _lacks(limits.stranger, facts.share, size)
        or _lacks(limits.stranger_address, facts.stranger_address, size)
    ):
        return Refused("strangers_quota", _QUOTA_RETRY_SECONDS)
    return None


def _lacks(room: Room, used: Share, size: int) -> bool:
    return (
        used.waiting >= room.entries or used.waiting_bytes + size > room.bytes or used.places >= room.places
    )


def _disk_is_full(inbox: Inbox, size: int, used_bytes: int, limits: RelayLimits) -> bool:
    """Near its end the disk is kept for inboxes that hold little: one that is full took its part before."""
    after = used_bytes + size
    if after > limits.disk_bytes:
        return True
    return after > limits.disk_bytes * 3 // 4 and inbox.waiting_bytes + size > limits.small_inbox_bytes


def forget_acked_at(expires_at: int, limits: RelayLimits) -> int:
    """When an acknowledged entry may be forgotten: no copy of its envelope would be accepted any more."""
    return expires_at + round(limits.clock_skew_seconds * 1000)


def forget_expired_at(expires_at: int, limits: RelayLimits) -> int:
    """When an expired entry that its owner never acknowledged may be forgotten."""
    return expires_at + round(limits.tombstone_seconds * 1000)


@dataclass(frozen=True)
class CardFacts:
    """What a card is decided by.

    Attributes:
        version: of the stored card; 0 for none.
        agents: how many are registered.
        alias: who holds the alias that the card claims.
        invited: whether an invitation that holds came with it.
    """

    version: int
    agents: int
    alias: HeldAlias | None
    invited: bool = False


def check_card(step: PutCard, facts: CardFacts, limits: RelayLimits) -> Refused | None:
    """Why the card may not be stored, or None. What it says was verified before; this is about its place."""
    if facts.version != step.replaces:
        return Refused("card_conflict", 1)
    if step.card.version <= facts.version:
        return Refused("card_version")
    if facts.version == 0 and limits.registration == "invitation" and not facts.invited:
        return Refused("invitation_required")
    if facts.version == 0 and facts.agents >= limits.agents_in_all:
        return Refused("agents_full")
    if facts.alias is not None and not _may_take(facts.alias, step, limits):
        return Refused("alias_taken")
    return None


def _may_take(alias: HeldAlias, step: PutCard, limits: RelayLimits) -> bool:
    now = step.card.updated_at
    if alias.did == step.card.did:
        return True
    if not step.settled:
        # By a clock that was just set, every alias may seem to have lapsed.
        return False
    if alias.released_at is not None:
        # Others may still write to the one who had it.
        return now >= alias.released_at + limits.alias_hold_seconds * 1000
    return now >= alias.renewed_at + limits.alias_lapse_seconds * 1000


def may_be_claimed(alias: str) -> bool:
    """Whether an agent may have this folded alias: names that speak for the service are kept back."""
    return alias not in _RESERVED

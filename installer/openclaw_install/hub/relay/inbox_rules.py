"""The rules of inboxes, cards and aliases: pure, over what a store has looked up."""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.hub.relay.model import (
    Committed,
    Deposit,
    Entry,
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
_QUOTA_RETRY_SECONDS = 30


@dataclass(frozen=True)
class DepositFacts:
    """What a deposit is judged by.

    Attributes:
        earlier: the entry that has the sender's message id already, and whose inbox it is in.
        inbox: the recipient's; None when nobody of that name is registered.
    """

    earlier: tuple[str, Entry] | None
    inbox: Inbox | None
    share: Share


def judge_deposit(deposit: Deposit, facts: DepositFacts, limits: RelayLimits) -> Committed | Refused:
    """The place that the envelope gets, or has already, or why it gets none.

    The order counts: a repeated envelope has its old answer even if it could not be sent for the first time
    now, because its sender asks what became of it.
    """
    if facts.earlier is not None:
        recipient, entry = facts.earlier
        if recipient == deposit.recipient and entry.sha256 == deposit.sha256:
            return Committed(entry.seq, entry.committed_at, repeated=True)
        return Refused("message_id_reused")
    if facts.inbox is None:
        return Refused("unknown_recipient")
    if deposit.expires_at <= deposit.at:
        return Refused("expired")
    inbox, share, size = facts.inbox, facts.share, len(deposit.body)
    crowded = (
        inbox.waiting >= limits.inbox_entries
        or inbox.waiting_bytes + size > limits.inbox_bytes
        or share.waiting >= limits.share_entries
        or share.waiting_bytes + size > limits.share_bytes
    )
    if crowded:
        return Refused("quota_exceeded", _QUOTA_RETRY_SECONDS)
    return Committed(inbox.head + 1, deposit.at)


def forget_acked_at(expires_at: int, limits: RelayLimits) -> int:
    """When an acknowledged entry may be forgotten: no copy of its envelope would be accepted any more."""
    return expires_at + round(limits.clock_skew_seconds * 1000)


def forget_expired_at(expires_at: int, limits: RelayLimits) -> int:
    """When an expired entry that its owner never acknowledged may be forgotten."""
    return expires_at + round(limits.tombstone_seconds * 1000)


@dataclass(frozen=True)
class CardFacts:
    """What a card is judged by.

    Attributes:
        version: of the stored card; 0 for none.
        agents: how many are registered.
        alias: who holds the alias that the card claims.
    """

    version: int
    agents: int
    alias: HeldAlias | None


def judge_card(step: PutCard, facts: CardFacts, limits: RelayLimits) -> Refused | None:
    """Why the card may not be stored, or None. What it says was verified before; this is about its place."""
    if facts.version != step.replaces:
        return Refused("card_conflict", 1)
    if step.card.version <= facts.version:
        return Refused("card_version")
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

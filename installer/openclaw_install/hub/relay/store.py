"""The interface of the relay's storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from openclaw_install.hub.relay.model import Entry, Inbox, Invite, Member, Outcome, Step, StoredCard


class RelayStore(Protocol):
    """Cards, aliases and inboxes. Safe to use from several threads."""

    @property
    def log_id(self) -> str:
        """A random name of this store: a new one means that what the old one held is lost."""
        ...

    def commit(self, steps: Sequence[Step]) -> Sequence[Outcome]:
        """Takes the steps in order, in one transaction that survives a crash once this returns, or none.

        Each inbox numbers its entries 1, 2, 3, ... without gaps, in the order of the steps.

        Returns:
            One outcome for each step; a refused one has changed nothing and holds up no other.

        Raises:
            FileError: the disk is full or cannot be written.
        """
        ...

    def card(self, did: str) -> StoredCard | None:
        """The card of an agent that has its place."""
        ...

    def retired_card(self, did: str) -> StoredCard | None:
        """The last card of an agent whose place was given back, as far as it is still known."""
        ...

    def members(self) -> list[Member]:
        """Every registered agent, the one that was used last first."""
        ...

    def removals(self) -> int:
        """How many places were given back so far."""
        ...

    def invites(self) -> list[Invite]:
        """Every invitation that has not expired long ago, oldest first."""
        ...

    def alias_holder(self, alias: str) -> str | None:
        """Whose the folded alias is."""
        ...

    def inbox(self, did: str) -> Inbox:
        """The figures of an inbox; those of an empty one for a DID that is not registered."""
        ...

    def entries(self, did: str, *, after: int, most: int, most_bytes: int) -> list[Entry]:
        """The entries behind `after` and the floor, in order and without gaps.

        Args:
            most: entries; at least one is given where there is one, whatever its size.
            most_bytes: bytes of envelopes, together.
        """
        ...

    def message_at(self, did: str, seq: int) -> str | None:
        """The message id at a place of an inbox, if it is still known."""
        ...

    def close(self) -> None: ...

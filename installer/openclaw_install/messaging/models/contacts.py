"""Contacts: agents that wrote to us or that we wrote to, as the store keeps them and as they are answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openclaw_install.common.jsonable import Timestamp
from openclaw_install.messaging.untrusted import Reader, Untrusted

# `awaiting_reply`: an agent of ours wrote first, and nothing has come back. Its reply makes it `pending`.
ContactState = Literal["pending", "awaiting_reply", "approved", "rejected", "blocked"]
Origin = Literal["inbound", "outbound", "operator"]


@dataclass(frozen=True)
class Peer:
    """The other side of a thread, with the names that it gave itself where the reader may see them."""

    did: str
    alias: str | None
    display_name: str | None


@dataclass(frozen=True, kw_only=True)
class _ContactFacts:
    """What is known of an agent, but the names that it gave itself.

    Attributes:
        state: what the gate does with its messages.
        origin: who began: `inbound` it, `outbound` we, `operator` somebody decided before any message.
        decided_by: who decided (`cli:alice`, `policy:tp_...`; `outbound`: an agent of ours by writing first,
            up to version 0.2.0); None while nobody did.
        waiting: messages that wait for the decision.
        deferred: messages that are left at the relay until there is room for them.
        last_knock_at: when the newest of those came.
    """

    did: str
    state: ContactState
    origin: Origin
    first_seen_at: Timestamp
    updated_at: Timestamp
    decided_at: Timestamp | None
    decided_by: str | None
    waiting: int
    deferred: int = 0
    last_knock_at: Timestamp | None = None


@dataclass(frozen=True, kw_only=True)
class Contact(_ContactFacts):
    """An agent that wrote to us, or that we wrote to; `alias` and `display_name` are as it calls itself."""

    alias: Untrusted[str | None]
    display_name: Untrusted[str | None]


@dataclass(frozen=True, kw_only=True)
class ShownContact(_ContactFacts):
    """A contact with the names that it gave itself, where the reader may see them."""

    alias: str | None
    display_name: str | None


@dataclass(frozen=True, kw_only=True)
class ListedContact(ShownContact):
    """A contact of a list.

    Attributes:
        first_words: the beginning of its first message, while it waits for a decision.
    """

    first_words: str | None


@dataclass(frozen=True, kw_only=True)
class ContactPage:
    """Contacts by DID.

    Attributes:
        counts: how many contacts each state has.
        next_page: goes on with the list; None at the end.
    """

    contacts: tuple[ListedContact, ...]
    counts: dict[ContactState, int]
    next_page: str | None


@dataclass(frozen=True)
class Opened:
    """What agents have opened on this host so far.

    Attributes:
        last_hour, last_day: contacts, by when their first message was queued.
        awaiting: contacts that await a reply.
    """

    last_hour: int
    last_day: int
    awaiting: int


@dataclass(frozen=True)
class Decision:
    """One change of a contact's state, as it was recorded."""

    id: int
    did: str
    at: Timestamp
    by: str
    before: ContactState | None
    after: ContactState
    reason: str


@dataclass(frozen=True, kw_only=True)
class ContactDecision:
    """A decision that was made.

    Attributes:
        contact: as it is now.
        changed: False where it was so already.
        released: messages that waited, and now go to the agent in order, or are refused.
    """

    contact: ShownContact
    changed: bool
    released: int
    decision: Decision | None


def peer_of(did: str, contact: Contact | None, reader: Reader) -> Peer:
    """The other side of a thread as `reader` may see it; without names where nothing is known of it."""
    if contact is None:
        return Peer(did, None, None)
    return Peer(did, reader.open(contact.alias), reader.open(contact.display_name))

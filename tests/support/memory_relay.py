"""In-memory relay with the contract of the real one, without HTTP."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openclaw_install.common.redaction import Secret
from openclaw_install.messaging.relay.client import (
    PAGE_LIMIT,
    About,
    Entry,
    InboxPage,
    RelayRefused,
    StreamItem,
)
from openclaw_install.protocol.card import AgentCard, succession
from openclaw_install.protocol.header import Envelope, parse_envelope
from openclaw_install.protocol.keys import SigningKey
from openclaw_install.protocol.receipts import CommitReceipt, relay_id_of, sign_receipt


@dataclass
class _Inbox:
    places: list[tuple[CommitReceipt, Envelope | None]] = field(default_factory=list)
    gone: dict[int, str] = field(default_factory=dict)


@dataclass
class MemoryRelayServer:
    """What all agents of one relay share.

    Attributes:
        clock: seconds since the epoch.
        beat_seconds: how often an idle stream says that it is alive.
        invite: the code that a new agent needs; None where everybody may register.
        access: the hashes of each agent's access keys.
        shown: who showed which access key with an envelope.
    """

    clock: Callable[[], float]
    key: SigningKey = field(default_factory=SigningKey.generate)
    log_id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    beat_seconds: float = 15.0
    invite: str | None = None
    cards: dict[str, AgentCard] = field(default_factory=dict)
    posted: dict[str, tuple[str, CommitReceipt]] = field(default_factory=dict)
    inboxes: dict[str, _Inbox] = field(default_factory=dict)
    access: dict[str, tuple[str, ...]] = field(default_factory=dict)
    shown: list[tuple[str, Secret]] = field(default_factory=list)
    _listeners: set[asyncio.Event] = field(default_factory=set)

    def client(self, did: str) -> MemoryRelay:
        """The relay as the agent `did` uses it."""
        return MemoryRelay(self, did)

    def lose_data(self) -> None:
        """What a relay is after a restart without its disk: the same key, nothing else."""
        self.cards.clear()
        self.posted.clear()
        self.inboxes.clear()
        self.log_id = secrets.token_urlsafe(12)
        self.wake()

    def inbox(self, did: str) -> _Inbox:
        return self.inboxes.setdefault(did, _Inbox())

    def commit(self, envelope: Envelope) -> CommitReceipt:
        """Puts an envelope into its recipient's inbox, once."""
        header = envelope.header
        if known := self.posted.get(header.message_id):
            if known[0] != envelope.sha256:
                raise _refused(409, "message_id_reused", "another envelope has this message id")
            return known[1]
        if header.recipient not in self.cards:
            raise _refused(404, "unknown_recipient", f"{header.recipient} is not registered here")
        if header.expires_at <= self.clock():
            raise _refused(410, "expired", "the envelope has expired")
        inbox = self.inbox(header.recipient)
        receipt = sign_receipt(self.key, envelope, len(inbox.places) + 1, self.log_id, self.clock())
        inbox.places.append((receipt, envelope))
        self.posted[header.message_id] = (envelope.sha256, receipt)
        self.wake()
        return receipt

    def entries(self, did: str, after: int, limit: int) -> list[Entry]:
        found = []
        for receipt, envelope in self.inbox(did).places[after : after + limit]:
            if envelope is None:
                found.append(Entry(receipt.seq, None, None, self.inbox(did).gone[receipt.seq]))
            else:
                found.append(Entry(receipt.seq, receipt.to_json(), envelope.to_json()))
        return found

    def drop(self, did: str, seqs: Sequence[int], why: str) -> None:
        inbox = self.inbox(did)
        for seq in seqs:
            if 1 <= seq <= len(inbox.places) and inbox.places[seq - 1][1] is not None:
                inbox.places[seq - 1] = (inbox.places[seq - 1][0], None)
                inbox.gone[seq] = why

    def wake(self) -> None:
        for event in self._listeners:
            event.set()

    def listen(self) -> asyncio.Event:
        event = asyncio.Event()
        self._listeners.add(event)
        return event

    def unlisten(self, event: asyncio.Event) -> None:
        self._listeners.discard(event)


class MemoryRelay:
    """One agent's `Relay` on a `MemoryRelayServer`."""

    def __init__(self, server: MemoryRelayServer, did: str) -> None:
        self.server = server
        self._did = did

    async def about(self) -> About:
        return About(relay_id_of(self.server.key), self.server.log_id, self.server.clock(), {})

    async def put_card(self, card: AgentCard, invite: Secret | None = None) -> None:
        known = self.server.cards.get(card.did)
        wanted = self.server.invite
        if known is None and wanted is not None and (invite is None or invite.reveal() != wanted):
            raise _refused(403, "invitation_required", "the relay takes new agents by invitation")
        relation = "succeeds" if known is None else succession(known, card)
        if relation not in {"succeeds", "same"}:
            raise _refused(409, "card_conflict", f"the card does not follow the stored one: {relation}")
        holder = next((one.did for one in self.server.cards.values() if one.alias == card.alias), card.did)
        if card.alias and holder != card.did:
            raise _refused(409, "alias_taken", f"@{card.alias} belongs to another agent")
        self.server.cards[card.did] = card

    async def card(self, did: str) -> AgentCard:
        if did not in self.server.cards:
            raise _refused(404, "unknown_agent", f"{did} is not registered here")
        return self.server.cards[did]

    async def resolve(self, alias: str) -> str:
        found = next((card.did for card in self.server.cards.values() if card.alias == alias), None)
        if found is None:
            raise _refused(404, "unknown_alias", f"nobody is called @{alias} here")
        return found

    async def put_access(self, hashes: Sequence[str]) -> None:
        self._registered()
        self.server.access[self._did] = tuple(hashes)

    async def post(self, wire: bytes, access: Secret | None = None) -> Mapping[str, Any]:
        self._registered()
        if access is not None:
            self.server.shown.append((self._did, access))
        envelope = parse_envelope(wire)
        if envelope.header.sender != self._did:
            raise _refused(403, "wrong_sender", "the envelope names another sender")
        return self.server.commit(envelope).to_json()

    async def inbox(self, after: int, limit: int = PAGE_LIMIT) -> InboxPage:
        self._registered()
        entries = self.server.entries(self._did, after, min(limit, PAGE_LIMIT))
        places = self.server.inbox(self._did).places
        previous = places[after - 1][0].message_id if 0 < after <= len(places) else None
        following = entries[-1].seq if entries else after
        return InboxPage(self.server.log_id, len(places), entries, following, previous=previous)

    async def stream(self, after: int, instance: str = "") -> AsyncGenerator[StreamItem, None]:
        self._registered()
        log_id, event = self.server.log_id, self.server.listen()
        try:
            yield StreamItem("hello", log_id, len(self.server.inbox(self._did).places))
            while self.server.log_id == log_id:
                event.clear()
                for entry in self.server.entries(self._did, after, PAGE_LIMIT):
                    after = entry.seq
                    yield StreamItem("entry", entry=entry)
                if len(self.server.inbox(self._did).places) <= after:
                    try:
                        async with asyncio.timeout(self.server.beat_seconds):
                            await event.wait()
                    except TimeoutError:
                        yield StreamItem("beat")
        finally:
            self.server.unlisten(event)

    async def ack(self, seqs: Sequence[int]) -> None:
        self._registered()
        self.server.drop(self._did, seqs, "acknowledged")

    async def aclose(self) -> None:
        """There is nothing to close."""

    def _registered(self) -> None:
        if self._did not in self.server.cards:
            raise _refused(401, "unknown_agent", f"{self._did} is not registered here")


def _refused(status: int, reason: str, message: str) -> RelayRefused:
    return RelayRefused(status, reason, message, next_step="see docs/bridge.md")

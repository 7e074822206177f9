"""Reads one entry of the relay's inbox: its receipt, its envelope, its sender's card, its content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from openclaw_install.messaging.card_cache import CardBook, CardTrouble
from openclaw_install.messaging.models import RelayCursor
from openclaw_install.messaging.relay.client import Entry
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.envelope import Opened
from openclaw_install.protocol.errors import EnvelopeError, EnvelopeReason, ReceiptError
from openclaw_install.protocol.header import Envelope, parse_envelope
from openclaw_install.protocol.identity import MAX_LIFETIME, Identity
from openclaw_install.protocol.receipts import verify_receipt

# A sender's clock may be a day off. Replay rows are kept for as long as this lets an envelope in.
MAX_SKEW = 26 * 3600.0
_STALE_CARD = frozenset({EnvelopeReason.UNKNOWN_KEY, EnvelopeReason.BAD_SIGNATURE})
_SINCE = "envelope.version_2_since"


@dataclass(frozen=True)
class Read:
    """One entry, read: what it is, or why it is refused."""

    entry: Entry
    opened: Opened | None = None
    envelope: Envelope | None = None
    reason: str = ""
    known: bool = False


@dataclass(frozen=True)
class EntryReader:
    """Reads entries for one store.

    Attributes:
        identity: gives the current one; keys rotate.
        clock: seconds since the epoch, as the relay has it.
    """

    store: Store
    identity: Callable[[], Identity]
    cards: CardBook
    clock: Callable[[], float]

    async def read(self, cursor: RelayCursor, entry: Entry) -> Read:
        """An entry of the relay's inbox, verified and opened, or with the reason why it is refused.

        Raises:
            RelayError: the sender's card could not be had.
        """
        if entry.gone is not None or entry.envelope is None:
            return Read(entry)
        try:
            envelope = parse_envelope(entry.envelope)
            receipt = verify_receipt(entry.receipt or {}, cursor.relay_id, envelope)
        except EnvelopeError as error:
            return Read(entry, reason=str(error.reason))
        except ReceiptError:
            return Read(entry, reason="bad_receipt")
        if (receipt.seq, receipt.log_id) != (entry.seq, cursor.log_id):
            return Read(entry, envelope=envelope, reason="wrong_place")
        return await self._known(entry, envelope) or await self._open(entry, envelope)

    async def _known(self, entry: Entry, envelope: Envelope) -> Read | None:
        """What is to be said of an envelope without opening it."""
        header = envelope.header
        digest = await self.store.run(digest_of, self.store, header.sender, header.message_id)
        if digest is not None:
            reason = "" if digest == envelope.sha256 else "message_id_reused"
            return Read(entry, envelope=envelope, known=not reason, reason=reason)
        if header.version == 1 and not await self.store.run(takes_version_1, self.store, self.clock()):
            return Read(entry, envelope=envelope, reason=str(EnvelopeReason.WRONG_VERSION))
        return None

    async def _open(self, entry: Entry, envelope: Envelope) -> Read:
        sender = envelope.header.sender
        contact = await self.store.run(self.store.contacts.get, sender)
        if contact is not None and contact.state in {"blocked", "rejected"}:
            return Read(entry, envelope=envelope, reason=f"contact_{contact.state}")
        if envelope.header.recipient != self.identity().did:
            return Read(entry, envelope=envelope, reason=str(EnvelopeReason.WRONG_RECIPIENT))
        try:
            me, card = self.identity(), await self.cards.get(sender)
            try:
                opened = self.cards.opened(envelope, me, card, MAX_SKEW)
            except EnvelopeError as error:
                if error.reason not in _STALE_CARD:
                    raise
                opened = self.cards.opened(envelope, me, await self.cards.fresh(sender), MAX_SKEW)
        except EnvelopeError as error:
            return Read(entry, envelope=envelope, reason=str(error.reason))
        except CardTrouble as trouble:
            return Read(entry, envelope=envelope, reason=trouble.reason)
        return Read(entry, opened, envelope)


def digest_of(store: Store, sender: str, message_id: str) -> str | None:
    """The digest of a message that was here before; empty where its replay row is over, None if never."""
    digest = store.messages.replayed(sender, message_id)
    if digest is None and store.messages.find(sender, message_id) is not None:
        return ""
    return digest


def takes_version_1(store: Store, now: float) -> bool:
    """Whether a relay can still hold an envelope that was sealed before this store knew version 2."""
    since = float(store.facts.set_once(_SINCE, now, now))
    return now <= since + MAX_LIFETIME + MAX_SKEW

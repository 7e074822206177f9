"""Reads one entry of the relay's inbox: its receipt, its envelope, its sender's card, its content."""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_install.messaging.bridge.context import BridgeContext
from openclaw_install.messaging.card_cache import CardTrouble
from openclaw_install.messaging.models import RelayCursor
from openclaw_install.messaging.relay.client import Entry
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.envelope import Opened
from openclaw_install.protocol.errors import EnvelopeError, EnvelopeReason, ReceiptError
from openclaw_install.protocol.header import Envelope, parse_envelope
from openclaw_install.protocol.identity import MAX_LIFETIME
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


async def read_entry(context: BridgeContext, cursor: RelayCursor, entry: Entry) -> Read:
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
    known = await context.store.run(_known, context, entry, envelope)
    return known or await _open(context, entry, envelope)


def _known(context: BridgeContext, entry: Entry, envelope: Envelope) -> Read | None:
    """What is to be said of an envelope without opening it."""
    header, store = envelope.header, context.store
    digest = digest_of(store, header.sender, header.message_id)
    reason = ""
    if digest is not None:
        reason = "" if digest == envelope.sha256 else "message_id_reused"
        return Read(entry, envelope=envelope, known=not reason, reason=reason)
    contact = store.contacts.get(header.sender)
    if header.version == 1 and not takes_version_1(store, context.relay_now()):
        reason = str(EnvelopeReason.WRONG_VERSION)
    elif contact is not None and contact.state in {"blocked", "rejected"}:
        reason = f"contact_{contact.state}"
    elif header.recipient != context.identity.did:
        reason = str(EnvelopeReason.WRONG_RECIPIENT)
    return Read(entry, envelope=envelope, reason=reason) if reason else None


async def _open(context: BridgeContext, entry: Entry, envelope: Envelope) -> Read:
    sender, cards = envelope.header.sender, context.cards
    try:
        me, card = context.identity, await cards.get(sender)
        try:
            opened = cards.opened(envelope, me, card, MAX_SKEW)
        except EnvelopeError as error:
            if error.reason not in _STALE_CARD:
                raise
            opened = cards.opened(envelope, me, await cards.fresh(sender), MAX_SKEW)
    except (EnvelopeError, CardTrouble) as error:
        return Read(entry, envelope=envelope, reason=str(error.reason))
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

"""Receives entries of the relay's inbox into the store: verified, once each, in order, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from openclaw_install.messaging.bridge.chain_rules import Verdict
from openclaw_install.messaging.bridge.context import BridgeContext
from openclaw_install.messaging.bridge.entry_reader import MAX_SKEW, Read, digest_of, read_entry
from openclaw_install.messaging.bridge.ordering import (
    DOWNGRADE,
    FORK,
    Arrival,
    arrive,
    came_in,
    forked,
    is_downgrade,
)
from openclaw_install.messaging.bridge.runtime_messages import take_note, tell_of_fork
from openclaw_install.messaging.contact_gate import FirstContacts, hears_receipts_of, judge
from openclaw_install.messaging.knocks import knock, made_room
from openclaw_install.messaging.models import Contact, NewMessage, RelayCursor, Stage
from openclaw_install.messaging.relay.client import Entry
from openclaw_install.messaging.retirement import note_acked_elsewhere
from openclaw_install.messaging.store.messages import preview
from openclaw_install.protocol.envelope import Opened
from openclaw_install.protocol.messages import RECEIPT

_MARGIN = 3600.0


@dataclass(frozen=True)
class Taken:
    """What became of a batch, for the bridge to act upon.

    Attributes:
        ready: whether there is something to dispatch now.
        rejected: reasons of what was refused.
        gap: the first numbers that the relay skipped; empty where it skipped none.
        settled: whether there is something to acknowledge.
    """

    ready: bool
    rejected: tuple[str, ...]
    gap: range
    settled: bool


class Receiver:
    """The way into one store.

    Args:
        context: what the parts share.
        trust: what the trust policy says of senders that nobody has decided about; without it they wait.
    """

    def __init__(self, context: BridgeContext, trust: FirstContacts | None = None) -> None:
        self.context, self.trust = context, trust
        self.store, self.cards = context.store, context.cards
        self.limits, self.order = context.settings.gate, context.settings.order

    async def take(self, cursor: RelayCursor, entries: Sequence[Entry]) -> tuple[RelayCursor, Taken]:
        """Takes a batch in; its order does not matter.

        Args:
            cursor: how far the inbox is in the store.
            entries: as the relay gave them.

        Returns:
            The new cursor, which is in the store already, and what there is to do.

        Raises:
            RelayError: a sender's card could not be had; nothing of the batch was taken in.
            FileError: the store could not be written; nothing of the batch was taken in.
        """
        wanted = await self.store.run(self._wanted, cursor, entries)
        # One after the other: a sender's rotated card is then fetched once for all of its messages.
        read = [await read_entry(self.context, cursor, entry) for entry in wanted]
        if self.trust is not None:
            await self.trust.refresh()
        return await self.store.run(self._keep, cursor, read)

    def _wanted(self, cursor: RelayCursor, entries: Sequence[Entry]) -> list[Entry]:
        by_seq = {entry.seq: entry for entry in entries}
        return [
            by_seq[seq]
            for seq in sorted(by_seq)
            if seq > cursor.after_seq or self.store.relay.is_missing(cursor.log_id, seq)
        ]

    def _keep(self, cursor: RelayCursor, read: Sequence[Read]) -> tuple[RelayCursor, Taken]:
        now = self.context.relay_now()
        rejected: list[str] = []
        after, gap, ready, settled = cursor.after_seq, range(0), False, False
        gone: list[Entry] = []
        with self.store.write():
            for one in map(self._seen_by_now, read):
                seq = one.entry.seq
                # Neither a message nor a word what became of it: as if the place had been skipped.
                empty = one.entry.gone is None and one.entry.envelope is None
                if skipped := range(after + 1, seq + empty):
                    gap = gap or skipped
                    self.store.relay.add_gaps(cursor.log_id, skipped, now)
                    self.store.events.add("relay.withheld", now, first=skipped.start, last=skipped.stop - 1)
                after = max(after, seq)
                if empty:
                    continue
                if one.reason:
                    rejected += self._reject(cursor, one, now)
                    settled = True
                elif one.known:
                    self._duplicate(cursor, one, now)
                    settled = True
                elif one.opened is None:
                    self.store.relay.fill(cursor.log_id, seq)
                    gone += [one.entry] if self.store.ingress.message_at(cursor.log_id, seq) is None else []
                else:
                    stage = self._take(cursor, one, one.opened, now)
                    ready = ready or stage == "approved"
                    settled = settled or stage in {"pending", "handled"}
            self._record_gone(cursor.log_id, gone, now)
            new = RelayCursor(cursor.url, cursor.relay_id, cursor.log_id, after)
            if after != cursor.after_seq:
                self.store.relay.set_cursor(new, now)
        return new, Taken(ready, tuple(rejected), gap, settled)

    def _seen_by_now(self, one: Read) -> Read:
        """A message that came twice in one batch is known the second time."""
        if one.opened is None:
            return one
        header = one.opened.header
        digest = digest_of(self.store, header.sender, header.message_id)
        if digest is None:
            return one
        reason = "" if digest == one.opened.sha256 else "message_id_reused"
        return replace(one, opened=None, known=not reason, reason=reason)

    def _record_gone(self, log_id: str, gone: Sequence[Entry], now: float) -> None:
        """Tells of places whose messages never came in here, and are not at the relay any more."""
        if gone:
            seqs = [entry.seq for entry in gone]
            expired = sum(entry.gone == "expired" for entry in gone)
            first, last, count = min(seqs), max(seqs), len(seqs)
            self.store.events.add("relay.gone", now, first=first, last=last, count=count, expired=expired)
            acked = [entry.seq for entry in gone if entry.gone != "expired"]
            note_acked_elsewhere(self.store, log_id, acked, now)

    def _reject(self, cursor: RelayCursor, one: Read, now: float) -> list[str]:
        header = one.envelope.header if one.envelope else None
        claimed = (header.sender, header.message_id) if header else ("", "")
        known = self.store.contacts.get(claimed[0]) if one.reason == "card_from_future" else None
        if known is not None and known.state == "approved":
            # The card of somebody we know may be right later; its message stays at the relay.
            self.store.relay.defer(cursor.log_id, one.entry.seq, claimed[0], now)
            return []
        self.store.relay.fill(cursor.log_id, one.entry.seq)
        if not self.store.ingress.reject(cursor.log_id, one.entry.seq, one.reason, claimed, now):
            return []
        self.store.events.add(
            "message.rejected", now, reason=one.reason, sender=claimed[0], seq=one.entry.seq
        )
        return [one.reason]

    def _duplicate(self, cursor: RelayCursor, one: Read, now: float) -> None:
        """The same envelope at another place: only its place has to be acknowledged."""
        header = one.envelope.header if one.envelope else None
        claimed = (header.sender, header.message_id) if header else ("", "")
        self.store.relay.fill(cursor.log_id, one.entry.seq)
        self.store.ingress.reject(cursor.log_id, one.entry.seq, "duplicate", claimed, now)

    def _take(self, cursor: RelayCursor, one: Read, opened: Opened, now: float) -> Stage | None:
        header = opened.header
        internal = not self.store.is_visible(header.schema)
        if is_downgrade(self.store, opened):
            self._reject(cursor, replace(one, reason=DOWNGRADE), now)
            return None
        contact = self.store.contacts.get(header.sender)
        if self.trust is not None and not internal:
            contact, refused = self._by_policy(self.trust, header.sender, contact, now)
            if refused:
                self._reject(cursor, Read(one.entry, envelope=one.envelope, reason=refused), now)
                return None
        verdict = judge(contact, self.store.contacts.waiting_in_all(), self.limits)
        if header.schema == RECEIPT and hears_receipts_of(contact):
            verdict = "pass"
        if verdict == "defer" and not internal:
            knock(self.store, self.limits, cursor.log_id, one.entry.seq, header.sender, contact, now)
            return None
        arrival = arrive(self.store, opened, now, self.order)
        if arrival.verdict in {"fork", "repeat"}:
            self._contradicts(cursor, one, opened, arrival.verdict, now)
            return None
        if verdict == "refuse" or (internal and verdict != "pass"):
            reason = f"contact_{contact.state}" if contact else "not_a_contact"
            self._reject(cursor, replace(one, reason=reason), now)
            if contact is not None:
                # It came in, so it is no gap in its sender's chain.
                came_in(self.store, opened, arrival, None, now, _kept_until(opened), self.order)
            return None
        stage: Stage = "pending" if verdict == "wait" else "handled" if internal else "approved"
        self._let_in(contact, opened, stage, now)
        self._add(cursor, one, opened, stage, arrival, now)
        take_note(self.store, opened, now, handled=stage == "handled")
        return stage

    def _let_in(self, contact: Contact | None, opened: Opened, stage: Stage, now: float) -> None:
        """What a message that is taken in changes of its sender as a contact."""
        header = opened.header
        if contact is None:
            self._first_contact(header.sender, now)
        elif stage == "pending" and contact.waiting == 0:
            # It only knocked so far, or we wrote first: now it waits for a decision, with its word and name.
            self.store.contacts.replied(header.sender, now)
            self.store.events.add("contact.pending", now, did=header.sender)
            self.cards.keep(header.sender, now)
        if stage == "pending":
            self.store.contacts.add_waiting(header.sender, 1)
            made_room(self.store, self.limits, now)

    def _contradicts(
        self, cursor: RelayCursor, one: Read, opened: Opened, verdict: Verdict, now: float
    ) -> None:
        """An envelope for a place that has another one, or that has this one already."""
        if verdict == "repeat" or one.envelope is None:
            self._duplicate(cursor, one, now)
            return
        self._reject(cursor, replace(one, reason=FORK), now)
        if forked(self.store, opened, one.envelope, now):
            tell_of_fork(self.store, self.context.identity.did, opened, now)

    def _by_policy(
        self, trust: FirstContacts, sender: str, contact: Contact | None, now: float
    ) -> tuple[Contact | None, str]:
        """The sender after the trust policy had its say, or why its message is refused."""
        if contact is None:
            action = trust.first_contact(sender, self.cards.alias(sender))
            # Strangers that are turned away leave no contact behind: anybody can make many of them.
            if action in {"reject", "block"}:
                return None, f"policy_{action}"
            if action == "approve":
                contact = self._first_contact(sender, now)
        return (None if contact is None else trust.settled(contact, now)), ""

    def _first_contact(self, sender: str, now: float) -> Contact:
        made = self.store.contacts.add(sender, "pending", "inbound", now)
        self.store.events.add("contact.pending", now, did=sender)
        self.cards.keep(sender, now)
        return self.store.contacts.get(sender) or made

    def _add(
        self, cursor: RelayCursor, one: Read, opened: Opened, stage: Stage, arrival: Arrival, now: float
    ) -> None:
        header = opened.header
        thread = self.store.sessions.local_id(self.context.identity.did, header.sender)
        store = self.store
        message = NewMessage(
            direction="in",
            sender=header.sender,
            message_id=header.message_id,
            thread_id=thread,
            peer=header.sender,
            schema=header.schema,
            body=opened.body,
            sent_at=header.sent_at,
            known_at=now,
            state=stage,
            seq=one.entry.seq,
            place=arrival.place,
        )
        number = store.messages.add(message)
        held_until = None if stage == "handled" else arrival.held_until
        place = (header.sender, cursor.log_id, one.entry.seq, stage)
        store.ingress.add(number, thread, *place, held_until=held_until)
        # A relay that lost its data, or plays it again, can bring it back until it has expired.
        until = _kept_until(opened)
        store.messages.remember(header.sender, header.message_id, opened.sha256, now, until)
        came_in(store, opened, arrival, number, now, until, self.order)
        store.relay.fill(cursor.log_id, one.entry.seq)
        if store.is_visible(header.schema):
            shown = preview(header.schema, opened.body)
            store.sessions.touch(thread, header.sender, number, "in", shown, now)
            store.events.about(message, "message.received", now, stage=stage, schema=header.schema)


def _kept_until(opened: Opened) -> float:
    return opened.header.expires_at + MAX_SKEW + _MARGIN

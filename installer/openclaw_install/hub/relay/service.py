"""The relay's application: registers cards, commits envelopes, reads inboxes, and wakes their streams."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence

from openclaw_install.common.errors import InstallError
from openclaw_install.hub.http_errors import HttpRefusedError
from openclaw_install.hub.log import Quiet
from openclaw_install.hub.relay import model
from openclaw_install.hub.relay.context import RelayContext
from openclaw_install.hub.relay.errors import refused
from openclaw_install.hub.relay.inbox_rules import may_be_claimed
from openclaw_install.hub.relay.streams import Streams
from openclaw_install.hub.storage.group_commit import LARGEST_GROUP, GroupCommitter
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.card import AgentCard, recorded_card, succession
from openclaw_install.protocol.header import Envelope
from openclaw_install.protocol.receipts import CommitReceipt, relay_id_of, signed
from openclaw_install.protocol.rotation import is_from_future

_log = logging.getLogger(__name__)
_CARDS_IN_MEMORY = 4096
_UNSETTLED_RETRY_SECONDS = 60
_BUSY_RETRY_SECONDS = 2
_ANY_TIME = float("inf")


class RelayService:
    """The relay's application; one for each store, used from one event loop.

    Args:
        context: its store, the key that signs the receipts, and the clock, which dates what comes in and says
            how far it is to be trusted with what goes.
        group_commits: False commits every step alone; for comparison only.
    """

    def __init__(self, context: RelayContext, *, group_commits: bool = True) -> None:
        self._store, self._key, self._clock = context.store, context.key, context.clock
        self._limits = context.limits
        self._marked_since = self._clock.look().step
        self.relay_id = relay_id_of(self._key)
        self.streams = Streams(self._limits)
        largest = LARGEST_GROUP if group_commits else 1
        self._committer: GroupCommitter[model.Step, model.Outcome] = GroupCommitter(
            self._store.commit, largest_group=largest
        )
        self._cards: OrderedDict[str, AgentCard] = OrderedDict()
        self._noted: OrderedDict[str, float] = OrderedDict()
        self._origin_key = hashlib.sha256(b"origins of envelopes" + self._key.reveal_seed()).digest()
        self._removals = self._store.removals()
        self._quiet = Quiet()

    def card_of(self, did: str) -> AgentCard | None:
        """The registered card of an agent."""
        card = self._cards.get(did)
        if card is None:
            stored = self._store.card(did)
            if stored is None:
                return None
            card = recorded_card(stored.card)
        self._remember(card)
        return card

    async def put_card(self, card: AgentCard, invite: str | None = None) -> None:
        """Registers an agent, or takes its newer card; the same card again changes nothing.

        Args:
            invite: the SHA-256 of the invitation that came with it, in hex.

        Raises:
            HttpRefusedError: the card does not follow the registered one, or its alias is not to be had.
        """
        self._forget_removed()
        if is_from_future(card.rotation, self._clock.wall()):
            raise refused("clock_unsettled" if self._was_just_set() else "card_from_future", retry_after=60)
        known = self.card_of(card.did)
        earlier = known or self._retired_card(card.did)
        relation = "succeeds" if earlier is None else succession(earlier, card)
        if relation == "same" and known is not None:
            return
        relation = "succeeds" if relation == "same" else relation
        if relation != "succeeds":
            raise refused("card_version" if relation == "rollback" else "card_fork")
        if known is None and self._limits.registration == "closed":
            raise refused("registration_closed")
        if card.alias is not None and not may_be_claimed(card.alias):
            raise refused("alias_reserved")
        data = canonical_json(card.to_json())
        stored = model.StoredCard(card.did, card.version, data, card.alias, self._now())
        replaces = 0 if known is None else known.version
        await self._commit(model.PutCard(stored, replaces, self._is_settled(), invite))
        self._remember(card)
        if known is not None and known.signing_key != card.signing_key:
            # Whoever opened them may have had nothing but the old key.
            self.streams.close_all_of(card.did)

    def _retired_card(self, did: str) -> AgentCard | None:
        stored = self._store.retired_card(did)
        return None if stored is None else recorded_card(stored.card)

    def note_use(self, did: str) -> None:
        """Notes that an agent uses its place, once an hour and without waiting for the disk."""
        now = self._clock.monotonic()
        if now - self._noted.get(did, -_ANY_TIME) < self._limits.touch_seconds:
            return
        self._noted[did] = now
        self._noted.move_to_end(did)
        while len(self._noted) > self._limits.agents_in_all:
            self._noted.popitem(last=False)
        self._committer.submit(model.Touch(did, self._now()))

    async def set_access(self, did: str, keys: Sequence[str]) -> int:
        """Puts the hashes of the keys by which an agent admits others in the place of those before."""
        return await self._count(model.SetAccess(did, tuple(keys)))

    async def post(self, envelope: Envelope, party: str, access: str | None = None) -> CommitReceipt:
        """Commits an envelope; its receipt is given once it is durable.

        Args:
            party: the network address that it counts for.
            access: the SHA-256 of the access key that came with it, in hex.

        Raises:
            HttpRefusedError: it was not committed.
        """
        header, now = envelope.header, self._now()
        unsettled = self._was_just_set()
        if header.sent_at * 1000 > now + self._limits.clock_skew_seconds * 1000:
            if unsettled:
                raise refused("clock_unsettled", retry_after=_UNSETTLED_RETRY_SECONDS)
            raise refused("from_future")
        expires_at = round(header.expires_at * 1000)
        deposit = model.Deposit(
            header.sender,
            header.recipient,
            header.message_id,
            envelope.sha256,
            envelope.wire,
            expires_at,
            now,
            self._origin(party),
            access,
        )
        try:
            outcome = await self._commit(deposit)
        except HttpRefusedError as refusal:
            if refusal.code == "expired" and unsettled:
                # Its sender would give it up for good.
                raise refused("clock_unsettled", retry_after=_UNSETTLED_RETRY_SECONDS) from None
            raise
        if not isinstance(outcome, model.Committed):
            raise AssertionError("a deposit is committed or refused")
        if not outcome.repeated:
            self.streams.wake(header.recipient)
        return self._receipt(header.recipient, header.message_id, envelope.sha256, outcome)

    async def page(
        self, did: str, after: int, most: int, most_bytes: int
    ) -> tuple[list[model.Entry], model.Inbox]:
        """The entries of an inbox behind `after`, and its figures (not older than the entries)."""

        def read() -> tuple[list[model.Entry], model.Inbox]:
            entries = self._store.entries(did, after=after, most=most, most_bytes=most_bytes)
            return entries, self._store.inbox(did)

        return await asyncio.to_thread(read)

    async def acknowledge(self, did: str, up_to: int, seqs: Sequence[int]) -> int:
        """Drops what the owner of the inbox has; returns how many entries that changed."""
        step = model.Acknowledge(did, up_to, tuple(seqs))
        count = done = await self._count(step)
        while done >= step.most:
            done = await self._count(model.Acknowledge(did, up_to))
            count += done
        return count

    def entry_json(self, did: str, entry: model.Entry) -> bytes:
        """An entry as the inbox and the stream give it: JSON on one line."""
        if entry.body is None:
            return canonical_json({"gone": entry.gone, "seq": entry.seq})
        place = model.Committed(entry.seq, entry.committed_at)
        receipt = canonical_json(self._receipt(did, entry.message_id, entry.sha256, place).to_json())
        # The body is canonical JSON already; to parse it only to write it again would cost the most.
        return b'{"envelope":%b,"receipt":%b,"seq":%d}' % (entry.body, receipt, entry.seq)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sweeps meanwhile; the end commits what was submitted, and nothing may be asked afterwards."""
        sweeping = asyncio.ensure_future(self._sweep_for_ever())
        try:
            yield
        finally:
            sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweeping
            await asyncio.to_thread(self._committer.close)

    async def _sweep_for_ever(self) -> None:
        while True:
            with contextlib.suppress(InstallError):
                # A full disk is told where somebody asks for something.
                await self.sweep()
            await asyncio.sleep(self._limits.sweep_seconds)

    async def sweep(self) -> int:
        """Marks what has expired, and drops and forgets what was marked a day ago and still has.

        A clock that was set takes the marks back, and nothing happens until it has settled again.

        Returns:
            How many entries that changed.
        """
        self._forget_removed()
        known, count = self._clock.look(), 0
        if known.step is not self._marked_since:
            count += await self._until_done(model.TakeMarksBack())
            self._marked_since = known.step
        if known.agreed < self._limits.clock_settles_seconds:
            return count
        at = round(known.now.wall * 1000)
        marked_by = at - round(self._limits.second_look_seconds * 1000)
        count += await self._until_done(model.Sweep(at, marked_by))
        count += await self._until_done(model.Lapse(at, marked_by))
        self._forget_removed()
        return count

    async def _until_done(self, step: model.Sweep | model.Lapse | model.TakeMarksBack) -> int:
        """Takes the step again until there is nothing left for it to do."""
        count = 0
        while True:
            outcome = await asyncio.wrap_future(self._committer.submit(step))
            done = outcome.count if isinstance(outcome, model.Done) else 0
            count += done
            if not done:
                return count

    def _is_settled(self) -> bool:
        """Whether the clock may be trusted with what cannot be taken back."""
        limits = self._limits
        return self._clock.look().agreed >= max(limits.clock_settles_seconds, limits.second_look_seconds)

    def _was_just_set(self) -> bool:
        known = self._clock.look()
        return known.step is not None and known.agreed < self._limits.clock_settles_seconds

    def _forget_removed(self) -> None:
        """Notices places that were given back, also by the operator's command in another process."""
        removals = self._store.removals()
        if removals == self._removals:
            return
        self._removals = removals
        self._cards.clear()
        self._noted.clear()
        for did in self.streams.listening():
            if self._store.card(did) is None:
                self.streams.close_all_of(did)

    async def _count(self, step: model.Step) -> int:
        """Takes a step other than a deposit; how much was changed by it."""
        outcome = await self._commit(step)
        return outcome.count if isinstance(outcome, model.Done) else 0

    async def _commit(self, step: model.Step) -> model.Outcome:
        try:
            outcome = await asyncio.wrap_future(self._committer.submit(step))
        except InstallError as error:
            self._quiet.warn(_log, error.error_code, f"the relay did not commit: {error.message}")
            if error.error_code == "hub.database_busy":
                raise refused("storage_busy", retry_after=_BUSY_RETRY_SECONDS) from error
            raise refused(
                "storage_full" if error.error_code == "hub.database_full" else "storage_failed"
            ) from error
        if isinstance(outcome, model.Refused):
            raise refused(outcome.code, retry_after=outcome.retry_after)
        return outcome

    def _receipt(self, recipient: str, message_id: str, sha256: str, place: model.Committed) -> CommitReceipt:
        unsigned = CommitReceipt(
            message_id=message_id,
            to=recipient,
            seq=place.seq,
            committed_at=place.committed_at / 1000,
            relay=self.relay_id,
            log_id=self._store.log_id,
            envelope_sha256=sha256,
            signature=b"",
        )
        return signed(self._key, unsigned)

    def _origin(self, party: str) -> str:
        """A network address as the store has it: a name that says nothing without the relay's key."""
        return hashlib.blake2b(party.encode(), key=self._origin_key, digest_size=12).hexdigest()

    def _remember(self, card: AgentCard) -> None:
        self._cards[card.did] = card
        self._cards.move_to_end(card.did)
        while len(self._cards) > _CARDS_IN_MEMORY:
            self._cards.popitem(last=False)

    def _now(self) -> int:
        return round(self._clock.wall() * 1000)

"""Sends queued messages in order: sealed once, posted until the relay's signed receipt is stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openclaw_install.common.backoff import pause
from openclaw_install.messaging.bridge.circuit_breaker import CircuitBreaker
from openclaw_install.messaging.bridge.context import BridgeContext
from openclaw_install.messaging.bridge.delivery_state import is_recorded
from openclaw_install.messaging.bridge.scheduler import Scheduler
from openclaw_install.messaging.bridge.sealing import is_version_2, sealed_once
from openclaw_install.messaging.card_cache import CardTrouble
from openclaw_install.messaging.models import OutboxItem
from openclaw_install.messaging.relay.client import RelayError, RelayRefused, RelayUnreachable
from openclaw_install.protocol.card import AgentCard
from openclaw_install.protocol.errors import EnvelopeError, NoUsableKey, ReceiptError
from openclaw_install.protocol.header import parse_envelope
from openclaw_install.protocol.messages import RECEIPT
from openclaw_install.protocol.receipts import CommitReceipt, verify_receipt

_CARD_SECONDS = 300.0
_MOST_PAUSE = 300.0
_TROUBLE = "outbox"
# The same bytes will never be taken: each with what helps.
_PERMANENT = {
    "unknown_recipient": "check the DID with the other side; it has to register with the same relay",
    "message_id_reused": "send it anew: its id is already taken at the relay by another message",
    "oversized": "send the large part as an attachment reference",
    "malformed": "update the older of the two sides, then send it anew",
    "wrong_sender": "check which identity this profile uses, then send it anew",
}
_FINAL = _PERMANENT.keys() | {"wrong_version", "wrong_conversation"}
# What answers without a relay's code is a proxy or a wrong address: a trouble of the way, not of a message.
_NO_CODE = "http"
# So long an agent that we have a card of may take to come back to a relay that lost its data.
_COMES_BACK_SECONDS = 7 * 86_400.0


class OutboxWorker:
    """The part of the bridge that sends."""

    def __init__(self, context: BridgeContext, relay_id: Callable[[], str]) -> None:
        self._context = context
        self._store = context.store
        self._relay_id = relay_id
        self._breaker = CircuitBreaker(context.settings.timing.most_pause)
        self._scheduler = Scheduler(
            context, "outbox", self, self._breaker, context.signals.outbox, (_TROUBLE,)
        )
        self._fresh: dict[str, float] = {}

    async def run(self) -> None:
        """Works until it is cancelled."""
        await self._context.alone.wait()
        await self._scheduler.run()

    async def flush(self) -> None:
        """Sends what is due now, one after the other, and returns."""
        await self._scheduler.drain()

    async def prepare(self) -> bool:
        """Nothing is sent before the relay has said which one it is: its receipts could not be verified."""
        return bool(self._relay_id())

    async def due_threads(self, now: float, *, after: str = "", limit: int) -> Sequence[str]:
        return await self._store.run(self._store.outbox.due_threads, now, after=after, limit=limit)

    async def next_due(self, now: float) -> float | None:
        return await self._store.run(self._store.outbox.next_due, now)

    async def open_count(self) -> int:
        return await self._store.run(self._store.outbox.open_count)

    async def advance(self, thread: str, now: float) -> bool:
        """Makes one attempt to send the oldest message of a thread."""
        item = await self._store.run(self._store.outbox.head, thread)
        if item is None or item.next_attempt_at > now:
            return False
        await self._attempt(item)
        return True

    async def _attempt(self, item: OutboxItem) -> None:
        try:
            wire = item.wire or await self._sealed(item)
            await self._store.run(
                self._store.outbox.update, item.id, state="sending", attempts=item.attempts + 1
            )
            access = await self._store.run(self._store.access.key_of, item.recipient)
            answer = await self._context.relay.post(wire.encode(), access)
            receipt = verify_receipt(answer, self._relay_id(), parse_envelope(wire.encode()))
        except RelayUnreachable as error:
            self._pause(error.message)
            await self._again(item, error.message, 0.0)
        except RelayRefused as error:
            await self._refused(item, error)
        except ReceiptError as error:
            # Without a receipt that holds it is not sent; the same bytes can be posted again.
            await self._again(item, error.message, None)
        except (EnvelopeError, NoUsableKey, CardTrouble) as error:
            await self._unsealed(item, error)
        except RelayError as error:
            await self._again(item, error.message, None)
        else:
            # A request from before the breaker opened says nothing of a pause that the relay asked for since.
            if not self._breaker.is_open(self._context.now()):
                self._breaker.close()
            self._context.health.clear(_TROUBLE)
            await self._store.run(self._committed, item, receipt, answer)

    async def _sealed(self, item: OutboxItem) -> str:
        """The envelope, in the store before it goes out: a repetition has to be the same bytes."""
        card = await self._card(item.recipient)
        me, now = self._context.identity, self._context.relay_now()
        return await self._store.run(sealed_once, self._store, item, me, card, now)

    async def _card(self, did: str) -> AgentCard:
        """The freshest card; a recent one is good enough while its keys are."""
        now = self._context.now()
        if now - self._fresh.get(did, float("-inf")) < _CARD_SECONDS:
            card = await self._context.cards.get(did)
            if any(key.expires_at > self._context.relay_now() for key in card.encryption_keys):
                return card
        try:
            card = await self._context.cards.fresh(did)
        except CardTrouble as trouble:
            if trouble.reason not in {"card_rollback", "card_from_future"}:
                raise
            # A relay that was put back, or keeps the newer card from us, or a card whose time has not come:
            # the newest that we saw counts.
            return await self._context.cards.get(did)
        if len(self._fresh) > 10_000:
            self._fresh.clear()
        self._fresh[did] = now
        return card

    def _committed(self, item: OutboxItem, receipt: CommitReceipt, answer: Mapping[str, Any]) -> None:
        store, now = self._store, self._context.now()
        with store.write():
            store.outbox.update(
                item.id,
                state="committed",
                seq=receipt.seq,
                log_id=receipt.log_id,
                receipt=json.dumps(answer, sort_keys=True),
                committed_at=now,
                reason="",
                next_step="",
            )
            store.sent.committed(item.recipient, item.id)
            if item.schema == RECEIPT:
                self._receipted(item, now)
            elif store.is_visible(item.schema):
                store.events.about(item, "outbox.committed", now, seq=receipt.seq)

    def _receipted(self, item: OutboxItem, now: float) -> None:
        receipt = self._store.messages.get(item.id)
        about = str(receipt.body.carried().get("message_id", "")) if receipt else ""
        message = self._store.messages.find(item.recipient, about)
        if message:
            self._store.ingress.update(message.id, receipted_at=now)

    async def _refused(self, item: OutboxItem, error: RelayRefused) -> None:
        if error.passing:
            wait = error.retry_after
            # A full inbox is that recipient's own trouble; a limit on us is everybody's.
            if error.reason != "quota_exceeded":
                self._pause(error.message, wait)
            await self._again(item, error.message, wait)
        elif error.reason == "expired" and (item.attempts < 3 or self._over(item)):
            # It waited for so long that it expired before it was ever committed: sealed anew it is as good.
            await self._store.run(self._store.outbox.update, item.id, wire=None, state="queued")
        elif error.reason == "unknown_recipient" and await self._store.run(self._may_come_back, item):
            await self._again(item, error.message, None)
        elif error.status == 401:
            # Not registered (any more): the connection registers, then it goes on.
            self._pause(error.message)
            await self._again(item, error.message, 1.0)
        elif error.reason == "wrong_version" and await self._store.run(self._is_newer, item):
            # An older relay: sealing anew in version 1 would give up what version 2 proves. So it waits.
            self._pause("the relay does not take version 2 of the envelope: update the relay")
            await self._again(item, error.message, None)
        elif error.reason in _FINAL or error.reason == "expired":
            next_step = _PERMANENT.get(error.reason, error.next_step)
            await self._fail(item, f"{error.reason}: {error.message}", next_step)
        else:
            if error.reason == _NO_CODE:
                self._pause(error.message)
            await self._again(item, error.message, None)

    def _is_newer(self, item: OutboxItem) -> bool:
        written = self._store.outbox.get(item.id)
        return written is not None and written.wire is not None and is_version_2(written.wire)

    def _over(self, item: OutboxItem) -> bool:
        """Whether an envelope has really expired, whatever the relay says."""
        return item.expires_at is not None and item.expires_at <= self._context.relay_now()

    def _may_come_back(self, item: OutboxItem) -> bool:
        """Whether a recipient that the relay does not know was there: the relay may have lost its data."""
        recent = self._context.now() - item.queued_at < _COMES_BACK_SECONDS
        was_there = item.committed_at is not None or self._store.contacts.card(item.recipient) is not None
        return recent and was_there

    async def _unsealed(self, item: OutboxItem, error: EnvelopeError | NoUsableKey | CardTrouble) -> None:
        """Nothing was sent. Never is there a second try without encryption."""
        reason = error.reason if isinstance(error, CardTrouble) else ""
        if reason == "unknown_sender":
            gone = not await self._store.run(self._may_come_back, item)
            passing = "" if gone else "the relay does not know this agent at the moment"
            final, next_step = "unknown_recipient", _PERMANENT["unknown_recipient"]
        elif isinstance(error, CardTrouble):
            passing = "the agent's card is dated in the future" if reason == "card_from_future" else ""
            final, next_step = reason, "ask that agent, by another way, whether it changed its keys"
        else:
            is_keyless = isinstance(error, NoUsableKey) and item.attempts < 3
            passing = error.message if is_keyless else ""
            final, next_step = error.message, error.next_step
        if not passing:
            await self._fail(item, final, next_step)
            return
        if isinstance(error, NoUsableKey):
            self._fresh.pop(item.recipient, None)
        # It counts as a try, or the pauses would not grow.
        await self._store.run(self._store.outbox.update, item.id, attempts=item.attempts + 1)
        await self._again(item, passing, None)

    async def _fail(self, item: OutboxItem, reason: str, next_step: str) -> None:
        await self._store.run(self._failed, item, reason, next_step)
        self._context.event("outbox.failed", message_id=item.message_id, reason=reason)

    def _failed(self, item: OutboxItem, reason: str, next_step: str) -> None:
        store, now = self._store, self._context.now()
        with store.write():
            store.outbox.update(item.id, state="failed", reason=reason, next_step=next_step)
            store.events.about(item, "outbox.failed", now, reason=reason)

    async def _again(self, item: OutboxItem, reason: str, wait: float | None) -> None:
        delay = pause(item.attempts + 1, self._context.jitter(), most=_MOST_PAUSE) if wait is None else wait
        await self._store.run(self._put_back, item, reason, delay)

    def _put_back(self, item: OutboxItem, reason: str, delay: float) -> None:
        store, now = self._store, self._context.now()
        with store.write():
            store.outbox.update(item.id, state="queued", next_attempt_at=now + delay, reason=reason)
            if store.is_visible(item.schema) and is_recorded(item.attempts + 1):
                store.events.about(item, "outbox.retry", now, attempts=item.attempts + 1, reason=reason)

    def _pause(self, reason: str, at_least: float | None = None) -> None:
        now = self._context.now()
        if not self._breaker.is_open(now):
            self._context.health.trouble(_TROUBLE, f"messages wait to be sent: {reason}")
        self._breaker.trip(now, self._context.jitter(), at_least)

    def hurry(self) -> None:
        """The relay answers again: go on at once."""
        self._breaker.close()
        self._context.health.clear(_TROUBLE)
        self._context.signals.outbox.set()

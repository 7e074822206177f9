"""Maintenance of the bridge: acknowledgements, turns to confirm, keys to rotate, rows to delete."""

from __future__ import annotations

import asyncio
import contextlib

from openclaw_install.messaging.access import publish, renew
from openclaw_install.messaging.bridge.context import REST_SECONDS, BridgeContext, wait_event
from openclaw_install.messaging.bridge.dispatcher import Dispatcher
from openclaw_install.messaging.bridge.ordering import let_overdue_go
from openclaw_install.messaging.bridge.registration import freshen, register
from openclaw_install.messaging.bridge.relay_clock import hold_clocks
from openclaw_install.messaging.bridge.relay_connection import DataLost, RelayConnection
from openclaw_install.messaging.knocks import due_at_relay
from openclaw_install.messaging.relay.client import RelayError

_ACK_PAGE = 200
_READMIT_PAGE = 32
_GATHER_SECONDS = 0.05
_EVENT_SECONDS = 30 * 86_400.0
_RECENT_SECONDS = 90.0
_ASK_SECONDS = 2.0
_BEAT_SECONDS = 30.0
# In rounds, not in seconds: the clock is what is in question.
_CLOCK_ROUNDS = 30


class Maintenance:
    """The worker of the bridge that does what is due now and then."""

    def __init__(self, context: BridgeContext, connection: RelayConnection, dispatcher: Dispatcher) -> None:
        self._context = context
        self._store = context.store
        self._relay = context.relay
        self._connection = connection
        self._dispatcher = dispatcher
        self._round = 0

    async def acknowledge(self) -> None:
        """Tells the relay what it may drop, whenever there is something; until cancelled."""
        await self._context.alone.wait()
        while True:
            await wait_event(self._context.signals.acks, REST_SECONDS)
            await self._context.round_trip()
            if not self._connection.connected.is_set():
                continue  # the connection sets the event when it is
            # Nobody waits for it, so a few are done together.
            await asyncio.sleep(_GATHER_SECONDS)
            try:
                await self.acknowledge_once()
            except RelayError:
                # The connection notices and reconnects; what is not acknowledged now is so later.
                await asyncio.sleep(1.0)
                self._context.signals.acks.set()

    async def acknowledge_once(self) -> None:
        """Acknowledges all that is done with."""
        cursor = self._connection.cursor
        while cursor is not None:
            seqs = await self._store.run(self._store.ingress.unacked, cursor.log_id, _ACK_PAGE)
            if not seqs:
                return
            await self._relay.ack(seqs)
            await self._store.run(self._store.ingress.acked, cursor.log_id, seqs, self._context.now())

    async def watch(self) -> None:
        """Notices what other processes wrote: replies to send, contacts that were decided."""
        seen = await self._store.run(self._store.database.data_version)
        log, quiet, unwritten = None, 0.0, 0.0
        while True:
            await asyncio.sleep(self._context.settings.timing.watch)
            unwritten += self._context.settings.timing.watch
            if unwritten >= _BEAT_SECONDS:
                unwritten = 0.0
                await self._context.health.beat()
            await self._context.health.publish()
            # Every commit writes the log: a look at its date is all that an idle host costs. Two commits in
            # one tick of the clock look the same, so SQLite itself is asked now and then.
            quiet += self._context.settings.timing.watch
            before, log = log, self._store.database.log_stamp()
            if log == before and quiet < _ASK_SECONDS:
                continue
            quiet = 0.0
            now_seen = await self._store.run(self._store.database.data_version)
            if now_seen != seen:
                seen = now_seen
                self._context.signals.everything()

    async def readmit(self) -> None:
        """Takes in what was left at the relay as soon as a decision makes room for it; until cancelled."""
        while True:
            await wait_event(self._context.signals.gate, 30.0)
            await self._connection.connected.wait()
            with contextlib.suppress(RelayError, DataLost):  # the connection notices by itself
                await self.readmit_once()

    async def readmit_once(self) -> None:
        """Takes in what was left at the relay, as far as there is room for it now."""
        limits, asked, cursor = self._context.settings.gate, set[int](), self._connection.cursor
        while cursor is not None:
            seqs = await self._store.run(due_at_relay, self._store, limits, cursor.log_id, _READMIT_PAGE)
            if asked.issuperset(seqs):
                return
            for seq in seqs:
                await self._connection.take_again(seq)
            asked.update(seqs)

    async def keep(self) -> None:
        """Rounds of housekeeping until cancelled."""
        while True:
            await asyncio.sleep(self._context.settings.timing.keep)
            await self.round()

    async def round(self) -> None:
        """One round."""
        self._round += 1
        now = self._context.now()
        await self._confirm(now)
        await self._let_overdue_go()
        changed = await freshen(self._context)
        renewed = await self._store.run(renew, self._store, now)
        try:
            if self._connection.connected.is_set():
                if changed:
                    await register(self._context)
                if renewed:
                    await publish(self._context, self._relay)
                await self._connection.recheck()
                await self.readmit_once()
                if self._round % _CLOCK_ROUNDS == 0 or self._context.clock_was_set():
                    await hold_clocks(self._context)
        except (RelayError, DataLost):
            return  # the connection notices by itself
        if not self._context.is_settled():
            return
        # By the earlier clock: a relay that could move ours ahead would bring old messages back afterwards.
        past = min(now, self._context.relay_now())
        await self._store.run(self._store.messages.forget_replays, past)
        await self._store.run(self._forget_chains, past)
        await self._store.run(self._store.events.prune, now - _EVENT_SECONDS, 1000)

    async def _let_overdue_go(self) -> None:
        """Nobody stops a thread for good by keeping one message back."""
        order = self._context.settings.order
        if await self._store.run(let_overdue_go, self._store, self._context.relay_now(), order):
            self._context.event("chain.gap")
            self._context.signals.dispatch.set()

    def _forget_chains(self, past: float) -> None:
        with self._store.write():
            self._store.chains.forget(past)
            self._store.sent.forget(past)

    async def _confirm(self, now: float) -> None:
        rows = await self._store.run(self._store.ingress.unconfirmed, now)
        if not rows:
            return
        life = await self._dispatcher.refresh_life()
        for row in rows:
            recent = now - (row.accepted_at or now) < _RECENT_SECONDS
            ended = self._dispatcher.same_gateway(row, life) is False
            if recent or ended or self._round % 10 == 0:
                await self._dispatcher.confirm(row, life)

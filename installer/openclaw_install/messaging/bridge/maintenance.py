"""The bridge's housekeeping: acknowledgements, turns to confirm, keys to rotate, rows to forget."""

from __future__ import annotations

import asyncio
import contextlib

from openclaw_install.messaging.access import publish, renew
from openclaw_install.messaging.bridge.context import REST_SECONDS, Shared, rung
from openclaw_install.messaging.bridge.dispatcher import Dispatcher
from openclaw_install.messaging.bridge.ordering import let_overdue_go
from openclaw_install.messaging.bridge.registration import freshen, register
from openclaw_install.messaging.bridge.relay_connection import DataLost, Link
from openclaw_install.messaging.knocks import due_at_relay
from openclaw_install.messaging.relay.client import Relay, RelayError

_ACK_PAGE = 200
_READMIT_PAGE = 32
_GATHER_SECONDS = 0.05
_EVENT_SECONDS = 30 * 86_400.0
_RECENT_SECONDS = 90.0
_ASK_SECONDS = 2.0
_BEAT_SECONDS = 30.0
# In rounds, not in seconds: the clock is what is in question.
_CLOCK_ROUNDS = 30


class Keeper:
    """The part of the bridge that looks after the rest."""

    def __init__(self, shared: Shared, relay: Relay, link: Link, dispatcher: Dispatcher) -> None:
        self._shared = shared
        self._store = shared.store
        self._relay = relay
        self._link = link
        self._dispatcher = dispatcher
        self._round = 0

    async def acknowledge(self) -> None:
        """Tells the relay what it may drop, whenever there is something; until cancelled."""
        while True:
            await rung(self._shared.signals.acks, REST_SECONDS)
            await self._shared.round_trip()
            if not self._link.connected.is_set():
                continue  # the link rings when it is
            # Nobody waits for it, so a few are done together.
            await asyncio.sleep(_GATHER_SECONDS)
            try:
                await self.acknowledge_once()
            except RelayError:
                # The link notices and reconnects; what is not acknowledged now is so later.
                await asyncio.sleep(1.0)
                self._shared.signals.acks.set()

    async def acknowledge_once(self) -> None:
        """Acknowledges all that is done with."""
        cursor = self._link.cursor
        while cursor is not None:
            seqs = await self._store.run(self._store.ingress.unacked, cursor.log_id, _ACK_PAGE)
            if not seqs:
                return
            await self._relay.ack(seqs)
            await self._store.run(self._store.ingress.acked, cursor.log_id, seqs, self._shared.now())

    async def watch(self) -> None:
        """Notices what other processes wrote: replies to send, contacts that were decided."""
        seen = await self._store.run(self._store.database.data_version)
        log, quiet, unwritten = None, 0.0, 0.0
        while True:
            await asyncio.sleep(self._shared.settings.tempo.watch)
            unwritten += self._shared.settings.tempo.watch
            if unwritten >= _BEAT_SECONDS:
                unwritten = 0.0
                await self._shared.health.beat()
            await self._shared.health.publish()
            # Every commit writes the log: a look at its date is all that an idle host costs. Two commits in
            # one tick of the clock look the same, so SQLite itself is asked now and then.
            quiet += self._shared.settings.tempo.watch
            before, log = log, self._store.database.log_stamp()
            if log == before and quiet < _ASK_SECONDS:
                continue
            quiet = 0.0
            now_seen = await self._store.run(self._store.database.data_version)
            if now_seen != seen:
                seen = now_seen
                self._shared.signals.everything()

    async def readmit(self) -> None:
        """Takes in what was left at the relay as soon as a decision makes room for it; until cancelled."""
        while True:
            await rung(self._shared.signals.gate, 30.0)
            await self._link.connected.wait()
            with contextlib.suppress(RelayError, DataLost):  # the link notices by itself
                await self.readmit_once()

    async def readmit_once(self) -> None:
        """Takes in what was left at the relay, as far as there is room for it now."""
        limits, asked, cursor = self._shared.settings.gate, set[int](), self._link.cursor
        while cursor is not None:
            seqs = await self._store.run(due_at_relay, self._store, limits, cursor.log_id, _READMIT_PAGE)
            if asked.issuperset(seqs):
                return
            for seq in seqs:
                await self._link.take_again(seq)
            asked.update(seqs)

    async def keep(self) -> None:
        """Rounds of housekeeping until cancelled."""
        while True:
            await asyncio.sleep(self._shared.settings.tempo.keep)
            await self.round()

    async def round(self) -> None:
        """One round."""
        self._round += 1
        now = self._shared.now()
        await self._confirm(now)
        await self._let_overdue_go()
        changed = await freshen(self._shared)
        renewed = await self._store.run(renew, self._store, now)
        try:
            if self._link.connected.is_set():
                if changed:
                    await register(self._shared, self._relay)
                if renewed:
                    await publish(self._shared, self._relay)
                await self._link.recheck()
                await self.readmit_once()
                if self._round % _CLOCK_ROUNDS == 0 or self._shared.clock_was_set():
                    await self._link.hold_clocks()
        except (RelayError, DataLost):
            return  # the link notices by itself
        if not self._shared.is_settled():
            return
        # By the earlier clock: a relay that could move ours ahead would bring old messages back afterwards.
        past = min(now, self._shared.relay_now())
        await self._store.run(self._store.messages.forget_replays, past)
        await self._store.run(self._forget_chains, past)
        await self._store.run(self._store.events.prune, now - _EVENT_SECONDS, 1000)

    async def _let_overdue_go(self) -> None:
        """Nobody stops a thread for good by keeping one message back."""
        order = self._shared.settings.order
        if await self._store.run(let_overdue_go, self._store, self._shared.relay_now(), order):
            self._shared.event("chain.gap")
            self._shared.signals.dispatch.set()

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

"""The connection to the relay: registers, catches up by pages, follows the stream, falls back to polling."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace

from openclaw_install.common.backoff import pause
from openclaw_install.common.errors import InstallError
from openclaw_install.common.problems import Problem
from openclaw_install.messaging.access import publish
from openclaw_install.messaging.bridge.context import BridgeContext, next_of
from openclaw_install.messaging.bridge.elsewhere import Elsewhere, OpenAgain
from openclaw_install.messaging.bridge.receiver import Receiver, Taken
from openclaw_install.messaging.bridge.registration import freshen, register
from openclaw_install.messaging.bridge.relay_clock import hold_clocks
from openclaw_install.messaging.models import RelayCursor
from openclaw_install.messaging.relay.client import (
    About,
    Entry,
    InboxPage,
    RelayError,
    RelayRefused,
    RelayUnreachable,
)
from openclaw_install.messaging.retirement import note_head
from openclaw_install.protocol.errors import ProtocolError

_STREAM_TRIES = 2
_GAP_PAGE = 32


class DataLost(Exception):  # noqa: N818 - it restarts the connection
    """The relay's data is another than before."""


class RelayConnection:
    """The part of the bridge that receives.

    Args:
        context: what the parts share.
        receiver: where entries go.
    """

    def __init__(self, context: BridgeContext, receiver: Receiver) -> None:
        self._context = context
        self._store = context.store
        self._relay = context.relay
        self._receiver = receiver
        self._stream_failures = 0
        self._stream_after = 0.0
        self._taking = asyncio.Lock()
        self._head = 0
        self._lost_data = ""
        self.cursor: RelayCursor | None = None
        self.connected = asyncio.Event()
        self._elsewhere = Elsewhere(context)

    def relay_id(self) -> str:
        """The relay's key, once it is known."""
        return self.cursor.relay_id if self.cursor else ""

    async def run(self) -> None:
        """Works until it is cancelled.

        Raises:
            RelayError: the relay is not the one that this store knows.
        """
        tries = 0
        while True:
            begun = self._context.now()
            try:
                await self._session()
            except OpenAgain:
                continue
            except (RelayUnreachable, RelayRefused, ProtocolError, DataLost) as error:
                tries = 1 if self._context.now() - begun > 60.0 else tries + 1
                await self._lost(error, tries)

    async def _session(self) -> None:
        await self.greet()
        # Only now the relay's time is known, by which keys are dated.
        await freshen(self._context)
        await register(self._context)
        await publish(self._context, self._relay)
        self._context.health.clear("relay.refused")
        self.connected.set()
        self._context.signals.everything()
        await self.catch_up()
        if self._context.now() < self._stream_after:
            await self._poll()
        else:
            try:
                await self._follow()
            except RelayError:
                self._stream_failures += 1
                if self._stream_failures >= _STREAM_TRIES:
                    self._stream_after = self._context.now() + self._context.settings.timing.stream_again
                raise
        self._context.health.set(connected_since=None)

    async def greet(self) -> About:
        """Learns what the relay is, and notices when it is not what it was.

        Raises:
            RelayError: another relay answers under the URL.
        """
        about = await hold_clocks(self._context)
        known = await self._store.run(self._store.relay.cursor, self._context.settings.url)
        if known is not None and known.relay_id != about.relay_id:
            raise RelayError(
                f"another relay answers at {self._context.settings.url} than the one this host knows",
                next_step="if it was set up anew on purpose: pingagent doctor --new-relay",
                code="relay.identity_changed",
            )
        if known is None or known.log_id != about.log_id:
            known = await self._store.run(self._new_log, known, about)
        self.cursor = known
        if self._lost_data:
            self._context.event("relay.data_lost", detail=self._lost_data)
            self._context.health.trouble("data_lost", self._lost_data)
            self._context.signals.outbox.set()
            self._lost_data = ""
        return about

    def _new_log(self, known: RelayCursor | None, about: About) -> RelayCursor:
        """A relay without the data that we knew: everything is taken from its beginning, and sent again."""
        fresh = RelayCursor(self._context.settings.url, about.relay_id, about.log_id, 0)
        if known is None:
            self._store.relay.set_cursor(fresh, self._context.now())
        else:
            self._restart(known, fresh)
        return fresh

    def _restart(self, known: RelayCursor, fresh: RelayCursor) -> None:
        now, store = self._context.now(), self._store
        with store.write():
            store.relay.set_cursor(fresh, now)
            store.relay.forget_gaps(known.log_id)
            again, reason = 0, "the relay lost its data before this was delivered"
            while items := store.outbox.undelivered(known.log_id, self._context.relay_now()):
                again += len(items)
                for item in items:
                    store.outbox.update(item.id, state="queued", reason=reason, next_attempt_at=0.0)
            store.events.add("relay.data_lost", now, sent_again=again)
        self._lost_data = f"the relay lost its data; {again} undelivered messages are sent again"

    async def catch_up(self) -> None:
        """Takes in what the inbox has, a page at a time, and asks again for what was skipped."""
        while True:
            cursor = self._cursor()
            page = await self._relay.inbox(cursor.after_seq, self._context.settings.timing.page)
            self._same_log(page.log_id)
            await self._store.run(self._check_past, page)
            cursor = self._cursor()
            self._heard(page.head)
            await self._take(page.entries)
            if not page.entries or self._cursor().after_seq >= page.head:
                break
            if self._cursor().after_seq == cursor.after_seq:
                break  # a page that brings nothing further is not asked for for ever
        await self.recheck()

    def _check_past(self, page: InboxPage) -> None:
        """Notices a relay that was put back to an earlier state, and steps over what it tells no more.

        Raises:
            DataLost: the place that we know has another message now, or is not there any more.
        """
        cursor, store, now = self._cursor(), self._store, self._context.now()
        note_head(store, cursor.log_id, page.head, now)
        known = store.ingress.message_at(cursor.log_id, cursor.after_seq)
        other = page.previous is not None and known is not None and page.previous != known
        if page.head < cursor.after_seq or other:
            self._restart(cursor, replace(cursor, after_seq=0))
            raise DataLost
        if page.floor > cursor.after_seq:
            self.cursor = replace(cursor, after_seq=page.floor)
            with store.write():
                store.relay.set_cursor(self.cursor, now)
                if cursor.after_seq:
                    first = cursor.after_seq + 1
                    store.events.add("relay.skipped", now, first=first, last=page.floor)

    async def recheck(self) -> None:
        """Asks again for numbers that the relay skipped."""
        log_id = self._cursor().log_id
        withheld = await self._store.run(self._store.relay.withheld, log_id, _GAP_PAGE)
        for seq in withheld:
            await self.take_again(seq)
        left = await self._store.run(self._store.relay.withheld, log_id, _GAP_PAGE)
        if left:
            self._context.health.trouble(
                "withheld", f"the relay holds {len(left)} message(s) back, from number {left[0]} on"
            )
        else:
            self._context.health.clear("withheld")

    async def take_again(self, seq: int) -> None:
        """Asks the relay for one number, and takes it in."""
        page = await self._relay.inbox(seq - 1, 1)
        self._same_log(page.log_id)
        await self._take([entry for entry in page.entries if entry.seq == seq])
        await self._context.round_trip()

    async def _follow(self) -> None:
        cursor = self._cursor()
        queue: asyncio.Queue[Entry] = asyncio.Queue(self._context.settings.timing.page)
        work = [
            asyncio.create_task(self._produce(cursor.after_seq, queue), name="stream"),
            asyncio.create_task(self._consume(queue), name="receiver"),
        ]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            # What is still in the queue is not in the store, so the next session asks for it again.
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
        raise RelayUnreachable(
            "the relay ended the stream", next_step="nothing: it is opened again", code="relay.stream_ended"
        )

    async def _produce(self, after: int, queue: asyncio.Queue[Entry]) -> None:
        stream = self._relay.stream(after, await self._elsewhere.begin())
        async with contextlib.aclosing(stream) as items:
            async for item in items:
                self._stream_failures = 0
                if item.kind == "hello":
                    self._same_log(item.log_id)
                    self._online(item.head)
                elif item.kind == "entry" and item.entry is not None:
                    self._heard(max(self._head, item.entry.seq))
                    await queue.put(item.entry)
                elif item.kind in ("alone", "other"):
                    await self._elsewhere.hear(item)
                else:
                    self._heard(self._head)

    async def _consume(self, queue: asyncio.Queue[Entry]) -> None:
        while True:
            entries = [await next_of(queue, self._context.round_trip)]
            while not queue.empty() and len(entries) < self._context.settings.timing.page:
                entries.append(queue.get_nowait())
            seqs = sorted(entry.seq for entry in entries)
            if seqs[0] > self._cursor().after_seq + 1 or seqs[-1] - seqs[0] >= len(seqs):
                # Out of order, or skipped: the inbox has the order.
                await self.catch_up()
            await self._take(entries)
            for _ in entries:
                queue.task_done()

    async def _poll(self) -> None:
        health = self._context.health
        health.trouble("stream", "the relay's stream does not work; the inbox is asked regularly instead")
        health.set(connection="polling", connected_since=None, retries=0)
        health.clear("relay")
        while self._context.now() < self._stream_after:
            await health.publish()
            await asyncio.sleep(self._context.settings.timing.poll)
            await self.catch_up()
        health.clear("stream")

    async def _take(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        # The housekeeping asks for gaps while the stream goes on: one batch at a time.
        async with self._taking:
            self.cursor, taken = await self._receiver.take(self._cursor(), entries)
        self._emit(taken)

    def _emit(self, taken: Taken) -> None:
        if taken.ready:
            self._context.signals.dispatch.set()
        if taken.settled:
            self._context.signals.acks.set()
        for reason in taken.rejected:
            self._context.event("message.rejected", reason=reason)
        if taken.gap:
            self._context.event("relay.withheld", first=taken.gap.start, last=taken.gap.stop - 1)
        self._heard(self._head)

    def _heard(self, head: int) -> None:
        self._head = max(head, self._cursor().after_seq)
        lag = self._head - self._cursor().after_seq
        self._context.health.set(last_event_at=self._context.now(), lag=lag)

    def _online(self, head: int) -> None:
        health = self._context.health
        health.set(connection="connected", connected_since=self._context.now(), retries=0)
        health.clear("relay", "stream", "data_lost")
        self._heard(head)

    def _same_log(self, log_id: str) -> None:
        if log_id != self._cursor().log_id:
            raise DataLost

    def _cursor(self) -> RelayCursor:
        if self.cursor is None:
            raise AssertionError("the relay was not greeted yet")
        return self.cursor

    async def _lost(self, error: InstallError | DataLost, tries: int) -> None:
        health = self._context.health
        self.connected.clear()
        health.set(connection="down", connected_since=None, retries=tries)
        if isinstance(error, DataLost) and tries == 1:
            return
        after = error.retry_after if isinstance(error, RelayRefused) else None
        if isinstance(error, RelayRefused) and not error.passing and error.status != 401:
            finding = Problem(error.error_code, error.message, error.next_step, path="relay")
            health.block("relay.refused", finding, error)
        elif tries > 1:
            if isinstance(error, DataLost):
                health.trouble("relay", "the relay's data is another each time")
            else:
                health.trouble("relay", error.message, error.next_step)
        await health.publish()
        wait = pause(tries, self._context.jitter(), most=self._context.settings.timing.most_pause)
        await self._context.rest(max(wait, after or 0.0))
        await freshen(self._context)

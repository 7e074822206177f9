"""Notices another place that uses this identity; one of both stops, the same one whoever looks."""

from __future__ import annotations

import asyncio
import secrets

from openclaw_install.messaging.bridge.context import BridgeContext
from openclaw_install.messaging.health import CLAIM
from openclaw_install.messaging.relay.client import RelayError, StreamItem
from openclaw_install.messaging.retirement import (
    CLAIMS,
    ELSEWHERE,
    SEEN,
    Retirement,
    record_retired,
    retire,
)
from openclaw_install.protocol.instance import Instance

_TROUBLE = "elsewhere"


class OpenAgain(Exception):  # noqa: N818 - it opens the stream again
    """The stream is opened again, so that the other place hears of us."""


class Elsewhere:
    """What this bridge knows of others that use its identity.

    Until the relay said that it is alone, or a moment has passed, a bridge that has just started takes no
    turn: whoever was there before may be about to answer.
    """

    def __init__(self, context: BridgeContext) -> None:
        self._context = context
        self._known: set[str] = set()
        self.instance: Instance | None = None

    async def begin(self) -> str:
        """Our name for the relay; made when its time is known first."""
        if self.instance is None:
            store, now = self._context.store, self._context.relay_now()
            claims = await store.run(store.facts.get, CLAIMS) or 0
            self.instance = Instance(claims, max(0, round(now * 1000)), secrets.token_hex(8))
        return str(self.instance)

    async def hear(self, item: StreamItem) -> None:
        """Takes what the relay said of others.

        Raises:
            RelayError: `identity.elsewhere`: the other place goes on, and a person has to choose.
            OpenAgain: we go on, and the other one shall hear of us.
        """
        if item.kind == "alone":
            self._context.wait_for_others(self._context.settings.timing.alone if item.others else 0.0)
            return
        other = Instance.parse(item.instance)
        if self.instance is None or other == self.instance:
            return
        if self.instance.gives_way_to(other):
            await self._stop(other)
        if item.instance not in self._known:
            self._known.add(item.instance)
            await self._go_on()
            raise OpenAgain

    async def _stop(self, other: Instance) -> None:
        context, now = self._context, self._context.now()
        mark = Retirement(at=now, why="noticed", by="bridge", claims=other.claims)
        await asyncio.to_thread(retire, context.settings.identity, mark)
        await context.store.run(record_retired, context.store, mark)
        context.event(ELSEWHERE, goes_on=False)
        raise RelayError(mark.words, next_step=CLAIM, code=ELSEWHERE)

    async def _go_on(self) -> None:
        context, now = self._context, self._context.now()
        words = "another place uses this identity too; it stops, and this one goes on"
        context.health.trouble(_TROUBLE, words)
        context.event(ELSEWHERE, goes_on=True)
        await context.store.run(self._record, words, now)

    def _record(self, words: str, now: float) -> None:
        store = self._context.store
        with store.write():
            store.facts.set(SEEN, now, now)
            store.events.add(ELSEWHERE, now, detail=words)

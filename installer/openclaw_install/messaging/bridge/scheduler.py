"""Schedules threads of waiting messages: round robin between threads, in order within each one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from openclaw_install.messaging.bridge.circuit_breaker import CircuitBreaker
from openclaw_install.messaging.bridge.context import REST_SECONDS, BridgeContext, wait_event

# Seconds: a time that is almost due is waited out at once, not in many short rounds.
_LEAST_WAIT = 0.02


class ThreadQueue(Protocol):
    """A ledger of waiting messages and what is done with them: what the scheduler asks its owner for."""

    async def prepare(self) -> bool:
        """Called before each round; False where nothing may be started at the moment."""
        ...

    async def due_threads(self, now: float, *, after: str = "", limit: int) -> Sequence[str]:
        """Threads whose oldest message is due, in the order of their ids, behind the thread `after`."""
        ...

    async def next_due(self, now: float) -> float | None:
        """When the next waiting message comes due after `now`; None where none waits."""
        ...

    async def advance(self, thread: str, now: float) -> bool:
        """Works on the oldest message of a thread; False where nothing of it is due (any more)."""
        ...

    async def open_count(self) -> int:
        """How many messages wait, whether they are due or not."""
        ...


class Scheduler:
    """Gives each thread its turn, at most one task a thread, until it is cancelled."""

    def __init__(
        self,
        context: BridgeContext,
        name: str,
        queue: ThreadQueue,
        breaker: CircuitBreaker,
        wake_up: asyncio.Event,
        troubles: tuple[str, ...],
    ) -> None:
        """Args:
        name: of the tasks, for debugging.
        wake_up: set by whoever made work for this queue.
        troubles: what the health calls the troubles that keep messages waiting here.
        """
        self._context = context
        self._name = name
        self._queue = queue
        self._breaker = breaker
        self._wake_up = wake_up
        self._troubles = troubles
        self._active: dict[str, asyncio.Task[None]] = {}
        self._after = ""

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                ready = await self._queue.prepare()
                now = self._context.now()
                for thread in await self._due(now) if ready else ():
                    task = group.create_task(self._work_on(thread), name=f"{self._name} {thread}")
                    self._active[thread] = task
                    task.add_done_callback(partial(self._finished, thread))
                await wait_event(self._wake_up, await self._idle_seconds(now))
                await self._context.round_trip()

    async def drain(self) -> None:
        """Works on what is due now, one thread after the other, and returns."""
        while await self._queue.prepare() and (found := await self._due(self._context.now())):
            for thread in found:
                await self._work_on(thread)

    def _finished(self, thread: str, _task: asyncio.Task[None]) -> None:
        self._active.pop(thread, None)
        self._wake_up.set()

    async def _due(self, now: float) -> list[str]:
        """Threads to be started now: each choice begins behind the last one, so that none is passed over."""
        width = self._breaker.width(now, self._context.settings.timing.concurrency)
        free = width - len(self._active)
        if free <= 0:
            return []
        found = list(await self._queue.due_threads(now, after=self._after, limit=width))
        if self._after and len(found) < width:
            found += await self._queue.due_threads(now, limit=width)
        chosen = [one for one in dict.fromkeys(found) if one not in self._active][:free]
        self._after = chosen[-1] if chosen else ""
        return chosen

    async def _work_on(self, thread: str) -> None:
        """Works on one thread until nothing of it is due, or its share is used up."""
        for _ in range(self._context.settings.timing.quantum):
            now = self._context.now()
            if self._breaker.is_open(now) or not await self._queue.advance(thread, now):
                return

    async def _idle_seconds(self, now: float) -> float:
        """How long nothing comes due after `now`, the time of the last look: a later one would miss some."""
        if self._breaker.is_open(now):
            return min(self._breaker.retry_at - now, 1.0)
        due = await self._queue.next_due(now)
        if due is None:
            await self._forget_troubles()
            return REST_SECONDS
        return max(_LEAST_WAIT, min(due - now, REST_SECONDS))

    async def _forget_troubles(self) -> None:
        """What kept messages waiting is over when none waits any more."""
        health = self._context.health
        if not self._active and health.has(*self._troubles) and not await self._queue.open_count():
            health.clear(*self._troubles)

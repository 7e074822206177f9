"""What the parts of the bridge share: store, clock, wake-up events, health, and the sink of bridge events."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from openclaw_install.common.clock import Step, WatchedClock, read_clocks
from openclaw_install.common.errors import InstallError
from openclaw_install.common.problems import Problem
from openclaw_install.messaging.bridge.settings import BridgeSettings
from openclaw_install.messaging.card_cache import CardBook
from openclaw_install.messaging.health import write_health
from openclaw_install.messaging.relay.client import Relay
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.transport_health import GOES_ON, HealthState, TransportHealth
from openclaw_install.protocol.identity import Identity

# Seconds for which a clock that was set must have gone right before anything is forgotten by it.
_SETTLES = 600.0
EventKind = Literal["ready", "degraded", "blocked", "event", "figures"]


@dataclass(frozen=True)
class BridgeEvent:
    """What the bridge reports to its host process.

    Attributes:
        kind: `ready` it works; `degraded` it works with less, see `message`; `blocked` somebody must act,
            see `error`; `event` something happened, `message` is its dotted name; `figures` see `facts`.
        facts: small data; no text of a message, no secret.
    """

    kind: EventKind
    message: str = ""
    error: InstallError | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


T = TypeVar("T")
EventSink = Callable[[BridgeEvent], None]
Worked = Callable[[str, float], None]
# Which worker a task works for, and within how many seconds that one makes its next round trip.
WORKER: ContextVar[tuple[str, float] | None] = ContextVar("WORKER", default=None)
REST_SECONDS = 10.0


def counts_for_its_worker(worked: Worked) -> Callable[[], None]:
    """Counts a round trip through the store for the worker whose task made it."""

    def came_back() -> None:
        worker = WORKER.get()
        if worker is not None:
            worked(*worker)

    return came_back


class Signals:
    """One wake-up event for each worker, set by whoever has made work for it."""

    def __init__(self) -> None:
        self.dispatch = asyncio.Event()
        self.outbox = asyncio.Event()
        self.acks = asyncio.Event()
        self.gate = asyncio.Event()

    def everything(self) -> None:
        for event in (self.dispatch, self.outbox, self.acks, self.gate):
            event.set()


async def wait_event(event: asyncio.Event, seconds: float) -> None:
    """Waits for an event, at most `seconds`, and clears it."""
    try:
        # Not `wait_for`: in Python 3.11 it can swallow a cancellation that comes with the event.
        async with asyncio.timeout(max(seconds, 0.0)):
            await event.wait()
    except TimeoutError:
        return
    event.clear()


async def next_of(queue: asyncio.Queue[T], idle: Callable[[], Awaitable[None]]) -> T:
    """The next of a queue; while none comes, `idle` is called now and then."""
    while True:
        try:
            async with asyncio.timeout(REST_SECONDS):
                return await queue.get()
        except TimeoutError:
            await idle()


class HealthMonitor:
    """The health of the way to the relay and to the gateway, as of now.

    Each trouble has a name and is there or not; the state follows from those that are there.

    Attributes:
        remark: what somebody should know of a bridge that is well, such as a person's pause; may be empty.
    """

    def __init__(self, store: Store, emit: EventSink, clock: Callable[[], float]) -> None:
        now = clock()
        self._store, self._emit, self._clock = store, emit, clock
        self._troubles: dict[str, tuple[str, str]] = {}
        self._blockers: dict[str, tuple[Problem, InstallError]] = {}
        self._announced: tuple[str, ...] = ()
        self._written: TransportHealth | None = None
        self._writing = asyncio.Lock()
        self._recorded: HealthState = "ok"
        self.remark = ""
        self.health = TransportHealth("connecting", None, None, 0, 0, 0, "ok", now, "", 0.0, "")

    def set(self, **changes: Any) -> None:
        """Changes facts that are no trouble: connection, last_event_at, lag, retries, clock_offset."""
        self.health = replace(self.health, **changes)

    def trouble(self, name: str, detail: str, next_step: str = "") -> None:
        """Marks the bridge as degraded, for this reason; without a next step it goes on by itself."""
        self._troubles[name] = detail, next_step

    def block(self, name: str, finding: Problem, error: InstallError) -> None:
        """Marks the bridge as blocked until an operator acts."""
        self._blockers[name] = (finding, error)

    def has(self, *names: str) -> bool:
        """Whether a trouble or blocker of one of these names is there."""
        return any(name in self._troubles or name in self._blockers for name in names)

    def clear(self, *names: str) -> None:
        """The troubles and blockers of these names are over."""
        for name in names:
            self._troubles.pop(name, None)
            self._blockers.pop(name, None)

    async def publish(self) -> None:
        """Writes the health where it has changed, and tells what is new of it."""
        # One writer at a time: an older state that is written late would stay for good.
        async with self._writing:
            self._settle()
            if self._is_news():
                health = self.health
                await self._store.run(self._write, health, self._clock())
                self._written = health
            self._announce()

    def _is_news(self) -> bool:
        """Whether anything changed; a heard beat alone is no news."""
        if self._written is None:
            return True
        return replace(self.health, last_event_at=None) != replace(self._written, last_event_at=None)

    def _write(self, health: TransportHealth, now: float) -> None:
        """Keeps the health, and what is new of its state as an event for the timeline."""
        with self._store.write():
            write_health(self._store, health, now)
            if health.state not in (self._recorded, "ok"):
                detail = health.blocker.code if health.blocker else health.detail
                self._store.events.add(f"transport.{health.state}", now, detail=detail)
            self._recorded = health.state

    async def beat(self) -> None:
        """Writes the health whether it has changed or not."""
        self._written = None
        await self.publish()

    def _settle(self) -> None:
        before, now = self.health, self._clock()
        blocker = next(iter(self._blockers.values()), None)
        detail = "; ".join(detail for detail, _ in self._troubles.values())
        state: HealthState
        if blocker:
            state, detail, next_step = "blocked", blocker[0].message, blocker[0].next_step
        elif detail:
            steps = (step for _, step in self._troubles.values() if step)
            state, next_step = "degraded", next(steps, GOES_ON)
        elif before.state in {"blocked", "degraded"}:
            state, next_step = "repaired", ""
        else:
            state, next_step = before.state, ""
        since = before.since if state == before.state else now
        self.health = replace(
            before,
            state=state,
            since=since,
            detail=detail,
            next_step=next_step,
            blocker=blocker[0] if blocker else None,
        )

    def _announce(self) -> None:
        blocker = next(iter(self._blockers.values()), None)
        state = self.health.state if self.health.state != "repaired" else "ok"
        news = (state, self.health.detail, self.remark)
        # Nothing wrong is not yet connected: a first try that failed is no trouble.
        reached = self.health.connection in ("connected", "polling")
        if news == self._announced or (news[0] == "ok" and not reached):
            return
        self._announced = news
        if blocker:
            self._emit(BridgeEvent("blocked", blocker[1].message, blocker[1]))
        elif news[0] == "degraded":
            self._emit(BridgeEvent("degraded", self.health.detail))
        else:
            self._emit(BridgeEvent("ready", self.remark or "connected to the relay, waiting for messages"))


@dataclass
class BridgeContext:
    """The bridge's parts work on this.

    Attributes:
        identity: the current one; replaced when its keys rotate.
        relay, cards: the client of the relay, and the cards that it gave.
        offset: the relay's clock minus ours.
        met: whether the relay told its time since we started.
        watch: our clock, held against the time that goes by.
        alone: set when no other place that uses this identity can be about to answer.
    """

    settings: BridgeSettings
    store: Store
    identity: Identity
    emit: EventSink
    signals: Signals = field(default_factory=Signals)
    health: HealthMonitor = field(init=False)
    relay: Relay = field(init=False)
    cards: CardBook = field(init=False)
    offset: float = 0.0
    met: bool = False
    watch: WatchedClock = field(init=False)
    alone: asyncio.Event = field(default_factory=asyncio.Event)
    _timer: asyncio.TimerHandle | None = field(init=False, default=None)
    _held: Step | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.health = HealthMonitor(self.store, self.emit, self.settings.clock)
        self.relay = self.settings.relay(self.settings.url, lambda: self.identity)
        self.cards = CardBook(self.store, self.relay, self.relay_now)
        self.watch = WatchedClock(lambda: replace(read_clocks(), wall=self.settings.clock()))

    def now(self) -> float:
        """Seconds since the epoch by our clock."""
        return self.watch.wall()

    def clocks_held(self, offset: float) -> None:
        """Our clock was held against the relay's."""
        self.offset, self.met, self._held = offset, True, self.watch.look().step

    def clock_was_set(self) -> bool:
        """Whether our clock was set since it was held against the relay's: the offset says nothing then."""
        return self.watch.look().step is not self._held

    def is_settled(self) -> bool:
        """Whether something may be forgotten by our clock: it was held, and not set a moment ago."""
        known = self.watch.look()
        return self.met and not self.clock_was_set() and (known.step is None or known.agreed >= _SETTLES)

    def relay_now(self) -> float:
        """Seconds since the epoch by the relay's clock, which is what envelopes are dated by."""
        return self.now() + self.offset

    def wait_for_others(self, seconds: float) -> None:
        """Leaves others that use this identity so long to answer, before anything is dispatched or sent."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.alone.set)

    async def round_trip(self) -> None:
        """Goes to the store and back, as work would: what an idle worker shows that it could work."""
        await self.store.run(self.store.database.data_version)

    async def rest(self, seconds: float) -> None:
        """Waits, and shows meanwhile that work could be done."""
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(min(left, REST_SECONDS))
            await self.round_trip()

    def event(self, name: str, **facts: Any) -> None:
        """Emits that something happened."""
        self.emit(BridgeEvent("event", name, facts=facts))

    @staticmethod
    def jitter() -> float:
        return random.random()  # noqa: S311 - spreads retries, protects nothing

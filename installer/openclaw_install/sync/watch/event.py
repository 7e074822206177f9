"""The watcher's events, emitted with time and counts; a warning is emitted once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from openclaw_install.common.jsonable import Timestamp
from openclaw_install.sync.watch.index import Deletions
from openclaw_install.sync.watch.timing import Clock
from openclaw_install.sync.watch.upload_queue import UploadQueue

EventKind = Literal[
    "watching",
    "changed",
    "acknowledged",
    "unchanged",
    "refused",
    "unconfirmed",
    "held",
    "deleted",
    "waiting",
    "recovered",
    "reconciled",
    "polling",
    "warning",
    "blocked",
    "stopped",
]


@dataclass(frozen=True)
class WatchEvent:
    """One thing that happened.

    Attributes:
        kind: `watching` begins; `changed` was saved and is about to be sent; `acknowledged` by the service;
            `unchanged`: the agent has this content already, by another run perhaps; `refused` by the
            service; `unconfirmed`: it answered twice and said neither yes nor no, so that this content is not
            sent again by itself; `held` back here, for a fault of the content; `deleted` here, and left alone
            there; `waiting` for the service, another run or a pause; `recovered` after waiting;
            `reconciled`: a full rescan ended; `polling`: the file system gives no events; `warning`;
            `blocked`: a person has to act, and the watcher ends; `stopped`.
        time: when.
        skill: the skill's name; empty where it is about none.
        agent: the agent's id; empty where it is about none.
        milliseconds: from the save to its acknowledgement; for `waiting`, until the next try; for `watching`
            and `reconciled`, how long it took.
        code: the reason as a word.
        reason: why, in words; it may hold names that somebody else chose.
        next_step: what to do about it.
        pending: skills that some agent has not acknowledged yet, one for each agent.
        waiting: those of them that wait for a pause to end.
    """

    kind: EventKind
    time: Timestamp
    skill: str = ""
    agent: str = ""
    milliseconds: float | None = None
    code: str = ""
    reason: str = ""
    next_step: str = ""
    pending: int = 0
    waiting: int = 0


EventSink = Callable[[WatchEvent], None]


class EventReporter:
    """Emits the events of one watcher.

    Args:
        emit_event: gets every event.
        clock: the clocks.

    Attributes:
        queues: the agents' queues; what waits in them is counted in every event.
    """

    def __init__(self, emit_event: EventSink, clock: Clock) -> None:
        self._sink = emit_event
        self._clock = clock
        self._warned: set[str] = set()
        self._blind = ""
        self.queues: list[UploadQueue] = []

    def emit(
        self,
        kind: EventKind,
        skill: str = "",
        agent: str = "",
        *,
        milliseconds: float | None = None,
        code: str = "",
        reason: str = "",
        next_step: str = "",
    ) -> None:
        """Emits one event (`sender.Emit`)."""
        now = self._clock.monotonic()
        pending = sum(queue.pending for queue in self.queues)
        waiting = sum(queue.waiting(now) for queue in self.queues)
        wall = self._clock.wall()
        self._sink(
            WatchEvent(kind, wall, skill, agent, milliseconds, code, reason, next_step, pending, waiting)
        )

    def warn(self, code: str, reason: str, next_step: str) -> None:
        """Emits a warning, unless it was emitted before."""
        if reason not in self._warned:
            self._warned.add(reason)
            self.emit("warning", code=code, reason=reason, next_step=next_step)

    def deleted(self, deleted: Deletions) -> None:
        """Reports skills that are no longer there."""
        if deleted.warning:
            self.warn(
                "most_gone", deleted.warning, "nothing is concluded from it; see whether a disk is missing"
            )
        for name in deleted.names:
            reason = "it is no longer here; it stays at the agents, as no service offers to remove it"
            self.emit("deleted", name, reason=reason)

    def polling_reason(self, reason: str) -> None:
        """Reports why files are polled, if that is news; the reason is empty while there are events."""
        if reason != self._blind:
            self._blind = reason
            self.emit("polling", reason=reason, next_step="a save is noticed within seconds")

"""Emits the watcher's events with time and counts; a warning is emitted once."""

from __future__ import annotations

from collections.abc import Callable

from openclaw_install.sync.watch.event import EventKind, WatchEvent
from openclaw_install.sync.watch.index import Deletions
from openclaw_install.sync.watch.timing import Clock
from openclaw_install.sync.watch.upload_queue import UploadQueue

EventSink = Callable[[WatchEvent], None]


class EventReporter:
    """Emits the events of one watcher.

    Args:
        tell: gets every event.
        clock: the clocks.

    Attributes:
        lanes: what is counted in every event.
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

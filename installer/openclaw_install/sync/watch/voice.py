"""What the watcher says: each event with the time and the counts, and warnings once."""

from __future__ import annotations

from collections.abc import Callable

from openclaw_install.sync.watch.clock import Clock
from openclaw_install.sync.watch.event import EventKind, WatchEvent
from openclaw_install.sync.watch.gone import Gone
from openclaw_install.sync.watch.lane import Lane

Tell = Callable[[WatchEvent], None]


class Voice:
    """Says things for one watcher.

    Args:
        tell: gets every event.
        clock: the clocks.

    Attributes:
        lanes: what is counted in every event.
    """

    def __init__(self, tell: Tell, clock: Clock) -> None:
        self._tell = tell
        self._clock = clock
        self._warned: set[str] = set()
        self._blind = ""
        self.lanes: list[Lane] = []

    def say(
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
        """Tells an event (`watch_sender.Say`)."""
        now = self._clock.monotonic()
        pending = sum(lane.pending for lane in self.lanes)
        waiting = sum(lane.waiting(now) for lane in self.lanes)
        wall = self._clock.wall()
        self._tell(
            WatchEvent(kind, wall, skill, agent, milliseconds, code, reason, next_step, pending, waiting)
        )

    def warn(self, code: str, reason: str, next_step: str) -> None:
        """Tells a warning, unless it was told before."""
        if reason not in self._warned:
            self._warned.add(reason)
            self.say("warning", code=code, reason=reason, next_step=next_step)

    def gone(self, gone: Gone) -> None:
        """Tells what is no longer there."""
        if gone.warning:
            self.warn(
                "most_gone", gone.warning, "nothing is concluded from it; see whether a disk is missing"
            )
        for name in gone.names:
            reason = "it is no longer here; it stays at the agents, as no service offers to remove it"
            self.say("deleted", name, reason=reason)

    def blind(self, reason: str) -> None:
        """Tells why there are no events, if that is news; the reason is empty while there are."""
        if reason != self._blind:
            self._blind = reason
            self.say("polling", reason=reason, next_step="a save is noticed within seconds")

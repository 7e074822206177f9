"""Runs full rescans in the background, one at a time, and schedules the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from openclaw_install.sync.watch.index import SkillIndex, View
from openclaw_install.sync.watch.timing import Clock, Rhythm

# The file system's facts can be forged: after so many light rescans all contents are read.
_LIGHT_SCANS = 14


class Rescanner:
    """The rescans of one watcher.

    Args:
        index: what was found last; another one takes its place after each rescan that found a difference.
        period: seconds from one rescan to the next.
        clock: the clocks.
        done: called when a rescan has ended.

    Attributes:
        index: as above.
        asked_at: when a change asked for the rescan that runs, or ended last; None if none did.
        touched: the files that were read again during that rescan, which may have read them before.
    """

    def __init__(self, index: SkillIndex, period: float, clock: Clock, done: Callable[[], None]) -> None:
        self.index = index
        self.asked_at: float | None = None
        self.touched: set[str] = set()
        self._clock = clock
        self._rhythm = Rhythm(period)
        self._done = done
        self._running: asyncio.Task[View | None] | None = None
        self._next = index
        self._again_at: float | None = None
        self._light = 0

    async def close(self) -> None:
        """Waits for a rescan that is running."""
        if self._running is not None:
            await asyncio.gather(self._running, return_exceptions=True)

    def jumped(self) -> bool:
        """Whether the clocks came apart since this was asked last."""
        return self._rhythm.jumped(self._clock.monotonic(), self._clock.wall())

    def again(self, seconds: float = 0.0) -> None:
        """Schedules another rescan, in some seconds."""
        self._again_at = self._clock.monotonic() + seconds

    def passed(self) -> None:
        """Notes that the results of a rescan were applied."""
        self._rhythm.passed(self._clock.monotonic())

    def begin_due(self, *, trusting: bool) -> None:
        """Begins a rescan if one is due.

        Args:
            trusting: whether the file system's facts tell each change, as on a disk of this machine.
        """
        now = self._clock.monotonic()
        if self._running is not None:
            return
        if self._again_at is not None and now >= self._again_at:
            self._again_at = None
            self.begin()
        elif self._rhythm.due(now):
            self.begin(light=trusting and self._light < _LIGHT_SCANS)

    def begin(self, asked_at: float | None = None, *, light: bool = False) -> None:
        """Begins a rescan; a request while one is running schedules another one afterwards.

        Args:
            asked_at: when something changed that asks for it; None if nothing does.
            light: whether nothing need be read while the file system says that nothing changed.
        """
        if self._running is not None:
            if asked_at is not None:
                self.again()
            return
        self.asked_at = asked_at
        self.touched.clear()
        self._next = self.index.successor()
        self._light = self._light + 1 if light else 0
        scan = self._next.scan_if_changed if light else self._next.scan
        self._running = asyncio.create_task(asyncio.to_thread(scan))
        self._running.add_done_callback(lambda _task: self._done())

    @property
    def ended(self) -> bool:
        """Whether a rescan has ended whose result was not taken."""
        return self._running is not None and self._running.done()

    def take(self) -> tuple[View, View] | None:
        """Takes the result of a rescan that has ended.

        Returns:
            The view before it and the one that it found; None if nothing changed between them.

        Raises:
            InstallError: the rescan failed.
        """
        scanning, self._running = self._running, None
        if scanning is None or (fresh := scanning.result()) is None:
            return None
        self._light = 0  # it read everything, however it began
        older, self.index = self.index.view, self._next
        return older, fresh

"""Looks at everything, one at a time and beside all else, and when the next one is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from openclaw_install.sync.watch.clock import Clock, Rhythm
from openclaw_install.sync.watch.index import SkillIndex, View

# A file system's facts can be made to lie; so often at least, all contents are read.
_LIGHT_LOOKS = 14


class Looks:
    """The looks of one watcher.

    Args:
        index: what was seen last; another one takes its place after each look that found a difference.
        period: seconds from one look to the next.
        clock: the clocks.
        done: called when a look has ended.

    Attributes:
        index: as above.
        asked_at: when a change asked for the look that is going on, or ended last; None if none did.
        touched: the files that were read again during that look, which may have read them before.
    """

    def __init__(self, index: SkillIndex, period: float, clock: Clock, done: Callable[[], None]) -> None:
        self.index = index
        self.asked_at: float | None = None
        self.touched: set[str] = set()
        self._clock = clock
        self._rhythm = Rhythm(period)
        self._done = done
        self._going_on: asyncio.Task[View | None] | None = None
        self._next = index
        self._again_at: float | None = None
        self._light = 0

    async def close(self) -> None:
        """Waits for a look that is going on."""
        if self._going_on is not None:
            await asyncio.gather(self._going_on, return_exceptions=True)

    def jumped(self) -> bool:
        """Whether the clocks came apart since this was asked last."""
        return self._rhythm.jumped(self._clock.monotonic(), self._clock.wall())

    def again(self, seconds: float = 0.0) -> None:
        """Wants another look, in some seconds."""
        self._again_at = self._clock.monotonic() + seconds

    def passed(self) -> None:
        """Everything that follows from a look is done."""
        self._rhythm.passed(self._clock.monotonic())

    def begin_due(self, *, trusting: bool) -> None:
        """Begins a look if one is due.

        Args:
            trusting: whether the file system's facts tell each change, as on a disk of this machine.
        """
        now = self._clock.monotonic()
        if self._going_on is not None:
            return
        if self._again_at is not None and now >= self._again_at:
            self._again_at = None
            self.begin()
        elif self._rhythm.due(now):
            self.begin(light=trusting and self._light < _LIGHT_LOOKS)

    def begin(self, asked_at: float | None = None, *, light: bool = False) -> None:
        """Begins a look; what asks for one while one is going on gets another one afterwards.

        Args:
            asked_at: when something changed that asks for it; None if nothing does.
            light: whether nothing need be read while the file system says that nothing changed.
        """
        if self._going_on is not None:
            if asked_at is not None:
                self.again()
            return
        self.asked_at = asked_at
        self.touched.clear()
        self._next = self.index.successor()
        self._light = self._light + 1 if light else 0
        look = self._next.look_if_changed if light else self._next.look
        self._going_on = asyncio.create_task(asyncio.to_thread(look))
        self._going_on.add_done_callback(lambda _task: self._done())

    @property
    def ended(self) -> bool:
        """Whether a look has ended that was not taken."""
        return self._going_on is not None and self._going_on.done()

    def take(self) -> tuple[View, View] | None:
        """Takes a look that has ended.

        Returns:
            The view before it and the one that it found; None if nothing changed between them.

        Raises:
            InstallError: the look failed.
        """
        looking, self._going_on = self._going_on, None
        if looking is None or (fresh := looking.result()) is None:
            return None
        self._light = 0  # it read everything, however it began
        older, self.index = self.index.view, self._next
        return older, fresh

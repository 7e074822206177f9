"""One watcher at work: changes in, looks at what they concern, wishes to the senders' lanes, events out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from openclaw_install.common.errors import FileError, InstallError
from openclaw_install.sync.inventory import FACT_VERSION
from openclaw_install.sync.service import SkillService
from openclaw_install.sync.watch.ages import ages, older_than, saved_at
from openclaw_install.sync.watch.debounce import Debounce
from openclaw_install.sync.watch.desk import LedgerDesk
from openclaw_install.sync.watch.eyes import Eyes
from openclaw_install.sync.watch.gone import judged
from openclaw_install.sync.watch.index import SkillIndex, View
from openclaw_install.sync.watch.looks import Looks
from openclaw_install.sync.watch.paths import meaning
from openclaw_install.sync.watch.pending import Pending
from openclaw_install.sync.watch.sender import Sender, Shared
from openclaw_install.sync.watch.settings import WatchSettings
from openclaw_install.sync.watch.voice import Tell, Voice

_EVERYTHING = ""  # the debounce's key for a look at everything; no path is empty
_AGAIN_SECONDS = 0.5
# A change of this age, in seconds, must have been told by an event.
_AFTER_TROUBLE = 3.0  # seconds until another look, after the ledger could not be read
_MISSED = 2.0
_ASK_SECONDS = 10.0  # between two goes through the ledger that only show that it answers


class Watcher:
    """Keeps the chosen skills in step until it is cancelled.

    Args:
        settings: what to keep in step.
        key: the service's key.
        tell: gets every event.
        desk: the open ledger.
        service: gives the connection, once it is there.
        worked: called whenever a round through the ledger was made.
    """

    def __init__(
        self,
        settings: WatchSettings,
        tell: Tell,
        desk: LedgerDesk,
        service: asyncio.Future[SkillService],
        worked: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._worked = worked
        self._asked_at = float("-inf")
        self._voice = Voice(tell, settings.clock)
        self._desk = desk
        self._clock = settings.clock
        self._now = settings.clock.monotonic
        self._stirred = asyncio.Event()
        self._debounce = Debounce()
        self._eyes = Eyes(
            settings.events, settings.polling, self._stirred.set, self._now, settings.location.config_path
        )
        url = settings.endpoint.url
        known = partial(_known_facts, desk)
        index = SkillIndex(settings.location, settings.choice, known)
        self._looks = Looks(index, settings.reconcile_seconds, self._clock, self._stirred.set)
        self._shared = Shared(
            desk, url, self._clock, service, lambda: self._view.skills, self._voice.say, self._touch
        )
        self._senders = [Sender(agent, self._shared) for agent in settings.choice.agents]
        self._voice.lanes = [sender.lane for sender in self._senders]
        self._pending = Pending(desk, url, [sender.agent for sender in self._senders])
        self._saved_at: dict[str, float] = {}

    async def run(self) -> None:
        """Runs until cancelled.

        Raises:
            InstallError: a person has to act.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._begin()
                for sender in self._senders:
                    tasks.create_task(sender.run())
                tasks.create_task(self._follow())
        except* InstallError as errors:
            raise _first(errors) from None
        finally:
            await self._looks.close()
            await self._eyes.close()

    async def _begin(self) -> None:
        began = self._now()
        index = self._looks.index
        roots = await asyncio.to_thread(index.roots)
        await self._eyes.moved(roots)
        # What changes from now on is told by events, also while the first look is going on.
        await self._eyes.see(View(roots=roots))
        await self._looked(None, await asyncio.to_thread(index.look), None)
        self._voice.say("watching", milliseconds=1000 * (self._now() - began), code=self._how)

    @property
    def _view(self) -> View:
        return self._looks.index.view

    @property
    def _how(self) -> str:
        return "polling" if self._eyes.blind else "events"

    async def _follow(self) -> None:
        next_tick = self._now()
        while True:
            await self._wait(next_tick)
            now = self._now()
            self._hear()
            due = self._debounce.due(now)
            if files := set(due) - {_EVERYTHING}:
                await self._look_again(files)
            if _EVERYTHING in due:
                self._looks.begin(self._saved_at.pop(_EVERYTHING, now))
            if self._looks.ended:
                await self._end_look()
            if self._now() >= next_tick:
                next_tick = self._now() + self._settings.look_seconds
                await self._tick()

    async def _wait(self, next_tick: float) -> None:
        due = self._debounce.next_at()
        at = next_tick if due is None else min(due, next_tick)
        pause = max(0.0, min(at - self._now(), self._settings.look_seconds))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._stirred.wait()
        self._stirred.clear()

    def _hear(self) -> None:
        for at, changes in self._eyes.take():
            meant = meaning(changes, self._view.paths)
            for file in meant.files:
                self._touch(file, at)
            if meant.everything:
                self._touch(_EVERYTHING, at)

    def _touch(self, file: str, at: float | None = None) -> None:
        now = self._now()
        self._debounce.touch(file, now)
        self._saved_at.setdefault(file, now if at is None else at)
        self._stirred.set()

    async def _tick(self) -> None:
        now = self._now()
        if now - self._asked_at >= _ASK_SECONDS:
            self._asked_at = now
            await self._desk.do(lambda _ledger: None)
            self._worked()
        if self._looks.jumped():
            for sender in self._senders:
                sender.lane.wake()
                sender.poke()
            self._looks.begin()
        if await self._eyes.moved(self._view.roots):
            self._looks.begin(now)
        self._looks.begin_due(trusting=not self._eyes.blind)

    async def _end_look(self) -> None:
        try:
            found = self._looks.take()
        except InstallError as error:
            self._voice.warn(error.error_code, error.message, error.next_step)
            self._looks.passed()
            return
        if found is None:
            await self._still_the_same()
            return
        await self._looked(*found, self._looks.asked_at)
        for file in self._looks.touched:
            self._touch(file)

    async def _still_the_same(self) -> None:
        if await self._eyes.see(self._view):
            self._looks.again()
        self._voice.blind(self._eyes.blind)
        await self._expect(self._view, is_new=False)
        self._passed()

    def _passed(self) -> None:
        self._looks.passed()
        self._voice.say("reconciled", code=self._how)

    async def _looked(self, older: View | None, view: View, asked_at: float | None) -> None:
        changed = view.changed_since(older or View())
        if older is not None:
            if asked_at is None:
                await self._notice_missed(changed, older, view)
            self._want(changed, view, asked_at)
            self._voice.gone(await asyncio.to_thread(judged, view.gone_since(older), older))
        self._hold(changed, view)
        for warning in view.warnings:
            self._voice.warn("roots", warning, "mend it; nothing is concluded from it meanwhile")
        if await self._eyes.see(view) and older is not None:
            self._looks.again()
        elif older is not None and asked_at is not None and view.paths != older.paths:
            # A folder may have been filled before anybody watched it.
            self._looks.again(_AGAIN_SECONDS)
        await self._eyes.check(view)
        self._voice.blind(self._eyes.blind)
        await self._expect(view, is_new=True)
        self._passed()

    async def _look_again(self, files: Collection[str]) -> None:
        index = self._looks.index
        older = index.view
        view, age_of = await asyncio.to_thread(
            lambda: (index.look_again(files), ages(files, self._clock.wall()))
        )
        self._looks.touched.update(files)
        if view is None:
            for file in files:
                self._saved_at.pop(file, None)
            self._touch(_EVERYTHING)
            return
        changed = view.changed_since(older)
        by_name = {view.skills[name].path: name for name in changed}
        for file in files:
            at = saved_at(self._saved_at.pop(file, None), self._now() - age_of[file])
            if file in by_name:
                self._want([by_name[file]], view, at)
        self._want([name for name in changed if view.skills[name].path not in files], view, None)
        self._hold(changed, view)

    def _want(self, names: Collection[str], view: View, saved_at: float | None) -> None:
        for name in names:
            if not view.skills[name].problem:
                for sender in self._senders:
                    sender.lane.want(name, saved_at)
                    sender.poke()
                self._voice.say("changed", name)

    def _hold(self, names: Collection[str], view: View) -> None:
        for name in names:
            skill = view.skills[name]
            if skill.problem:
                self._shared.held("", name, skill.sha256, skill.problem, skill.reason)
            else:
                self._shared.holding.pop((name, ""), None)

    async def _expect(self, view: View, *, is_new: bool) -> None:
        """Wants what is pending by the ledger, which is read only if the view or the ledger is a new one."""
        try:
            if not (is_new or await self._pending.may_differ()):
                return
            pending = await self._pending.read(view)
        except FileError as error:
            # A full disk, say: another look finds out; what was saved meanwhile is wanted already.
            self._voice.warn(error.error_code, error.message, error.next_step)
            self._looks.again(_AFTER_TROUBLE)
            return
        for sender in self._senders:
            sender.lane.expect(pending[sender.agent.id])
            sender.poke()

    async def _notice_missed(self, changed: Sequence[str], older: View, view: View) -> None:
        paths = [
            view.skills[name].path
            for name in changed
            if name in older.skills and older.skills[name].path == view.skills[name].path
        ]
        missed = await asyncio.to_thread(older_than, paths, self._clock.wall() - _MISSED)
        if missed:
            await self._eyes.distrust(f"{missed} was changed, and no event told it")


def _known_facts(desk: LedgerDesk, hashes: Sequence[str]) -> dict[str, Any]:
    return desk.do_from_thread(lambda ledger: ledger.facts("frontmatter", FACT_VERSION, hashes))


def _first(errors: BaseExceptionGroup[InstallError]) -> InstallError:
    for error in errors.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("a group has members")

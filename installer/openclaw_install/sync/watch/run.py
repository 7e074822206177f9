"""The watcher's main loop: takes changes, reads the skills they concern, and fills the senders' queues."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from openclaw_install.common.errors import FileError, InstallError
from openclaw_install.sync.inventory import FACT_VERSION, LocalSkill
from openclaw_install.sync.service import SkillService
from openclaw_install.sync.watch.change_monitor import ChangeMonitor
from openclaw_install.sync.watch.event import EventReporter, EventSink
from openclaw_install.sync.watch.index import SkillIndex, View, classify
from openclaw_install.sync.watch.lasting import Lasting
from openclaw_install.sync.watch.ledger_thread import LedgerThread, PendingSkills
from openclaw_install.sync.watch.rescan import Rescanner
from openclaw_install.sync.watch.sender import Sender, SenderContext
from openclaw_install.sync.watch.settings import WatchSettings
from openclaw_install.sync.watch.source import meaning
from openclaw_install.sync.watch.stat_cache import ages, older_than, saved_at
from openclaw_install.sync.watch.timing import Debounce

# What a file is for a moment while it is being saved.
_PASSING = frozenset({"invalid", "unreadable", "not_utf8"})
_EVERYTHING = ""  # the debounce's key for a full rescan; no path is empty
_AGAIN_SECONDS = 0.5
_AFTER_TROUBLE = 3.0  # seconds until another rescan, after the ledger could not be read
# A change of this age, in seconds, must have been reported by an event.
_MISSED = 2.0
_ASK_SECONDS = 10.0  # between two goes through the ledger that only show that it answers


class Watcher:
    """Keeps the chosen skills in step until it is cancelled.

    Args:
        settings: what to keep in step.
        emit_event: gets every event.
        ledger_thread: the open ledger.
        service: gives the connection, once it is there.
        worked: called whenever a round through the ledger was made.
    """

    def __init__(
        self,
        settings: WatchSettings,
        emit_event: EventSink,
        ledger_thread: LedgerThread,
        service: asyncio.Future[SkillService],
        worked: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._worked = worked
        self._asked_at = float("-inf")
        self._reporter = EventReporter(emit_event, settings.clock)
        self._ledger = ledger_thread
        self._clock = settings.clock
        self._now = settings.clock.monotonic
        self._wake = asyncio.Event()
        self._debounce = Debounce()
        self._monitor = ChangeMonitor(
            settings.events, settings.polling, self._wake.set, self._now, settings.location.config_path
        )
        url = settings.endpoint.url
        known = partial(_known_facts, ledger_thread)
        index = SkillIndex(settings.location, settings.choice, known)
        self._rescanner = Rescanner(index, settings.reconcile_seconds, self._clock, self._wake.set)
        self._shared = SenderContext(
            ledger_thread,
            url,
            self._clock,
            service,
            lambda: self._view.skills,
            self._reporter.emit,
            self._touch,
        )
        self._senders = [Sender(agent, self._shared) for agent in settings.choice.agents]
        self._reporter.queues = [sender.queue for sender in self._senders]
        self._pending = PendingSkills(ledger_thread, url, [sender.agent for sender in self._senders])
        self._saved_at: dict[str, float] = {}
        self._absent = Lasting[LocalSkill](settings.lasting_seconds)
        self._faulty = Lasting[None](settings.lasting_seconds)

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
            await self._rescanner.close()
            await self._monitor.close()

    async def _begin(self) -> None:
        began = self._now()
        index = self._rescanner.index
        roots = await asyncio.to_thread(index.roots)
        await self._monitor.roots_changed(roots)
        # From now on changes are reported by events, also while the first scan is running.
        await self._monitor.watch_view(View(roots=roots))
        await self._apply_view(None, await asyncio.to_thread(index.scan), None)
        self._reporter.emit("watching", milliseconds=1000 * (self._now() - began), code=self._how)

    @property
    def _view(self) -> View:
        return self._rescanner.index.view

    @property
    def _how(self) -> str:
        return "polling" if self._monitor.polling_reason else "events"

    async def _follow(self) -> None:
        next_tick = self._now()
        while True:
            await self._wait(next_tick)
            now = self._now()
            self._take_changes()
            due = self._debounce.due(now)
            if files := set(due) - {_EVERYTHING}:
                await self._reread(files)
            if _EVERYTHING in due:
                self._rescanner.begin(self._saved_at.pop(_EVERYTHING, now))
            if self._rescanner.ended:
                await self._finish_rescan()
            await self._tell_what_lasts()
            if self._now() >= next_tick:
                next_tick = self._now() + self._settings.check_seconds
                await self._tick()

    async def _wait(self, next_tick: float) -> None:
        times = (self._debounce.next_at(), self._absent.next_at(), self._faulty.next_at())
        at = min((at for at in times if at is not None), default=next_tick)
        at = min(at, next_tick)
        pause = max(0.0, min(at - self._now(), self._settings.check_seconds))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._wake.wait()
        self._wake.clear()

    def _take_changes(self) -> None:
        for at, changes in self._monitor.take():
            meant = meaning(changes, self._view.paths)
            for file in meant.files:
                self._touch(file, at)
            if meant.everything:
                self._touch(_EVERYTHING, at)

    def _touch(self, file: str, at: float | None = None) -> None:
        now = self._now()
        self._debounce.touch(file, now)
        self._saved_at.setdefault(file, now if at is None else at)
        self._wake.set()

    async def _tick(self) -> None:
        now = self._now()
        if now - self._asked_at >= _ASK_SECONDS:
            self._asked_at = now
            await self._ledger.do(lambda _ledger: None)
            self._worked()
        if self._rescanner.jumped():
            for sender in self._senders:
                sender.queue.wake()
                sender.notify()
            self._rescanner.begin()
        if await self._monitor.roots_changed(self._view.roots):
            self._rescanner.begin(now)
        self._rescanner.begin_due(trusting=not self._monitor.polling_reason)

    async def _finish_rescan(self) -> None:
        try:
            found = self._rescanner.take()
        except InstallError as error:
            self._reporter.warn(error.error_code, error.message, error.next_step)
            self._rescanner.passed()
            return
        if found is None:
            await self._still_the_same()
            return
        await self._apply_view(*found, self._rescanner.asked_at)
        for file in self._rescanner.touched:
            self._touch(file)

    async def _still_the_same(self) -> None:
        if await self._monitor.watch_view(self._view):
            self._rescanner.again()
        self._reporter.polling_reason(self._monitor.polling_reason)
        await self._reconcile(self._view, is_new=False)
        self._passed()

    def _passed(self) -> None:
        self._rescanner.passed()
        self._reporter.emit("reconciled", code=self._how)

    async def _apply_view(self, older: View | None, view: View, asked_at: float | None) -> None:
        changed = view.changed_since(older or View())
        if older is not None:
            if asked_at is None:
                await self._notice_missed(changed, older, view)
            self._enqueue(changed, view, asked_at)
            for name in view.deleted_since(older):
                self._absent.note(name, older.skills[name], self._now())
            for name in view.skills:
                self._absent.end(name)
        self._report_held(changed, view, at_once=older is None)
        for warning in view.warnings:
            self._reporter.warn("roots", warning, "mend it; nothing is concluded from it meanwhile")
        if await self._monitor.watch_view(view) and older is not None:
            self._rescanner.again()
        elif older is not None and asked_at is not None and view.paths != older.paths:
            # A folder may have been filled before anybody watched it.
            self._rescanner.again(_AGAIN_SECONDS)
        await self._monitor.check(view)
        self._reporter.polling_reason(self._monitor.polling_reason)
        await self._reconcile(view, is_new=True)
        self._passed()

    async def _reread(self, files: Collection[str]) -> None:
        index = self._rescanner.index
        older = index.view
        view, age_of = await asyncio.to_thread(lambda: (index.reread(files), ages(files, self._clock.wall())))
        self._rescanner.touched.update(files)
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
                self._enqueue([by_name[file]], view, at)
        self._enqueue([name for name in changed if view.skills[name].path not in files], view, None)
        self._report_held(changed, view)

    def _enqueue(self, names: Collection[str], view: View, saved_at: float | None) -> None:
        for name in names:
            if not view.skills[name].problem:
                for sender in self._senders:
                    sender.queue.add(name, saved_at)
                    sender.notify()
                self._reporter.emit("changed", name)

    def _report_held(self, names: Collection[str], view: View, *, at_once: bool = False) -> None:
        for name in names:
            skill = view.skills[name]
            if skill.problem in _PASSING and not at_once:
                self._faulty.note(name, None, self._now())
                continue
            self._faulty.end(name)
            if skill.problem:
                self._shared.held("", name, skill.sha256, skill.problem, skill.reason)
            else:
                self._shared.reported_holds.pop((name, ""), None)

    async def _tell_what_lasts(self) -> None:
        """Reports what is away or faulty by now for longer than a save takes."""
        now, view = self._now(), self._view
        if absent := self._absent.due(now):
            before = View(skills={**view.skills, **absent})
            self._reporter.deleted(await asyncio.to_thread(classify, tuple(absent), before))
        faulty = [name for name in self._faulty.due(now) if name in view.skills]
        self._report_held(faulty, view, at_once=True)

    async def _reconcile(self, view: View, *, is_new: bool) -> None:
        """Queues what is pending by the ledger, which is read only if the view or the ledger changed."""
        try:
            if not (is_new or await self._pending.may_differ()):
                return
            pending = await self._pending.read(view)
        except FileError as error:
            # A full disk, say: another rescan finds out; what was saved meanwhile is queued already.
            self._reporter.warn(error.error_code, error.message, error.next_step)
            self._rescanner.again(_AFTER_TROUBLE)
            return
        for action in self._pending.unconfirmed:
            self._shared.unconfirmed(action.agent_id, action.skill, action.sha256, action.reason)
        for sender in self._senders:
            sender.queue.reconcile(pending[sender.agent.id])
            sender.notify()

    async def _notice_missed(self, changed: Sequence[str], older: View, view: View) -> None:
        paths = [
            view.skills[name].path
            for name in changed
            if name in older.skills and older.skills[name].path == view.skills[name].path
        ]
        missed = await asyncio.to_thread(older_than, paths, self._clock.wall() - _MISSED)
        if missed:
            await self._monitor.fall_back_to_polling(f"{missed} was changed, and no event reported it")


def _known_facts(ledger_thread: LedgerThread, hashes: Sequence[str]) -> dict[str, Any]:
    return ledger_thread.do_from_thread(lambda ledger: ledger.facts("frontmatter", FACT_VERSION, hashes))


def _first(errors: BaseExceptionGroup[InstallError]) -> InstallError:
    for error in errors.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("a group has members")

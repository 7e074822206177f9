"""One watcher at work: changes in, looks at what they concern, wishes to the senders' lanes, events out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from openclaw_install.common.errors import FileError, InstallError
from openclaw_install.sync.inventory import FACT_VERSION
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.planner import plan
from openclaw_install.sync.service import Agent, SkillService
from openclaw_install.sync.watch_clock import Rhythm
from openclaw_install.sync.watch_debounce import Debounce
from openclaw_install.sync.watch_desk import LedgerDesk
from openclaw_install.sync.watch_event import EventKind, WatchEvent
from openclaw_install.sync.watch_eyes import Eyes
from openclaw_install.sync.watch_gone import Gone, judged
from openclaw_install.sync.watch_index import SkillIndex, View
from openclaw_install.sync.watch_paths import meaning
from openclaw_install.sync.watch_sender import Sender, Shared
from openclaw_install.sync.watch_settings import WatchSettings

_EVERYTHING = ""  # the debounce's key for a look at everything; no path is empty
_CLOSE_SECONDS = 0.5
_AGAIN_SECONDS = 0.5
# A change of this age, in seconds, must have been told by an event.
_MISSED = 2.0
# An event comes at most so long after its change, in seconds.
_EVENT_SECONDS = 0.5
Tell = Callable[[WatchEvent], None]


class Watcher:
    """Keeps the chosen skills in step until it is cancelled.

    Args:
        settings: what to keep in step.
        key: the service's key.
        tell: gets every event.
        desk: the open ledger.
        service: gives the connection, once it is there.
    """

    def __init__(
        self, settings: WatchSettings, tell: Tell, desk: LedgerDesk, service: asyncio.Future[SkillService]
    ) -> None:
        self._settings = settings
        self._tell = tell
        self._desk = desk
        self._clock = settings.clock
        self._now = settings.clock.monotonic
        self._stirred = asyncio.Event()
        self._debounce = Debounce()
        self._rhythm = Rhythm(settings.reconcile_seconds)
        self._eyes = Eyes(
            settings.events, settings.polling, self._stirred.set, self._now, settings.location.config_path
        )
        url = settings.endpoint.url
        known = partial(_known_facts, desk)
        self._index = SkillIndex(settings.location, settings.choice, known)
        self._shared = Shared(
            desk, url, self._clock, service, lambda: self._index.view.skills, self.say, self._touch
        )
        self._senders = [Sender(agent, self._shared) for agent in settings.choice.agents]
        self._looking: asyncio.Task[View] | None = None
        self._next_index = self._index
        self._asked_at: float | None = None  # when a change asked for the look that is going on
        self._touched_meanwhile: set[str] = set()
        self._again_at: float | None = None
        self._saved_at: dict[str, float] = {}
        self._told_blind = ""
        self._told: set[str] = set()

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
            if self._looking is not None:
                await asyncio.gather(self._looking, return_exceptions=True)
            await self._eyes.close()

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
        """Tells an event, with the time and the counts."""
        now = self._now()
        pending = sum(sender.lane.pending for sender in self._senders)
        waiting = sum(sender.lane.waiting(now) for sender in self._senders)
        wall = self._clock.wall()
        self._tell(
            WatchEvent(kind, wall, skill, agent, milliseconds, code, reason, next_step, pending, waiting)
        )

    async def _begin(self) -> None:
        began = self._now()
        roots = await asyncio.to_thread(self._index.roots)
        await self._eyes.moved(roots)
        # What changes from now on is told by events, also while the first look is going on.
        await self._eyes.see(View(roots=roots))
        await asyncio.to_thread(self._index.look)
        await self._looked(self._index, None, asked_at=None)
        self.say("watching", milliseconds=1000 * (self._now() - began), code=self._how)

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
                self._look(asked_at=self._saved_at.pop(_EVERYTHING, now))
            if self._looking is not None and self._looking.done():
                await self._end_look(self._looking)
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
            meant = meaning(changes, self._index.view.paths)
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
        if self._rhythm.jumped(now, self._clock.wall()):
            for sender in self._senders:
                sender.lane.wake()
                sender.poke()
            self._look(asked_at=None)
        if await self._eyes.moved(self._index.view.roots):
            self._look(asked_at=now)
        if self._rhythm.due(now) or (self._again_at is not None and now >= self._again_at):
            self._again_at = None
            self._look(asked_at=None)

    def _look(self, *, asked_at: float | None) -> None:
        """Looks at everything, beside all else; what asks for it meanwhile gets another look afterwards."""
        if self._looking is not None:
            if asked_at is not None:
                self._again_at = self._now()
            return
        self._asked_at = asked_at
        self._touched_meanwhile = set()
        self._next_index = self._index.successor()
        self._looking = asyncio.create_task(asyncio.to_thread(self._next_index.look))
        self._looking.add_done_callback(lambda _task: self._stirred.set())

    async def _end_look(self, looking: asyncio.Task[View]) -> None:
        self._looking = None
        try:
            looking.result()
        except InstallError as error:
            self._warn(error.error_code, error.message, error.next_step)
            self._rhythm.passed(self._now())
            return
        await self._looked(self._next_index, self._index.view, asked_at=self._asked_at)
        for file in self._touched_meanwhile:
            self._touch(file)

    async def _looked(self, fresh: SkillIndex, older: View | None, *, asked_at: float | None) -> None:
        self._index, view = fresh, fresh.view
        changed = view.changed_since(older or View())
        if older is not None:
            if asked_at is None:
                await self._notice_missed(changed, older, view)
            self._want(changed, view, asked_at)
            self._tell_gone(await asyncio.to_thread(judged, view.gone_since(older), older))
        self._hold(changed, view)
        for warning in view.warnings:
            self._warn("roots", warning, "mend it; nothing is concluded from it meanwhile")
        if await self._eyes.see(view) and older is not None:
            self._again_at = self._now()
        elif older is not None and asked_at is not None and view.paths != older.paths:
            # A folder may have been filled before anybody watched it.
            self._again_at = self._now() + _AGAIN_SECONDS
        await self._eyes.check(view)
        self._tell_blind()
        await self._expect(view)
        self._rhythm.passed(self._now())
        self.say("reconciled", code=self._how)

    async def _look_again(self, files: Collection[str]) -> None:
        older = self._index.view
        view, ages = await asyncio.to_thread(
            lambda: (self._index.look_again(files), _ages(files, self._clock.wall()))
        )
        self._touched_meanwhile.update(files)
        if view is None:
            for file in files:
                self._saved_at.pop(file, None)
            self._touch(_EVERYTHING)
            return
        changed = view.changed_since(older)
        by_name = {view.skills[name].path: name for name in changed}
        for file in files:
            at = _saved_at(self._saved_at.pop(file, None), self._now() - ages[file])
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
                self.say("changed", name)

    def _hold(self, names: Collection[str], view: View) -> None:
        for name in names:
            skill = view.skills[name]
            if skill.problem:
                self._shared.held("", name, skill.sha256, skill.problem, skill.reason)
            else:
                self._shared.holding.pop((name, ""), None)

    async def _expect(self, view: View) -> None:
        """Derives from the ledger what is pending, so that nothing has to be remembered."""
        agents = [sender.agent for sender in self._senders]
        try:
            pending = await self._desk.do(partial(_pending, self._shared.endpoint, view, agents))
        except FileError as error:
            # A full disk, say: the next look finds out; what was saved meanwhile is wanted already.
            self._warn(error.error_code, error.message, error.next_step)
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
        missed = await asyncio.to_thread(_older_than, paths, self._clock.wall() - _MISSED)
        if missed:
            await self._eyes.distrust(f"{missed} was changed, and no event told it")

    def _tell_gone(self, gone: Gone) -> None:
        if gone.warning:
            self._warn(
                "most_gone", gone.warning, "nothing is concluded from it; see whether a disk is missing"
            )
        for name in gone.names:
            reason = "it is no longer here; it stays at the agents, as no service offers to remove it"
            self.say("deleted", name, reason=reason)

    def _tell_blind(self) -> None:
        if self._eyes.blind != self._told_blind:
            self._told_blind = self._eyes.blind
            self.say("polling", reason=self._told_blind, next_step="a save is noticed within seconds")

    def _warn(self, code: str, reason: str, next_step: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            self.say("warning", code=code, reason=reason, next_step=next_step)


def _known_facts(desk: LedgerDesk, hashes: Sequence[str]) -> dict[str, Any]:
    return desk.do_from_thread(lambda ledger: ledger.facts("frontmatter", FACT_VERSION, hashes))


def _pending(endpoint: str, view: View, agents: Sequence[Agent], ledger: Ledger) -> dict[str, frozenset[str]]:
    """The skills that each agent has not acknowledged with their present content."""
    ledger.learn("frontmatter", FACT_VERSION, view.learned)
    actions = plan(list(view.skills.values()), ledger.records(endpoint), agents, force=False, now=0.0)
    return {
        agent.id: frozenset(
            action.skill for action in actions if action.sends and action.agent_id == agent.id
        )
        for agent in agents
    }


def _older_than(paths: Sequence[str], wall: float) -> str:
    """One of the files that were last changed before a point in time; empty if there is none."""
    for path in paths:
        with contextlib.suppress(OSError):
            if Path(path).stat().st_ctime < wall:
                return path
    return ""


def _ages(files: Collection[str], wall: float) -> dict[str, float]:
    """How long ago each file was changed, in seconds; 0 where that cannot be known."""
    ages = {}
    for file in files:
        try:
            ages[file] = max(0.0, wall - Path(file).stat().st_ctime)
        except OSError:
            ages[file] = 0.0
    return ages


def _saved_at(heard_at: float | None, changed_at: float) -> float | None:
    """When a file was saved: as the file itself says, if that fits what the events say."""
    if heard_at is None:
        return None
    return changed_at if 0.0 <= heard_at - changed_at <= _EVENT_SECONDS else heard_at


def _first(errors: BaseExceptionGroup[InstallError]) -> InstallError:
    for error in errors.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("a group has members")

"""Runs all work on the ledger in one thread, so that no commit blocks the event loop; holds the run lock.

Which skills the agents have not acknowledged is derived from it; nothing else is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from openclaw_install.common.errors import ConflictError
from openclaw_install.sync.inventory import FACT_VERSION
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.planner import Action, plan
from openclaw_install.sync.service import Agent
from openclaw_install.sync.watch.index import View

_T = TypeVar("_T")
_LOCK_PAUSE = 0.05


class LedgerThread:
    """One ledger for several tasks, as an async context manager.

    Args:
        folder: where the ledger lives; None for our state folder.
        endpoint: whose lock `hold` takes.
    """

    def __init__(self, folder: Path | None, endpoint: str) -> None:
        self._folder = folder
        self._endpoint = endpoint
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._opened: Ledger | None = None
        self._held = contextlib.ExitStack()
        self._holders = 0
        self._taking = asyncio.Lock()

    async def __aenter__(self) -> Self:
        try:
            self._opened = await self._run(lambda: Ledger(self._folder))
        except BaseException:
            self._executor.shutdown()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        # What still runs there is brought to its end: an outcome that is being recorded is kept.
        self._executor.submit(self._close)
        await asyncio.to_thread(self._executor.shutdown)

    @property
    def ledger(self) -> Ledger:
        """The ledger, to be used in its own thread only, as `Push` does through `aside`."""
        if self._opened is None:
            raise RuntimeError("the ledger thread is not running")
        return self._opened

    async def do(self, work: Callable[[Ledger], _T]) -> _T:
        """Does something with the ledger.

        Raises:
            FileError: the ledger cannot be used.
        """
        return await self._run(lambda: work(self.ledger))

    async def aside(self, work: Callable[[], _T], /) -> _T:
        """Does something in the ledger's thread (`push.Aside`)."""
        return await self._run(work)

    def do_from_thread(self, work: Callable[[Ledger], _T]) -> _T:
        """The same from another thread, which waits for it."""
        return self._executor.submit(lambda: work(self.ledger)).result()

    @contextlib.asynccontextmanager
    async def hold(self, blocked: Callable[[], None]) -> AsyncIterator[None]:
        """Holds the endpoint's lock, together with the other pushes of this process, for one push.

        Args:
            blocked: called once if another run holds it and has to be waited for.
        """
        async with self._taking:
            if self._holders == 0:
                await self._take(blocked)
            self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
            if self._holders == 0:
                # Not awaited: it must happen also when this task is being cancelled.
                self._executor.submit(self._held.close)

    async def _take(self, blocked: Callable[[], None]) -> None:
        is_reported = False
        while True:
            try:
                await self._run(lambda: self._held.enter_context(self.ledger.lock(self._endpoint)))
            except ConflictError:
                if not is_reported:
                    blocked()
                    is_reported = True
                await asyncio.sleep(_LOCK_PAUSE)
            else:
                return

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _close(self) -> None:
        self._held.close()
        if self._opened is not None:
            self._opened.close()


_Edition = tuple[int, int]


class PendingSkills:
    """Reads which skills are pending.

    Args:
        ledger_thread: where the ledger is open.
        endpoint: the key of the ledger's rows.
        agents: those that the skills go to.
    """

    def __init__(self, ledger_thread: LedgerThread, endpoint: str, agents: Sequence[Agent]) -> None:
        self._ledger = ledger_thread
        self._endpoint = endpoint
        self._agents = agents
        self._nothing_at: _Edition | None = None  # the ledger by which nothing was pending
        self.unconfirmed: tuple[Action, ...] = ()  # what is not sent again by itself

    async def read(self, view: View) -> Mapping[str, frozenset[str]]:
        """The names of the skills that are pending, by agent; also keeps what the view learned.

        Raises:
            FileError: the ledger cannot be used.
        """
        self._nothing_at = None
        edition, actions = await self._ledger.do(partial(_pending, self._endpoint, view, self._agents))
        self.unconfirmed = tuple(action for action in actions if action.kind == "unconfirmed")
        sending = [action for action in actions if action.sends]
        if not sending:
            self._nothing_at = edition
        return {
            agent.id: frozenset(action.skill for action in sending if action.agent_id == agent.id)
            for agent in self._agents
        }

    async def may_differ(self) -> bool:
        """Whether something may be pending though the skills are those that were read for last.

        Raises:
            FileError: the ledger cannot be used.
        """
        return self._nothing_at is None or await self._ledger.do(_edition) != self._nothing_at


def _edition(ledger: Ledger) -> _Edition:
    """A pair of numbers that changes with every change that others, or we, make in the ledger."""
    ((by_others,),) = ledger.query("PRAGMA data_version")
    return by_others, ledger.connection.total_changes


def _pending(
    endpoint: str, view: View, agents: Sequence[Agent], ledger: Ledger
) -> tuple[_Edition, tuple[Action, ...]]:
    ledger.learn("frontmatter", FACT_VERSION, view.learned)
    edition = _edition(ledger)  # before the reading, so that a change during it is not taken for read
    records = ledger.records(endpoint)
    return edition, plan(list(view.skills.values()), records, agents, force=False, now=0.0)

"""Runs all work on the ledger in one thread, so that no commit blocks the event loop; holds the run lock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

from openclaw_install.common.errors import ConflictError
from openclaw_install.sync.ledger import Ledger

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
        told = False
        while True:
            try:
                await self._run(lambda: self._held.enter_context(self.ledger.lock(self._endpoint)))
            except ConflictError:
                if not told:
                    blocked()
                    told = True
                await asyncio.sleep(_LOCK_PAUSE)
            else:
                return

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _close(self) -> None:
        self._held.close()
        if self._opened is not None:
            self._opened.close()

"""The one thread that a store is worked on: whole functions, one after the other, so no lock is needed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
NAME = "store"


class StoreThread:
    """A thread that runs what it is given, in that order. It begins with the first function.

    What runs on it must take no lock and wait for nothing but the store's own file: whatever it waits for,
    everybody who uses the store waits for, too.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str = NAME) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name, initializer=self._begin)
        self._ident: int | None = None

    def _begin(self) -> None:
        self._ident = threading.get_ident()

    @property
    def has_begun(self) -> bool:
        """Whether anything was run on it."""
        return self._ident is not None

    @property
    def is_here(self) -> bool:
        """Whether the caller runs on it."""
        return threading.get_ident() == self._ident

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a function there and returns, or raises, what it does.

        Who is cancelled while waiting leaves no half of it: what has begun is brought to its end, and what
        has not never begins.
        """
        return await self._wait(partial(function, *args, **kwargs))

    async def _wait(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def close(self, last: Callable[[], None]) -> None:
        """Runs `last` after all that was given before, and ends the thread; nothing may be given afterwards.

        Waits for it. Who is cancelled meanwhile does not keep it from being run.
        """
        await asyncio.shield(asyncio.wrap_future(self._ending(last)))

    def close_and_wait(self, last: Callable[[], None]) -> None:
        """The same for a caller without an event loop."""
        self._ending(last).result()

    def _ending(self, last: Callable[[], None]) -> Future[None]:
        ending = self._executor.submit(last)
        self._executor.shutdown(wait=False)
        return ending

"""One open store: its file, its tables, each with its statements, and the thread that it is used on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import ParamSpec, Self, TypeVar

from openclaw_install.messaging.models import INTERNAL_SCHEMAS
from openclaw_install.messaging.store.chains import ChainTable, SentTable
from openclaw_install.messaging.store.contacts import ContactTable
from openclaw_install.messaging.store.database import Database
from openclaw_install.messaging.store.events import EventTable, FactTable, SeenTable
from openclaw_install.messaging.store.ingress import IngressTable
from openclaw_install.messaging.store.messages import MessageTable
from openclaw_install.messaging.store.outbox import OutboxTable
from openclaw_install.messaging.store.overview import OverviewTable
from openclaw_install.messaging.store.relay import AccessTable, RelayTable
from openclaw_install.messaging.store.sessions import BindingTable, SessionTable, SummaryTable
from openclaw_install.messaging.store.store_thread import StoreThread
from openclaw_install.messaging.store.trust import TrustTable

P = ParamSpec("P")
T = TypeVar("T")


class Store:
    """One open store. Its parts share a connection; a `write()` block makes several changes one transaction.

    One thread owns it: the one that opened it, and no other can use it. Programs with an event loop open it
    by `opened_aside` and work on it by `run`.

    Args:
        path: the file, made where it is missing.
        lock_seconds: how long to wait while another process writes.
        reading: only look, as `Database` has it.
        thread: the one that this call runs on, where the store has one of its own.

    Attributes:
        came_back: called whenever `run` has its answer, also where that is an error.

    Raises:
        FileError: it cannot be opened or written, is damaged, or was written by a newer version.
    """

    def __init__(
        self,
        path: Path,
        *,
        lock_seconds: float = 10.0,
        reading: bool = False,
        thread: StoreThread | None = None,
    ) -> None:
        self.path = path
        self._thread = thread
        self.came_back: Callable[[], None] = lambda: None
        self.database = Database(path, lock_seconds=lock_seconds, reading=reading)
        self.events = EventTable(self.database)
        self.sessions = SessionTable(self.database)
        self.messages = MessageTable(self.database)
        self.contacts = ContactTable(self.database)
        self.ingress = IngressTable(self.database)
        self.outbox = OutboxTable(self.database)
        self.chains = ChainTable(self.database)
        self.sent = SentTable(self.database)
        self.access = AccessTable(self.database)
        self.relay = RelayTable(self.database)
        self.facts = FactTable(self.database)
        self.trust = TrustTable(self.database)
        self.summaries = SummaryTable(self.database)
        self.bindings = BindingTable(self.database)
        self.seen = SeenTable(self.database)
        self.overview = OverviewTable(self.database)
        self.write = self.database.write

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Does something with the store, on its thread: one whole function after the other.

        A function takes no lock, asks nobody outside and reads no other file: whoever uses the store waits
        for it. Without a thread of its own the store is worked on right here, by the thread that opened it.

        Raises:
            What the function raises.
        """
        cancelled = False
        try:
            if self._thread is None:
                return function(*args, **kwargs)
            return await self._thread.run(function, *args, **kwargs)
        except asyncio.CancelledError:
            cancelled = True
            raise
        finally:
            if not cancelled:
                self.came_back()

    @staticmethod
    def is_visible(schema: str) -> bool:
        """Whether messages of a schema count as activity of their thread."""
        return schema not in INTERNAL_SCHEMAS

    def close(self) -> None:
        self.database.close()


@contextlib.asynccontextmanager
async def opened_aside(path: Path) -> AsyncIterator[Store]:
    """An open store with a thread of its own, which ends with the block.

    Raises:
        FileError: as `Store`.
    """
    thread = StoreThread()
    opened: list[Store] = []

    def close() -> None:
        for store in opened:
            store.close()

    try:
        # Kept by the thread itself: who is cancelled while it is being opened gets no store to close.
        await thread.run(lambda: opened.append(Store(path, thread=thread)))
        yield opened[0]
    finally:
        await thread.close(close)

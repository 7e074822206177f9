"""Records the order in which our package takes its locks, and says where two threads could stop each other.

A lock is known by the place in the code that made it, so an order that was seen between two of them counts
for all that were made there: an inversion is found without the bad luck that it takes to come to a stop.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import filelock
import pytest

from openclaw_install.messaging.store import database
from openclaw_install.messaging.store import store_thread as thread

PACKAGE = "openclaw_install"
TRANSACTION = "a transaction of the store"
# The tools' thread may wait for a file that another program is changing: it holds nothing meanwhile.
_STORE, _TOOLS = f"{thread.NAME}_", "tools_"


class LockOrder:
    """What was seen of one program's locks.

    Attributes:
        problems: what could come to a stop; empty where nothing could.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._after: dict[str, set[str]] = {}
        self._here = threading.local()
        self._own = threading.Lock()

    def taken(self, name: str, *, waits: bool = True, is_file: bool = False) -> None:
        """The current thread takes a lock, which it does not hold yet.

        Args:
            name: of the place that made it.
            waits: whether it waits for it; who does not wait stops nobody.
            is_file: whether other programs take it too.
        """
        held = self._held()
        if waits:
            with self._own:
                self._look(name, held, is_file=is_file)
        held.append(name)

    def let_go(self, name: str) -> None:
        """The current thread lets a lock go."""
        held = self._held()
        if name in held:  # a lock may be let go by another thread than took it
            del held[len(held) - 1 - held[::-1].index(name)]

    def _look(self, name: str, held: list[str], *, is_file: bool) -> None:
        here = threading.current_thread().name
        owner = here.startswith(_STORE) or (here.startswith(_TOOLS) and not is_file)
        if name != TRANSACTION and (TRANSACTION in held or owner):
            self.problems.append(f"{name} is taken by {here}, while everybody waits for the store")
        for other in held:
            if other == name and is_file:
                continue  # the second one is refused after a while
            if other == name:
                self.problems.append(f"two locks of {name} are held at once, and have no order")
            elif self._leads(name, other):
                self.problems.append(f"{name} is taken under {other} by {here}, and elsewhere the other way")
            self._after.setdefault(other, set()).add(name)

    def _leads(self, one: str, other: str) -> bool:
        """Whether `other` was taken under `one`, or under something that was."""
        seen, ahead = {one}, [one]
        while ahead:
            for name in self._after.get(ahead.pop(), ()):
                if name == other:
                    return True
                if name not in seen:
                    seen.add(name)
                    ahead.append(name)
        return False

    def _held(self) -> list[str]:
        found: list[str] | None = getattr(self._here, "held", None)
        if found is None:
            found = self._here.held = []
        return found


class WatchedLock:
    """A lock of the threading module that tells of itself."""

    def __init__(self, real: Any, name: str, order: LockOrder) -> None:
        self._real, self._name, self._order = real, name, order
        self._depth = threading.local()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        depth = getattr(self._depth, "now", 0)
        if depth == 0:  # a lock that this thread holds already makes it wait for nobody
            self._order.taken(self._name, waits=blocking)
        if self._real.acquire(blocking, timeout):
            self._depth.now = depth + 1
            return True
        if depth == 0:
            self._order.let_go(self._name)
        return False

    def release(self) -> None:
        self._real.release()
        self._depth.now = getattr(self._depth, "now", 1) - 1
        if self._depth.now <= 0:
            self._depth.now = 0
            self._order.let_go(self._name)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_error: object) -> None:
        self.release()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@contextmanager
def watched(package: str = PACKAGE) -> Iterator[LockOrder]:
    """Watches the locks that modules of a package make inside the block, its file locks and its store."""
    order = LockOrder()
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("Lock", "RLock"):
            patch.setattr(threading, kind, _maker(getattr(threading, kind), package, order))
        patch.setattr(database.Database, "write", _transaction(database.Database.write, order))
        patch.setattr(filelock.BaseFileLock, "acquire", _file_lock(filelock.BaseFileLock.acquire, order))
        patch.setattr(filelock.BaseFileLock, "release", _file_release(filelock.BaseFileLock.release, order))
        yield order


def _maker(real: Callable[[], Any], package: str, order: LockOrder) -> Callable[[], Any]:
    def make() -> Any:
        frame = sys._getframe(1)
        module = str(frame.f_globals.get("__name__", ""))
        if module.split(".", maxsplit=1)[0] != package:
            return real()
        return WatchedLock(real(), _place(module, frame), order)

    return make


def _place(module: str, frame: FrameType) -> str:
    # One line may make two locks; the instruction tells them apart.
    return f"{module}:{frame.f_lineno}:{frame.f_lasti}"


def _transaction(real: Callable[..., Any], order: LockOrder) -> Callable[..., Any]:
    @contextmanager
    def write(self: database.Database) -> Iterator[Any]:
        outermost = self._depth == 0
        if outermost:
            order.taken(TRANSACTION)
        try:
            with real(self) as connection:
                yield connection
        finally:
            if outermost:
                order.let_go(TRANSACTION)

    return write


def _file_lock(real: Callable[..., Any], order: LockOrder) -> Callable[..., Any]:
    def acquire(self: filelock.BaseFileLock, *args: Any, **kwargs: Any) -> Any:
        if self.is_locked:
            return real(self, *args, **kwargs)
        asked = kwargs.get("timeout", args[0] if args else None)
        order.taken(self.lock_file, waits=(self.timeout if asked is None else asked) != 0, is_file=True)
        try:
            return real(self, *args, **kwargs)
        except BaseException:
            order.let_go(self.lock_file)
            raise

    return acquire


def _file_release(real: Callable[..., Any], order: LockOrder) -> Callable[..., Any]:
    def release(self: filelock.BaseFileLock, *args: Any, **kwargs: Any) -> None:
        real(self, *args, **kwargs)
        if not self.is_locked:
            order.let_go(self.lock_file)

    return release

"""The recorder of lock orders: it must fail where two threads could stop each other, and only there."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import filelock

from openclaw_install.messaging.store import Store, opened_aside
from tests.lock_order import PACKAGE, LockOrder, watched


def _locks(*kinds: str) -> list[Any]:
    """Locks as a module of our package would make them."""
    module = ModuleType(f"{PACKAGE}.made_up")
    lines = "\n".join(f"made.append(threading.{kind}())" for kind in kinds)
    made: list[Any] = []
    module.__dict__.update({"threading": threading, "made": made})
    exec(compile(lines, "<made up>", "exec"), module.__dict__)  # noqa: S102 - the module's own text
    return made


def _in_turn(*locks: Any) -> None:
    """Takes locks, each under those before, in a thread of its own."""

    def work() -> None:
        for lock in locks:
            lock.acquire()
        for lock in reversed(locks):
            lock.release()

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    thread.join(60)
    assert not thread.is_alive()


def test_an_inversion_is_found_though_nothing_stood_still() -> None:
    with watched() as order:
        one, other = _locks("Lock", "RLock")
        _in_turn(one, other)
        assert order.problems == []
        _in_turn(other, one)
    assert len(order.problems) == 1
    assert "elsewhere the other way" in order.problems[0]


def test_an_inversion_over_a_third_lock_is_found() -> None:
    with watched() as order:
        one, two, three = _locks("Lock", "Lock", "Lock")
        _in_turn(one, two)
        _in_turn(two, three)
        _in_turn(three, one)
    assert len(order.problems) == 1


def test_one_order_and_a_lock_that_is_held_already_are_no_problem() -> None:
    with watched() as order:
        one, other = _locks("RLock", "Lock")
        for _ in range(2):
            _in_turn(one, one, other)
        assert one.acquire(blocking=False)
        one.release()
    assert order.problems == []


def test_what_others_than_our_package_make_is_left_alone() -> None:
    with watched():
        assert type(threading.Lock()).__module__ == "_thread"


def test_a_second_lock_under_the_stores_is_found(tmp_path: Path, lock_order: LockOrder) -> None:
    with watched() as order, Store(tmp_path / "s.db") as store:
        (lock,) = _locks("Lock")
        with lock, store.write():
            assert order.problems == []
        with store.write(), store.write(), lock:
            pass
        with store.write(), filelock.FileLock(tmp_path / "a.lock"):
            pass
    made, file = [problem for problem in order.problems if "everybody waits for the store" in problem]
    assert made.startswith(f"{PACKAGE}.made_up:1:")
    assert file.startswith(str(tmp_path / "a.lock"))
    # The one that watches every test has seen the file's lock too.
    assert lock_order.problems == [file]
    lock_order.problems.clear()


def test_a_lock_on_the_stores_thread_is_found(tmp_path: Path) -> None:
    async def play(lock: Any) -> None:
        async with opened_aside(tmp_path / "s.db") as store:
            await store.run(lock.acquire)
            await store.run(lock.release)

    with watched() as order:
        asyncio.run(play(*_locks("Lock")))
    assert len(order.problems) == 1
    assert "everybody waits for the store" in order.problems[0]

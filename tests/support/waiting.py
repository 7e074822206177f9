"""Waiting for a condition in tests, without a fixed sleep; `async_waiting` does it in an event loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

_T = TypeVar("_T")
# A busy machine may take long; only a failure takes all of it.
PATIENCE = 120.0
STEP = 0.02


def looks(look: Callable[[], _T | None], what: Callable[[], object] | str) -> Iterator[_T | None]:
    """What `look` gives, again and again, for whoever waits `STEP` seconds after each that is not true.

    Raises:
        AssertionError: it was looked at often enough; how long that took is no matter.
    """
    for _ in range(int(PATIENCE / STEP)):
        yield look()
    raise AssertionError(f"never came true: {what() if callable(what) else what}")


def until(
    look: Callable[[], _T | None],
    what: Callable[[], object] | str = "the condition",
    pause: Callable[[float], object] = time.sleep,
) -> _T:
    """Waits until `look` gives something true, and returns that.

    Args:
        look: called again and again.
        what: said where it never comes true; a function is asked only then.
        pause: waits for so many seconds, or until something happened that makes another look worth it.

    Raises:
        AssertionError: it did not come true in time.
    """
    for found in looks(look, what):
        if found:
            return found
        pause(STEP)
    raise AssertionError(what)

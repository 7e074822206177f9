"""Waiting for a condition in tests, without a fixed sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")
# A busy machine may take long; only a failure takes all of it.
PATIENCE = 120.0
_STEP = 0.02


def until(
    look: Callable[[], _T],
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
    for _ in range(int(PATIENCE / _STEP)):
        if found := look():
            return found
        pause(_STEP)
    raise AssertionError(f"never came true: {what() if callable(what) else what}")

"""Waiting for a condition in an event loop, as `waiting` does it outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from tests.support.waiting import STEP, looks

_T = TypeVar("_T")


async def until(look: Callable[[], _T | None], what: Callable[[], object] | str = "the condition") -> _T:
    """Waits until `look` gives something true, and returns that.

    Args:
        look: called again and again, with a pause in which the loop goes on.
        what: said where it never comes true; a function is asked only then.

    Raises:
        AssertionError: it did not come true in time.
    """
    for found in looks(look, what):
        if found:
            return found
        await asyncio.sleep(STEP)
    raise AssertionError(what)

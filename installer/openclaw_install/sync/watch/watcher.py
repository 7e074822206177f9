"""Keeps skills in step for as long as it runs: sends saves at once, and rescans everything periodically."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine

from openclaw_install.common.errors import InstallError
from openclaw_install.common.redaction import Secret
from openclaw_install.sync.consent import agreed
from openclaw_install.sync.endpoint import key_from, key_missing
from openclaw_install.sync.errors import KeyRejectedError, SyncError
from openclaw_install.sync.service import SkillService
from openclaw_install.sync.watch.event import EventKind, WatchEvent
from openclaw_install.sync.watch.ledger_thread import LedgerThread
from openclaw_install.sync.watch.run import Watcher
from openclaw_install.sync.watch.sender import consent_missing
from openclaw_install.sync.watch.settings import WatchSettings, watch_settings

__all__ = ["WatchEvent", "WatchSettings", "watch", "watch_settings"]
_CLOSE_SECONDS = 0.5


def _unwatched() -> None:
    """Nobody asks whether work is done."""


async def watch(
    settings: WatchSettings,
    emit_event: Callable[[WatchEvent], None],
    worked: Callable[[], None] = _unwatched,
) -> None:
    """Runs until it is cancelled, and has tidied up within 2 s then.

    A push on its way gets a second to end; else its intent stays in the ledger, and the skill is pending.

    Args:
        settings: what to keep in step.
        emit_event: gets every event, in the event loop's own thread; it must not block.
        worked: called, likewise, whenever it came round through its ledger.

    Raises:
        InstallError: a person has to act: the key is missing or rejected, the consent is not there, or the
            ledger or the host's config cannot be read at the start.
    """

    def said(kind: EventKind, error: InstallError | None = None) -> WatchEvent:
        facts = ("", "", "") if error is None else (error.error_code, error.message, error.next_step)
        return WatchEvent(kind, settings.clock.wall(), "", "", None, *facts)

    try:
        key = key_from(settings.env)
        if key is None:
            raise key_missing(settings.endpoint.url)
        async with LedgerThread(settings.ledger_folder, settings.endpoint.url) as ledger_thread:
            standing = await ledger_thread.do(lambda ledger: agreed(ledger, settings.endpoint.url))
            if not standing.connect:
                raise consent_missing(settings.endpoint.url)
            async with _opening(settings, key) as service:
                watcher = Watcher(settings, emit_event, ledger_thread, service, worked)
                await _greeted(service, watcher.run())
    except InstallError as error:
        emit_event(said("blocked", error))
        raise
    finally:
        emit_event(said("stopped"))


async def _greeted(service: asyncio.Task[SkillService], watching: Coroutine[None, None, None]) -> None:
    """Watches, and asks the service for something harmless at once.

    So a key that it rejects is told now, and not at the next save, which may be weeks away.
    """
    greeting = asyncio.create_task(_greet(service))
    work = asyncio.create_task(watching)
    try:
        await asyncio.wait({greeting, work}, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in (greeting, work):
            task.cancel()
        await asyncio.gather(greeting, work, return_exceptions=True)
    for task in (greeting, work):
        if not task.cancelled():
            task.result()


async def _greet(opening: asyncio.Task[SkillService]) -> None:
    service = await asyncio.shield(opening)
    try:
        await service.list_agents()
    except KeyRejectedError:
        raise
    except SyncError:
        return  # offline is normal, and the next push says what is wrong


@contextlib.asynccontextmanager
async def _opening(settings: WatchSettings, key: Secret) -> AsyncIterator[asyncio.Task[SkillService]]:
    """The connection, which opens while the skills are being looked at, and is not waited for at the end."""
    manager = settings.connect(settings.endpoint, key)

    async def enter() -> SkillService:
        return await manager.__aenter__()

    opening = asyncio.create_task(enter())
    try:
        yield opening
    finally:
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        if not opening.cancelled() and opening.exception() is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await manager.__aexit__(None, None, None)

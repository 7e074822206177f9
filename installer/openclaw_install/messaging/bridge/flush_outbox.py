"""Sends what is due in the outbox once, for a command without a running runtime, under the store's lock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import ConflictError
from openclaw_install.host.hooks.turn_evidence import evidence_of
from openclaw_install.messaging import store_lock
from openclaw_install.messaging.bridge.bridge import opened
from openclaw_install.messaging.bridge.context import BridgeContext
from openclaw_install.messaging.bridge.outbox import OutboxWorker
from openclaw_install.messaging.bridge.receiver import Receiver
from openclaw_install.messaging.bridge.registration import freshen, register
from openclaw_install.messaging.bridge.relay_connection import RelayConnection
from openclaw_install.messaging.bridge.settings import BridgeSettings, HostView
from openclaw_install.messaging.profile_settings import server_url
from openclaw_install.messaging.relay.client import RelayMaker
from openclaw_install.messaging.relay.http import HttpRelay
from openclaw_install.protocol.profile import profile_paths


async def drain(
    env: Mapping[str, str],
    home: Path,
    *,
    seconds: float,
    relay: RelayMaker = HttpRelay,
    clock: Callable[[], float] = wall_time,
) -> bool:
    """Posts what is due, in order, as the runtime would. What was not committed by then stays queued.

    Nothing is received, and the gateway is not asked.

    Args:
        env: names the profile, its files and the relay.
        seconds: after so long it stops; a message that was under way is posted again by whoever sends next,
            with the same bytes, so that it arrives once.
        relay: makes the client.

    Returns:
        False where a runtime runs, whose work this is, or where no relay is set.

    Raises:
        IdentityError, FileError, UsageError, ConfigError: there is no identity, or a file cannot be used.
        RelayError: the relay cannot be asked, refuses us, or is another one than this store knows.
    """
    paths = profile_paths(env, home)
    url = server_url(env, paths)
    if url is None:
        return False
    settings = BridgeSettings(
        store=paths.store,
        identity=paths.identity,
        url=url,
        host=HostView(_nobody, _nobody, _nobody),
        evidence=evidence_of(home),
        relay=relay,
        clock=clock,
    )
    try:
        with store_lock.held(settings.store, patience=0.0):
            async with opened(settings, _ignore) as context:
                await _send(context, seconds)
    except ConflictError as error:
        if error.error_code != "conflict.bridge_running":
            raise
        return False
    return True


async def _send(context: BridgeContext, seconds: float) -> None:
    connection = RelayConnection(context, Receiver(context))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await connection.greet()
            await freshen(context)
            await register(context)
            await OutboxWorker(context, connection.relay_id).flush()


def _ignore(_event: object) -> None:
    """Nobody listens: whoever asked looks at the outbox."""


def _nobody() -> Any:
    raise AssertionError("sending asks nothing of the host")

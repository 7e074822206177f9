"""Runs the bridge: one task group of receiver, dispatcher, outbox and maintenance; or the outbox alone."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import ConflictError, FileError, InstallError
from openclaw_install.common.problems import Problem
from openclaw_install.host.hooks.turn_evidence import evidence_of
from openclaw_install.messaging import store_lock
from openclaw_install.messaging.bridge.context import (
    WORKER,
    BridgeContext,
    BridgeEvent,
    EventSink,
    Worked,
    counts_for_its_worker,
)
from openclaw_install.messaging.bridge.dispatcher import Dispatcher
from openclaw_install.messaging.bridge.maintenance import Maintenance
from openclaw_install.messaging.bridge.outbox import OutboxWorker
from openclaw_install.messaging.bridge.receiver import Receiver
from openclaw_install.messaging.bridge.registration import freshen, identity_changed_hands, register
from openclaw_install.messaging.bridge.relay_connection import RelayConnection
from openclaw_install.messaging.bridge.settings import BridgeSettings, HostView, bridge_settings
from openclaw_install.messaging.health import write_served
from openclaw_install.messaging.profile_settings import server_url
from openclaw_install.messaging.relay.client import RelayMaker
from openclaw_install.messaging.relay.http import HttpRelay
from openclaw_install.messaging.retirement import require_here
from openclaw_install.messaging.store import opened_aside
from openclaw_install.messaging.trust.policy_watch import TrustWatch
from openclaw_install.protocol.profile import profile_paths

__all__ = ["BridgeEvent", "BridgeSettings", "bridge_settings", "run_bridge"]

MARK_SECRET = "mark.secret"  # noqa: S105 - the name of a fact
# The workers by their part, each with the seconds in which it makes a round trip through the store. Who asks
# the relay may have to wait for it twice (`http_relay` gives up after 120 s).
_ALONE, _WITH_RELAY = 90.0, 300.0
_WORKERS = {
    "link": ("the receiver", _WITH_RELAY),
    "dispatch": ("the dispatcher", _ALONE),
    "outbox": ("the outbox", _ALONE),
    "acks": ("the acknowledgements", _WITH_RELAY),
    "watch": ("the look at the store", _ALONE),
    "keep": ("the maintenance", _WITH_RELAY),
    "trust": ("the look at the trust policy", _ALONE),
}
# The store is busy or the disk is full: that passes, or a person mends it while we go on.
_PASSING = {"store.busy", "file.enospc", "file.edquot", "file.eio"}


def _unwatched(_worker: str, _within: float) -> None:
    """Nobody watches the workers."""


async def run_bridge(settings: BridgeSettings, emit: EventSink, worked: Worked = _unwatched) -> None:
    """Runs the bridge until it is cancelled.

    Args:
        settings: as `bridge_settings` makes them.
        emit: takes what the bridge has to say; called on this event loop, must not block.
        worked: takes the name of a worker that made a round trip through the store, and the seconds in which
            it will make the next one; likewise.

    Raises:
        ConflictError: another bridge drives the store.
        FileError: the store is damaged, or was written by a newer version.
        IdentityError: there is no identity, or it cannot be read.
        RelayError: `relay.identity_changed`, `store.other_identity`, `identity.elsewhere`: a person has to
            look.
    """
    with store_lock.held(settings.store):
        async with opened(settings, emit) as context:
            store = context.store
            await store.run(write_served, store, settings.url, settings.clock())
            await freshen(context)
            store.came_back = counts_for_its_worker(worked)
            context.wait_for_others(settings.timing.alone)
            await _run(context)


@contextlib.asynccontextmanager
async def opened(settings: BridgeSettings, emit: EventSink) -> AsyncIterator[BridgeContext]:
    """What the parts of a bridge work on; whoever uses it holds the store's lock.

    Raises:
        FileError, IdentityError, RelayError: as `run_bridge`.
    """
    await asyncio.to_thread(require_here, settings.identity)
    identity = await asyncio.to_thread(settings.load_identity)
    async with opened_aside(settings.store) as store:
        context = BridgeContext(settings, store, identity, emit)
        async with contextlib.aclosing(context.relay):
            if error := await store.run(identity_changed_hands, context):
                raise error
            yield context


async def _run(context: BridgeContext) -> None:
    facts = context.store.facts
    ingress = context.settings.ingress()
    kept = await context.store.run(facts.set_once, MARK_SECRET, secrets.token_hex(32), context.now())
    trust = TrustWatch(context, context.settings.trust_policy)
    connection = RelayConnection(context, Receiver(context, trust))
    dispatcher = Dispatcher(context, ingress, bytes.fromhex(kept))
    outbox = OutboxWorker(context, connection.relay_id)
    maintenance = Maintenance(context, connection, dispatcher)
    parts = {
        "link": connection.run,
        "dispatch": dispatcher.run,
        "outbox": outbox.run,
        "hurry": lambda: _hurry(connection, outbox),
        "acks": maintenance.acknowledge,
        "watch": maintenance.watch,
        "keep": maintenance.keep,
        "readmit": maintenance.readmit,
        "trust": trust.run,
    }
    try:
        async with asyncio.TaskGroup() as group:
            for name, part in parts.items():
                group.create_task(_steadily(context, name, part), name=f"bridge {name}")
    except* InstallError as errors:
        raise first_error(errors) from None
    finally:
        await ingress.aclose()


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
        host=HostView(_asks_nothing, _asks_nothing, _asks_nothing),
        evidence=evidence_of(home),
        relay=relay,
        clock=clock,
    )
    try:
        with store_lock.held(settings.store, patience=0.0):
            async with opened(settings, _nobody_listens) as context:
                await _flush(context, seconds)
    except ConflictError as error:
        if error.error_code != "conflict.bridge_running":
            raise
        return False
    return True


async def _flush(context: BridgeContext, seconds: float) -> None:
    connection = RelayConnection(context, Receiver(context))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await connection.greet()
            await freshen(context)
            await register(context)
            await OutboxWorker(context, connection.relay_id).flush()


def _nobody_listens(_event: object) -> None:
    """Nobody listens: whoever asked looks at the outbox."""


def _asks_nothing() -> Any:
    raise AssertionError("sending asks nothing of the host")


async def _hurry(connection: RelayConnection, outbox: OutboxWorker) -> None:
    """Lets the outbox go on at once when the relay answers again."""
    while True:
        await connection.connected.wait()
        outbox.hurry()
        while connection.connected.is_set():
            await asyncio.sleep(0.2)


async def _steadily(context: BridgeContext, name: str, part: Callable[[], Awaitable[None]]) -> None:
    """Runs a part again after troubles of the store that pass."""
    WORKER.set(_WORKERS.get(name))
    # From here on it is watched; a store that does not answer stops it before its own first round trip.
    context.store.came_back()
    while True:
        try:
            await part()
        except* FileError as errors:
            error = first_error(errors)
            if error.error_code not in _PASSING:
                raise
            await _wait_for_store(context, name, error)


async def _wait_for_store(context: BridgeContext, name: str, error: InstallError) -> None:
    trouble = f"store.{name}"
    if error.error_code == "store.busy":
        context.health.trouble(trouble, error.message)
    else:
        finding = Problem("store.full", error.message, error.next_step, path=str(context.store.path))
        context.health.block(trouble, finding, error)
    context.emit(BridgeEvent("degraded", error.message))
    await asyncio.sleep(2.0)
    context.health.clear(trouble)


def first_error(errors: BaseExceptionGroup[InstallError]) -> InstallError:
    """The first of the errors in a group, however deep."""
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            return first_error(error)
        return error
    raise AssertionError("an empty group")

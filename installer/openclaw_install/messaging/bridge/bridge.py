"""The bridge: one task group around the connection, the dispatch, the outbox and the housekeeping."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from openclaw_install.common.errors import FileError, InstallError
from openclaw_install.common.problems import Problem
from openclaw_install.messaging import store_lock
from openclaw_install.messaging.bridge.context import (
    WORKER,
    BridgeEvent,
    HealthBook,
    Shared,
    Signals,
    Tell,
    Worked,
    counts_for_its_worker,
)
from openclaw_install.messaging.bridge.dispatcher import Dispatcher
from openclaw_install.messaging.bridge.maintenance import Keeper
from openclaw_install.messaging.bridge.outbox import OutboxWorker
from openclaw_install.messaging.bridge.receiver import Intake
from openclaw_install.messaging.bridge.registration import freshen, identity_changed_hands
from openclaw_install.messaging.bridge.relay_connection import Link
from openclaw_install.messaging.bridge.settings import BridgeSettings, bridge_settings
from openclaw_install.messaging.card_cache import CardBook
from openclaw_install.messaging.health import write_served
from openclaw_install.messaging.store import opened_aside
from openclaw_install.messaging.trust.policy_watch import TrustWatch

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


async def run_bridge(settings: BridgeSettings, tell: Tell, worked: Worked = _unwatched) -> None:
    """Runs the bridge until it is cancelled.

    Args:
        settings: as `bridge_settings` makes them.
        tell: takes what the bridge has to say; called on this event loop, must not block.
        worked: takes the name of a worker that made a round trip through the store, and the seconds in which
            it will make the next one; likewise.

    Raises:
        ConflictError: another bridge drives the store.
        FileError: the store is damaged, or was written by a newer version.
        IdentityError: there is no identity, or it cannot be read.
        RelayError: `relay.identity_changed`, `store.other_identity`: a person has to look.
    """
    identity = await asyncio.to_thread(settings.load_identity)
    with store_lock.held(settings.store):
        async with opened_aside(settings.store) as store:
            health = HealthBook(store, tell, settings.clock)
            shared = Shared(settings, store, identity, tell, Signals(), health)
            if error := await store.run(identity_changed_hands, shared):
                raise error
            await store.run(write_served, store, settings.url, settings.clock())
            await freshen(shared)
            store.came_back = counts_for_its_worker(worked)
            await _run(shared)


async def _run(shared: Shared) -> None:
    relay = shared.settings.relay(shared.settings.url, lambda: shared.identity)
    ingress = shared.settings.ingress()
    facts = shared.store.facts
    kept = await shared.store.run(facts.set_once, MARK_SECRET, secrets.token_hex(32), shared.now())
    secret = bytes.fromhex(kept)
    cards = CardBook(shared.store, relay, shared.relay_now)
    trust = TrustWatch(shared, shared.settings.trust_policy)
    settings = shared.settings
    intake = Intake(
        shared.store,
        lambda: shared.identity,
        cards,
        shared.relay_now,
        settings.gate,
        trust,
        settings.order,
    )
    link = Link(shared, relay, intake)
    dispatcher = Dispatcher(shared, ingress, secret)
    outbox = OutboxWorker(shared, relay, cards, link.relay_id)
    keeper = Keeper(shared, relay, link, dispatcher)
    parts = {
        "link": link.run,
        "dispatch": dispatcher.run,
        "outbox": outbox.run,
        "hurry": lambda: _hurry(link, outbox),
        "acks": keeper.acknowledge,
        "watch": keeper.watch,
        "keep": keeper.keep,
        "readmit": keeper.readmit,
        "trust": trust.run,
    }
    try:
        async with asyncio.TaskGroup() as group:
            for name, part in parts.items():
                group.create_task(_steadily(shared, name, part), name=f"bridge {name}")
    except* InstallError as errors:
        raise first_error(errors) from None
    finally:
        await relay.aclose()
        await ingress.aclose()


async def _hurry(link: Link, outbox: OutboxWorker) -> None:
    """Lets the outbox go on at once when the relay answers again."""
    while True:
        await link.connected.wait()
        outbox.hurry()
        while link.connected.is_set():
            await asyncio.sleep(0.2)


async def _steadily(shared: Shared, name: str, part: Callable[[], Awaitable[None]]) -> None:
    """Runs a part again after troubles of the store that pass."""
    WORKER.set(_WORKERS.get(name))
    # From here on it is watched; a store that does not answer stops it before its own first round trip.
    shared.store.came_back()
    while True:
        try:
            await part()
        except* FileError as errors:
            error = first_error(errors)
            if error.error_code not in _PASSING:
                raise
            await _wait_for_store(shared, name, error)


async def _wait_for_store(shared: Shared, name: str, error: InstallError) -> None:
    trouble = f"store.{name}"
    if error.error_code == "store.busy":
        shared.health.trouble(trouble, error.message)
    else:
        finding = Problem("store.full", error.message, error.next_step, path=str(shared.store.path))
        shared.health.block(trouble, finding, error)
    shared.tell(BridgeEvent("degraded", error.message))
    await asyncio.sleep(2.0)
    shared.health.clear(trouble)


def first_error(errors: BaseExceptionGroup[InstallError]) -> InstallError:
    """The first of the errors in a group, however deep."""
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            return first_error(error)
        return error
    raise AssertionError("an empty group")

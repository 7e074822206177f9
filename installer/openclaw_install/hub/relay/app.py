"""Opens the relay of a data folder, and builds its part of the hub's application."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.common.clock import SYSTEM, Clock
from openclaw_install.hub.relay.auth import Authenticator
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.hub.relay.relay_key import load_or_make_key
from openclaw_install.hub.relay.routes import RelayRoutes
from openclaw_install.hub.relay.service import RelayService
from openclaw_install.hub.relay.sqlite_store import SqliteRelayStore
from openclaw_install.hub.relay.store import RelayStore
from openclaw_install.protocol.keys import SigningKey
from openclaw_install.protocol.receipts import relay_id_of


@dataclass(frozen=True)
class RelayContext:
    """What a relay works with."""

    store: RelayStore
    key: SigningKey
    limits: RelayLimits
    clock: Clock = SYSTEM


@contextlib.contextmanager
def open_relay(folder: Path, limits: RelayLimits, clock: Clock = SYSTEM) -> Iterator[RelayContext]:
    """`relay.db` and `relay.key` of a data folder that the caller holds; made when they are missing.

    Raises:
        FileError: one of them cannot be used, or they do not belong together.
    """
    database = folder / "relay.db"
    key = load_or_make_key(folder / "relay.key", database)
    with contextlib.closing(SqliteRelayStore(database, relay_id_of(key), limits)) as store:
        yield RelayContext(store, key, limits, clock)


@dataclass(frozen=True)
class RelayApp:
    """The relay as a part of the hub's application.

    Attributes:
        routes: those under `/relay/v1`.
    """

    routes: RelayRoutes
    service: RelayService

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sweeps while the application runs, and finishes what was submitted at its end."""
        sweeping = asyncio.ensure_future(self.service.sweep_for_ever())
        try:
            yield
        finally:
            sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweeping
            await self.service.close()


def relay_app(context: RelayContext, *, group_commits: bool = True) -> RelayApp:
    """The relay's application over an opened context."""
    service = RelayService(
        context.store, context.key, context.limits, clock=context.clock, group_commits=group_commits
    )
    authenticator = Authenticator(service.relay_id, context.limits, clock=context.clock)
    return RelayApp(RelayRoutes(service, authenticator, context.limits, clock=context.clock), service)

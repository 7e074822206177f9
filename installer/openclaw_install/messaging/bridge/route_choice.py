"""Which session a thread's messages go to, given what the running gateway admits at the moment."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from openclaw_install.common.errors import InstallError
from openclaw_install.messaging.bridge.context import BridgeContext
from openclaw_install.messaging.routing import Route, route

_PREFIX_SECONDS = 60.0


class RouteChoice:
    """Chooses routes, and remembers for a minute which session keys the gateway admits."""

    def __init__(self, context: BridgeContext) -> None:
        self._context = context
        self._prefixes: tuple[float, tuple[str, ...] | None] | None = None

    async def choose(self, thread_id: str) -> Route:
        """The route of a thread's next message: its binding, ACTIVE_GROUP.md, or the stable key."""
        mode, store = self._context.settings.route_mode, self._context.store
        if mode == "stable-hook-session":
            return route(thread_id, mode, None, None)
        binding = await store.run(store.bindings.get, thread_id)
        if binding is not None:
            return route(thread_id, mode, None, await self._live_prefixes(), binding.session_key)
        try:
            text = await asyncio.to_thread(self._context.settings.host.active_group)
        except InstallError as error:
            return replace(route(thread_id, mode, None, None), degraded=error.message)
        return route(thread_id, mode, text, await self._live_prefixes())

    def refused(self) -> None:
        """The gateway did not admit a key: for now only stable ones are chosen."""
        self._prefixes = (self._context.now(), ())

    def ask_again(self) -> None:
        """The gateway may admit others now."""
        self._prefixes = None

    async def _live_prefixes(self) -> tuple[str, ...] | None:
        now = self._context.now()
        if self._prefixes is None or not 0 <= now - self._prefixes[0] < _PREFIX_SECONDS:
            live = await asyncio.to_thread(self._context.settings.host.live_policy)
            self._prefixes = (
                now,
                live.allowed_session_key_prefixes if live.allow_request_session_key else None,
            )
        return self._prefixes[1]

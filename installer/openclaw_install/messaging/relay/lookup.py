"""Opens a relay client for the length of one alias lookup."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from openclaw_install.messaging.app import App
from openclaw_install.messaging.relay.client import Relay
from openclaw_install.protocol.did import is_conversation, is_did


@contextlib.asynccontextmanager
async def relay_for(app: App, to: str) -> AsyncIterator[Relay | None]:
    """The relay, where it has to be asked: for an alias; None otherwise."""
    if app.relay_url is None or is_did(to) or is_conversation(to):
        yield None
        return
    from openclaw_install.messaging.relay.http import HttpRelay

    async with contextlib.aclosing(HttpRelay(app.relay_url, lambda: app.identity)) as relay:
        yield relay

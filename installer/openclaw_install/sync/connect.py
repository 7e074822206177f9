"""Opens the real service as fast as can be: the network works while the SDK is still being imported."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import ModuleType

from openclaw_install.common.redaction import Secret
from openclaw_install.sync.endpoint import Endpoint
from openclaw_install.sync.retry import RetryPolicy
from openclaw_install.sync.service import SkillService

Connect = Callable[[Endpoint, Secret], AbstractAsyncContextManager[SkillService]]


@asynccontextmanager
async def connect_mcp(
    endpoint: Endpoint, key: Secret, policy: RetryPolicy | None = None
) -> AsyncIterator[SkillService]:
    """A service behind an MCP endpoint; `policy` bounds its patience.

    Importing the SDK takes half a second, so it happens here and not before; where the address is far away,
    the connection is made in that time.
    """
    from openclaw_install.sync.http_guard import Wire, http_client

    wire = Wire(endpoint.url, key)
    client = http_client(wire)
    is_far = endpoint.url.startswith("https:")
    warming = [asyncio.ensure_future(client.warm_up(endpoint.url))] if is_far else []
    try:
        sdk = await asyncio.to_thread(_import_sdk)
        async with sdk.McpSkillService(wire, policy, client) as service:
            yield service
    finally:
        for task in warming:
            task.cancel()


def _import_sdk() -> ModuleType:
    # The SDK makes a million objects that live until the end. With the collector not looking for garbage in
    # them, the import takes a tenth less, and the end of the process a tenth of a second less.
    gc.disable()
    try:
        from openclaw_install.sync import mcp_service
    finally:
        gc.freeze()
        gc.enable()
    return mcp_service

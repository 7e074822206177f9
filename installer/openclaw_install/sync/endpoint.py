"""Where skills go and with which key, checked before anything is sent; and the service there, opened fast."""

from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from types import ModuleType
from urllib.parse import urlsplit

from openclaw_install.common.redaction import Secret
from openclaw_install.common.web_address import is_loopback, normalised_address
from openclaw_install.sync.errors import APP_URL, KEYS_URL, SyncError
from openclaw_install.sync.service import RetryPolicy, SkillService

KEY_VARIABLE = "MYSTA_API_KEY"
URL_VARIABLE = "MYSTA_MCP_URL"
DEFAULT_URL = "https://api.staging.mysta.tech/api/v2/mcp"
KEY_PREFIX = "mysta_"


@dataclass(frozen=True)
class Endpoint:
    """A skill service.

    Attributes:
        url: normalised, so that two spellings of one address share their ledger rows.
        is_default: whether it is Mysta's own, so that its web pages apply.
    """

    url: str
    is_default: bool = field(default=False, compare=False)


def endpoint_from(env: Mapping[str, str]) -> Endpoint:
    """The service that `MYSTA_MCP_URL` names, or the default one.

    Raises:
        SyncError: `sync.endpoint`: no http(s) address, credentials in it, or plain http beyond this machine.
    """
    given = env.get(URL_VARIABLE, "").strip()
    url = _normalised(given or DEFAULT_URL)
    return Endpoint(url, is_default=url == DEFAULT_URL)


def key_from(env: Mapping[str, str]) -> Secret | None:
    """The key in `MYSTA_API_KEY`; None when it is not set.

    Raises:
        SyncError: `sync.key_malformed`: it does not look like a key of this service.
    """
    value = env.get(KEY_VARIABLE, "").strip()
    if not value:
        return None
    if not value.startswith(KEY_PREFIX) or not re.fullmatch(r"[!-~]{8,512}", value):
        raise SyncError(
            f"{KEY_VARIABLE} does not hold a key of this service: a key begins with {KEY_PREFIX!r} "
            "and has neither blanks nor line breaks",
            next_step=f"copy the key again from {KEYS_URL}",
            code="sync.key_malformed",
        )
    return Secret(value)


def key_missing(url: str) -> SyncError:
    """The error for a missing key of the service at `url`."""
    return SyncError(f"{KEY_VARIABLE} is not set", next_step=new_key(url), code="sync.key_missing")


def new_key(url: str) -> str:
    """How a new key for the service at `url` is made and put to use, step after step."""
    own = is_loopback(urlsplit(url).hostname or "")
    hub = "openclaw-install hub keys create --owner NAME (hub keys list shows whose the old one was)"
    make = hub if own else f"create a key at {KEYS_URL}"
    return (
        f"{make}, then: export {KEY_VARIABLE}=mysta_... (the new key), then, where the runtime runs: "
        "openclaw-install runtime restart (runtime enable where a service runs it)"
    )


def cannot_remove(endpoint: Endpoint, names: Sequence[str]) -> SyncError:
    """The error for skills that are to go at the agents: neither Mysta's tools nor our hub's can do it."""
    where = f" ({APP_URL})" if endpoint.is_default else ""
    return SyncError(
        f"the service at {endpoint.url} has no tool that removes a skill: {', '.join(names)}",
        next_step=f"delete it in the agent's own skills folder{where}; what is gone here is not sent again",
        code="sync.cannot_remove",
    )


def _normalised(url: str) -> str:
    try:
        return normalised_address(url)
    except ValueError as error:
        reason = str(error)
        raise _bad(f"{reason}; the key belongs into {KEY_VARIABLE}" if "cred" in reason else reason) from None


def _bad(reason: str) -> SyncError:
    # The address itself is not shown: it may hold credentials.
    return SyncError(
        f"{URL_VARIABLE} {reason}",
        next_step=f"set it to an https address, or unset it to use {DEFAULT_URL}",
        code="sync.endpoint",
    )


Connect = Callable[[Endpoint, Secret], AbstractAsyncContextManager[SkillService]]


@asynccontextmanager
async def connect_mcp(
    endpoint: Endpoint, key: Secret, policy: RetryPolicy | None = None
) -> AsyncIterator[SkillService]:
    """A service behind an MCP endpoint; `policy` bounds its patience.

    Importing the SDK takes half a second, so it happens here and not before; where the address is far away,
    the connection is made in that time.

    Raises:
        NetworkSettingError: the environment names a proxy or certificates that cannot be used.
    """
    from openclaw_install.sync.http_guard import Wire, guarded_client

    wire = Wire(endpoint.url, key)
    client = guarded_client(wire)
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

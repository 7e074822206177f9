"""The real `SkillService`: MCP tool calls with bounded retries, and errors that say what happened."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import anyio
import httpx2
from mcp.client.session import ClientSession
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
)
from pydantic import ValidationError

from openclaw_install.common.http_client import certificate_trouble, network_hint
from openclaw_install.common.redaction import Secret, redact
from openclaw_install.sync.answers import read_batch, read_single
from openclaw_install.sync.endpoint import new_key
from openclaw_install.sync.errors import (
    AnswerError,
    BrokenOffError,
    BusyError,
    ForbiddenError,
    KeyRejectedError,
    ServerFaultError,
    ServiceError,
    SessionLostError,
    SessionRejectedError,
    TimedOutError,
    TooLargeError,
    ToolError,
    UnreachableError,
)
from openclaw_install.sync.http_guard import CURRENT, Exchange, GuardedClient, Wire, guarded_client
from openclaw_install.sync.mcp_connection import Connection, call_tool
from openclaw_install.sync.service import Agent, Outcome, RetryPolicy, Upload
from openclaw_install.sync.text import shown
from openclaw_install.sync.tool_answer import ToolAnswer, read_agents

_NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)
_USUAL_PATH = "/api/v2/mcp"
_CHECK_URL = "check that MYSTA_MCP_URL names a skill service"
_LATER = "run the same command again later; what was acknowledged is not sent again"


class McpSkillService:
    """A skill service behind an MCP endpoint, as an async context manager; one session serves all calls.

    Args:
        wire: how to reach it.
        policy: bounds on time and on trying again.
        client: the HTTP client, where one has a connection already.
    """

    def __init__(
        self, wire: Wire, policy: RetryPolicy | None = None, client: GuardedClient | None = None
    ) -> None:
        self._secrets: tuple[Secret, ...] = () if wire.key is None else (wire.key,)
        self._policy = policy or RetryPolicy()
        self._url = wire.url
        self._key_accepted = False
        self._connection = Connection(wire, client or guarded_client(wire))

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._connection.__aexit__()

    async def list_agents(self) -> Sequence[Agent]:
        return read_agents(await self._call("mysta_list_agents", {}))

    async def sync_skill(self, agent_id: str, upload: Upload) -> Outcome:
        arguments = {"agentId": agent_id, "skillName": upload.name, "content": upload.content}
        return read_single(await self._call("mysta_sync_skill", arguments), agent_id, upload)

    async def sync_batch(self, agent_id: str, uploads: Sequence[Upload]) -> Mapping[str, Outcome]:
        skills = [{"name": upload.name, "content": upload.content} for upload in uploads]
        answer = await self._call("mysta_sync_all_skills", {"agentId": agent_id, "skills": skills})
        return read_batch(answer, agent_id, uploads)

    async def _call(self, tool: str, arguments: dict[str, Any]) -> ToolAnswer:
        tried, sessions_lost = 0, 0
        while True:
            exchange = Exchange()
            try:
                answer = await self._within_time(tool, arguments, exchange)
            except SessionLostError as error:
                sessions_lost += 1
                if isinstance(error, SessionRejectedError) and sessions_lost > 1:
                    raise _rejected(self._url, since_accepted=True) from error
                if sessions_lost > 1:
                    raise _not_a_service(f"it forgets its sessions ({error.message})") from error
            except ServiceError as error:
                tried += 1
                pause = self._policy.pause(tried, exchange.retry_after, random.random())  # noqa: S311 - jitter
                if not error.passing or pause is None:
                    raise
                await anyio.sleep(pause)
            else:
                self._key_accepted = True
                return answer

    async def _within_time(self, tool: str, arguments: dict[str, Any], exchange: Exchange) -> ToolAnswer:
        """Runs one try with its exchange in view, and turns whatever ends it into a `ServiceError`."""
        token = CURRENT.set(exchange)
        try:
            with anyio.fail_after(self._policy.call_seconds):
                return await self._once(tool, arguments, exchange)
        except TimeoutError:
            # Whatever still waits in that session would hold up the next call.
            await self._connection.drop()
            raise TimedOutError(
                f"the service did not answer within {self._policy.call_seconds:g} s", next_step=_LATER
            ) from None
        finally:
            CURRENT.reset(token)

    async def _once(self, tool: str, arguments: dict[str, Any], exchange: Exchange) -> ToolAnswer:
        session: ClientSession | None = None
        try:
            session = await self._connection.session()
            result = await call_tool(session, tool, arguments)
        except (MCPError, ValidationError, RuntimeError, ValueError, anyio.ClosedResourceError) as error:
            failure = self._failure(error, exchange, in_session=session is not None)
            broken = not isinstance(error, MCPError | ValidationError)
            if session is not None and (broken or isinstance(failure, SessionLostError)):
                await self._connection.drop(session)
            raise failure from None
        texts = tuple(redact(block.text, self._secrets) for block in result.content if block.type == "text")
        structured = (
            None if result.structured_content is None else self._without_key(result.structured_content)
        )
        return ToolAnswer(structured, texts, bool(result.is_error))

    def _without_key(self, value: Any) -> Any:
        """A document with the key taken out of its texts: a service may echo what it was sent."""
        if isinstance(value, str):
            return redact(value, self._secrets)
        if isinstance(value, list):
            return [self._without_key(item) for item in value]
        if isinstance(value, dict):
            return {redact(name, self._secrets): self._without_key(item) for name, item in value.items()}
        return value

    def _failure(self, error: Exception, exchange: Exchange, *, in_session: bool) -> ServiceError:
        known = _of_network(exchange, self._url) or self._of_status(exchange, in_session=in_session)
        if known is not None:
            return known
        if exchange.refused:
            return AnswerError(f"the answer was not taken: {exchange.refused}", next_step=_CHECK_URL)
        if not isinstance(error, MCPError):
            return self._malformed(error)
        said = shown(redact(error.message, self._secrets))
        if exchange.status == 400 and in_session and "session" in said.lower():
            return SessionLostError(said, next_step=_LATER)  # what servers said before 404 was agreed on
        if said == _SDK_WORDS_FOR_A_STATUS:
            return _not_a_service(f"HTTP {exchange.status}")
        return _of_rpc(error.code, said)

    def _malformed(self, error: Exception) -> AnswerError:
        if isinstance(error, ValidationError) and _lacks_content(error):
            return AnswerError(
                "the tool's result lacks `content`, which MCP asks of every result",
                next_step="have whoever runs the service send `content` beside `structuredContent`",
            )
        # Only these are in the SDK's own words; the others quote what came.
        cause = str(error) if isinstance(error, RuntimeError) else type(error).__name__
        said = shown(redact(cause, self._secrets))
        return AnswerError(f"the answer is no MCP answer ({said})", next_step=_CHECK_URL)

    def _of_status(self, exchange: Exchange, *, in_session: bool) -> ServiceError | None:
        if exchange.refused or exchange.status is None:
            return None
        if exchange.status == 401 and self._key_accepted:
            # The key was good a moment ago: it is the session that this service does not know any more.
            return SessionRejectedError("401", next_step=_LATER)
        if exchange.status == 404 and not in_session:
            return AnswerError(
                f"no skill service answers at {self._url} (HTTP 404)",
                next_step=f"{_CHECK_URL}: the usual path is {_USUAL_PATH}",
            )
        if exchange.status == 401:
            return _rejected(self._url, since_accepted=False)
        return _of_status(exchange)


def _of_rpc(code: int, said: str) -> ServiceError:
    """What a JSON-RPC error means; some of them are the SDK's own words for what it met on the wire."""
    if code in (METHOD_NOT_FOUND, INVALID_PARAMS):
        return ToolError(
            said, next_step="correct what the service names, and sync again", reason=f"rpc {code}"
        )
    if code == INTERNAL_ERROR:
        return ServerFaultError(f"the service has trouble: {said}", next_step=_LATER)
    if code in (CONNECTION_CLOSED, REQUEST_TIMEOUT):
        return BrokenOffError(f"the answer broke off: {said}", next_step=_LATER)
    if code == PARSE_ERROR:
        said = "it is no JSON-RPC message"  # the SDK quotes a part of it, where no redaction may know the key
    return AnswerError(f"the answer is no MCP answer ({said})", next_step=_CHECK_URL)


_SDK_WORDS_FOR_A_STATUS = "Server returned an error response"


def _of_network(exchange: Exchange, url: str) -> ServiceError | None:
    failure = exchange.failure
    if failure is None:
        return None
    if isinstance(failure, _NOT_SENT):
        cause = certificate_trouble(failure)
        if cause:
            return UnreachableError(
                f"the service's TLS certificate was not accepted: {shown(cause, 160)}",
                next_step="check the address and the clock; a private authority goes into SSL_CERT_FILE",
                code="sync.tls",
            )
        return UnreachableError(
            f"the service cannot be reached: {shown(str(failure), 160) or type(failure).__name__}"
            f"{network_hint(url)}",
            next_step="check the network and MYSTA_MCP_URL, then run the same command again",
        )
    return BrokenOffError(f"the connection broke off ({type(failure).__name__})", next_step=_LATER)


def _lacks_content(error: ValidationError) -> bool:
    return any(one["type"] == "missing" and one["loc"][-1:] == ("content",) for one in error.errors())


def _of_status(exchange: Exchange) -> ServiceError | None:
    status = exchange.status
    if status is None or status < 300:
        return None
    known = _BY_STATUS.get(status)
    if known is not None:
        return known()
    if status == 404:
        return SessionLostError("404", next_step=_LATER)
    if status == 429:
        asked = "" if exchange.retry_after is None else f"; it asks to wait {exchange.retry_after:.0f} s"
        return BusyError(f"the service takes no more requests for now{asked}", next_step=_LATER)
    if status >= 500:
        return ServerFaultError(f"the service has trouble (HTTP {status})", next_step=_LATER)
    moved = "it redirects to another address, where the key is not sent, or in a circle"
    return _not_a_service(moved) if exchange.redirected else None


_BY_STATUS: Mapping[int, Callable[[], ServiceError]] = {
    403: lambda: ForbiddenError(
        "the key may not do this", next_step="check that the key belongs to the agent's owner"
    ),
    413: lambda: TooLargeError(
        "the request is larger than the service takes", next_step="make the skill smaller"
    ),
}


def _rejected(url: str, *, since_accepted: bool) -> KeyRejectedError:
    before = ", which it accepted before in this run, in a new session as well" if since_accepted else ""
    message = f"the service rejects the key in MYSTA_API_KEY{before}"
    return KeyRejectedError(message, next_step=new_key(url))


def _not_a_service(reason: str) -> AnswerError:
    return AnswerError(f"this is not a skill service as we know it: {reason}", next_step=_CHECK_URL)

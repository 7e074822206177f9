"""The relay over HTTP: signed requests, answers of bounded size, and the live stream."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from openclaw_install.collab.relay_client import (
    PAGE_LIMIT,
    About,
    Entry,
    InboxPage,
    RelayRefused,
    RelayUnreachable,
    StreamItem,
)
from openclaw_install.common.errors import UsageError
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.card import AgentCard, verify_card
from openclaw_install.protocol.errors import ProtocolError
from openclaw_install.protocol.identity import Identity
from openclaw_install.protocol.times import seconds_of
from openclaw_install.protocol.tokens import SCHEME, RelayRequest, make_token

if TYPE_CHECKING:
    import httpx

BASE = "/relay/v1"
_SECONDS = 20.0
# The relay beats every 15 s; three missed beats are a dead connection.
_SILENCE_SECONDS = 50.0
_ANSWER_LIMIT = 72 * 1024 * 1024
_LINE_LIMIT = 1024 * 1024
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class HttpRelay:
    """One agent's `Relay` behind a URL.

    Args:
        url: `https://...`, or `http://` on loopback.
        identity: gives the current identity; asked for each request, because keys rotate.
        clock: seconds since the epoch; the relay's own clock is what its tokens are signed by.

    Raises:
        UsageError: the URL is neither HTTPS nor loopback.
    """

    def __init__(
        self,
        url: str,
        identity: Callable[[], Identity],
        *,
        clock: Callable[[], float] = time.time,
        seconds: float = _SECONDS,
        silence_seconds: float = _SILENCE_SECONDS,
    ) -> None:
        import httpx

        check_url(url)
        self._url = url.rstrip("/")
        self._identity = identity
        self._clock = clock
        self._silence = silence_seconds
        self._about: About | None = None
        self.offset = 0.0
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(seconds), follow_redirects=False)

    async def about(self) -> About:
        begun = self._clock()
        answer = await self._exchange(self._client.build_request("GET", f"{self._url}{BASE}/about"))
        try:
            told = answer["time"]
            about = About(
                relay_id=str(answer["relay_id"]),
                log_id=str(answer["log_id"]),
                time=seconds_of(told) if isinstance(told, str) else float(told),
                limits=dict(answer.get("limits") or {}),
            )
        except (KeyError, TypeError, ValueError, ProtocolError) as error:
            raise _no_relay(self._url, "its answer to `about` lacks a field") from error
        self.offset = about.time - (begun + self._clock()) / 2
        self._about = about
        return about

    async def put_card(self, card: AgentCard) -> None:
        await self._ask("PUT", f"/agents/{quote(card.did)}/card", canonical_json(card.to_json()))

    async def card(self, did: str) -> AgentCard:
        return verify_card(await self._ask("GET", f"/agents/{quote(did)}/card"))

    async def resolve(self, alias: str) -> str:
        answer = await self._ask("GET", f"/aliases/{quote(alias)}")
        return str(answer.get("did", ""))

    async def post(self, wire: bytes) -> Mapping[str, Any]:
        return await self._ask("POST", "/envelopes", wire)

    async def inbox(self, after: int, limit: int = PAGE_LIMIT) -> InboxPage:
        answer = await self._ask("GET", f"/inbox?after={after:d}&limit={limit:d}")
        try:
            entries = [_entry(one) for one in answer["entries"]]
            previous = answer.get("previous")
            return InboxPage(
                log_id=str(answer["log_id"]),
                head=int(answer["head"]),
                entries=entries,
                next=int(answer["next"]),
                floor=int(answer.get("floor", 0)),
                previous=previous if isinstance(previous, str) else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _no_relay(self._url, "its inbox is not of the form that it must have") from error

    async def ack(self, seqs: Sequence[int]) -> None:
        if seqs:
            await self._ask("POST", "/acks", json.dumps({"seqs": list(seqs)}).encode())

    async def stream(self, after: int) -> AsyncGenerator[StreamItem, None]:
        import httpx

        await self._known()
        request = self._signed("GET", "/stream", b"")
        request.headers["Accept"] = "text/event-stream"
        request.headers["Last-Event-ID"] = str(after)
        request.extensions["timeout"] = httpx.Timeout(self._silence, connect=10.0).as_dict()
        try:
            answer = await self._client.send(request, stream=True)
            try:
                if answer.status_code != 200:
                    raise _refusal(answer.status_code, answer.headers, await _bounded(answer))
                async for item in _items(answer.aiter_bytes()):
                    yield item
            finally:
                await answer.aclose()
        except httpx.HTTPError as error:
            raise _unreachable(self._url, error) from error
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise _no_relay(self._url, "its stream is not of the form that it must have") from error

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _known(self) -> About:
        return self._about or await self.about()

    def _signed(self, method: str, path: str, body: bytes) -> httpx.Request:
        if self._about is None:
            raise AssertionError("asked before the relay was known")
        request = self._client.build_request(method, f"{self._url}{BASE}{path}", content=body or None)
        target = request.url.raw_path.decode("ascii")
        digest = hashlib.sha256(body).hexdigest()
        claim = RelayRequest(self._about.relay_id, method, target, digest)
        token = make_token(self._identity(), claim, self._clock() + self.offset)
        request.headers["Authorization"] = f"{SCHEME} {token.reveal()}"
        if body:
            request.headers["Content-Type"] = "application/json"
        return request

    async def _ask(self, method: str, path: str, body: bytes = b"") -> Mapping[str, Any]:
        await self._known()
        try:
            return await self._exchange(self._signed(method, path, body))
        except RelayRefused as error:
            if error.status != 401:
                raise
        # A clock that was set, or a relay that was replaced: its own word about the time comes first.
        await self.about()
        return await self._exchange(self._signed(method, path, body))

    async def _exchange(self, request: httpx.Request) -> Mapping[str, Any]:
        import httpx

        try:
            request.extensions.setdefault("timeout", self._client.timeout.as_dict())
            answer = await self._client.send(request, stream=True)
            try:
                body = await _bounded(answer)
            finally:
                await answer.aclose()
        except httpx.HTTPError as error:
            raise _unreachable(self._url, error) from error
        if not 200 <= answer.status_code < 300:
            raise _refusal(answer.status_code, answer.headers, body)
        try:
            document = json.loads(body) if body else {}
        except (ValueError, RecursionError) as error:
            raise _no_relay(self._url, "its answer is no JSON") from error
        if not isinstance(document, dict):
            raise _no_relay(self._url, "its answer is no JSON object")
        return document


def check_url(url: str) -> None:
    """Raises UsageError unless `url` is HTTPS, or HTTP on loopback."""
    parts = urlsplit(url)
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not secure or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise UsageError(
            "the relay's URL must be https://..., or http:// on this machine",
            next_step="set PINGAGENT_SERVER_URL to such a URL",
            code="relay.url",
        )


async def _bounded(answer: httpx.Response) -> bytes:
    body = b""
    parts = []
    size = 0
    async for part in answer.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > _ANSWER_LIMIT:
            raise RelayUnreachable(
                "the relay's answer is larger than any page can be",
                next_step="check that PINGAGENT_SERVER_URL is a relay",
                code="relay.oversized",
            )
    return body.join(parts)


async def _items(parts: AsyncIterator[bytes]) -> AsyncIterator[StreamItem]:
    """The events of an SSE stream, line by line; a line that never ends is refused, not gathered."""
    event, data, rest = "", "", b""
    async for part in parts:
        rest += part
        if len(rest) > _LINE_LIMIT:
            raise ValueError("a line of the stream is too long")
        *lines, rest = re.split(rb"\r\n|\n|\r(?!$)", rest)
        for raw in lines:
            line = raw.decode("utf-8", "replace").rstrip("\r")
            if line.startswith(":"):
                yield StreamItem("beat")
            elif line.startswith("event:"):
                event = line[6:].strip()
            elif line.startswith("data:"):
                data += line[5:].removeprefix(" ")
            elif not line:
                if item := _item(event, data):
                    yield item
                event, data = "", ""


def _item(event: str, data: str) -> StreamItem | None:
    if event == "hello":
        hello = json.loads(data)
        return StreamItem("hello", str(hello["log_id"]), int(hello["head"]))
    if event == "envelope":
        return StreamItem("entry", entry=_entry(json.loads(data)))
    return StreamItem("beat") if event else None


def _entry(value: Any) -> Entry:
    seq = value["seq"]
    if type(seq) is not int or seq < 1:
        raise ValueError("an entry without a number")
    gone = value.get("gone")
    return Entry(seq, value.get("receipt"), value.get("envelope"), None if gone is None else str(gone)[:40])


def _refusal(status: int, headers: Mapping[str, str], body: bytes) -> RelayRefused:
    error: Mapping[str, Any] = {}
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(body)
        if isinstance(document, dict) and isinstance(document.get("error"), dict):
            error = document["error"]
    reason = str(error.get("code", "http"))
    reason = reason if re.fullmatch(r"[a-z0-9_.]{1,60}", reason) else "http"
    after = headers.get("retry-after", "").strip()
    return RelayRefused(
        status,
        reason,
        _line(error.get("message")) or f"the relay answered {status}",
        next_step=_line(error.get("next_step")) or "look at the relay's log",
        retry_after=min(float(after), 3600.0) if re.fullmatch(r"\d{1,6}(\.\d{1,3})?", after) else None,
    )


def _line(value: Any) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", value)[:300] if isinstance(value, str) else ""


def _unreachable(url: str, error: Exception) -> RelayUnreachable:
    return RelayUnreachable(
        f"the relay {url} does not answer: {type(error).__name__}",
        next_step="check the network and PINGAGENT_SERVER_URL; what waits is kept",
    )


def _no_relay(url: str, why: str) -> RelayUnreachable:
    return RelayUnreachable(
        f"what answers at {url} is no relay: {why}",
        next_step="check PINGAGENT_SERVER_URL",
        code="relay.not_a_relay",
    )

"""The relay over HTTP: signed requests, answers of bounded size, and the live stream."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import UsageError
from openclaw_install.common.http_client import certificate_trouble, http_client, network_hint
from openclaw_install.common.redaction import Secret
from openclaw_install.common.web_address import is_loopback
from openclaw_install.messaging.relay.client import (
    PAGE_LIMIT,
    About,
    InboxPage,
    RelayRefused,
    RelayUnreachable,
    StreamItem,
)
from openclaw_install.messaging.relay.responses import (
    MOST_ANSWER,
    MOST_PAGE,
    TooLarge,
    about_of,
    bounded,
    did_of_alias,
    page_of,
    refusal,
    stream_items,
)
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.card import AgentCard, verify_card
from openclaw_install.protocol.errors import ProtocolError
from openclaw_install.protocol.identity import Identity
from openclaw_install.protocol.tokens import SCHEME, RelayRequest, make_token

if TYPE_CHECKING:
    import httpx

BASE = "/relay/v1"
_NO_HEADERS: Mapping[str, str] = {}
_ACCESS = "PingAgent-Access"
_SECONDS = 20.0
# The relay beats every 15 s; three missed beats are a dead connection.
_SILENCE_SECONDS = 50.0
# Each byte in time is not the whole in time: an answer that drips would hold us for ever.
_WHOLE_SECONDS = 120.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class HttpRelay:
    """One agent's `Relay` behind a URL.

    Args:
        url: `https://...`, or `http://` on loopback.
        identity: gives the current identity; asked for each request, because keys rotate.
        clock: seconds since the epoch; the relay's own clock is what its tokens are signed by.

    Raises:
        UsageError: the URL is neither HTTPS nor loopback.
        NetworkSettingError: the environment names a proxy or certificates that cannot be used.
    """

    def __init__(
        self,
        url: str,
        identity: Callable[[], Identity],
        *,
        clock: Callable[[], float] = wall_time,
        seconds: float = _SECONDS,
        silence_seconds: float = _SILENCE_SECONDS,
        whole_seconds: float = _WHOLE_SECONDS,
    ) -> None:
        import httpx

        check_url(url)
        self._url = url.rstrip("/")
        self._identity = identity
        self._clock = clock
        self._silence = silence_seconds
        self._whole = whole_seconds
        self._about: About | None = None
        self.offset = 0.0
        self._client = http_client(
            httpx.AsyncClient,
            url,
            timeout=httpx.Timeout(seconds),
            follow_redirects=False,
            headers={"Accept-Encoding": "identity"},
            # A relay needs no cookies, and could pile them up here.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    async def about(self) -> About:
        begun = self._clock()
        answer = await self._exchange(self._client.build_request("GET", f"{self._url}{BASE}/about"))
        try:
            about = about_of(answer)
        except (KeyError, TypeError, ValueError, ProtocolError) as error:
            raise _no_relay(self._url, "its answer to `about` is not of that form") from error
        self.offset = about.time - (begun + self._clock()) / 2
        self._about = about
        return about

    async def put_card(self, card: AgentCard, invite: Secret | None = None) -> None:
        headers = {} if invite is None else {"PingAgent-Invite": invite.reveal()}
        body = canonical_json(card.to_json())
        await self._ask("PUT", f"/agents/{quote(card.did)}/card", body, headers=headers)

    async def card(self, did: str) -> AgentCard:
        return verify_card(await self._ask("GET", f"/agents/{quote(did)}/card"))

    async def resolve(self, alias: str) -> str:
        answer = await self._ask("GET", f"/aliases/{quote(alias)}")
        try:
            return did_of_alias(answer)
        except (TypeError, ValueError) as error:
            raise _no_relay(self._url, "it names no agent for an alias") from error

    async def put_access(self, hashes: Sequence[str]) -> None:
        body = canonical_json({"access_key_sha256": list(hashes)})
        await self._ask("PUT", f"/agents/{quote(self._identity().did)}/access", body)

    async def post(self, wire: bytes, access: Secret | None = None) -> Mapping[str, Any]:
        shown = _NO_HEADERS if access is None else {_ACCESS: access.reveal()}
        return await self._ask("POST", "/envelopes", wire, headers=shown)

    async def inbox(self, after: int, limit: int = PAGE_LIMIT) -> InboxPage:
        path = f"/inbox?after={after:d}&limit={limit:d}"
        answer = await self._ask("GET", path, most=MOST_PAGE)
        try:
            return page_of(answer, limit)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _no_relay(self._url, "its inbox is not of the form that it must have") from error

    async def ack(self, seqs: Sequence[int]) -> None:
        if seqs:
            await self._ask("POST", "/acks", json.dumps({"seqs": list(seqs)}).encode())

    async def stream(self, after: int, instance: str = "") -> AsyncGenerator[StreamItem, None]:
        import httpx

        await self._known()
        request = self._signed("GET", f"/stream?instance={instance}" if instance else "/stream", b"")
        request.headers["Accept"] = "text/event-stream"
        request.headers["Last-Event-ID"] = str(after)
        request.extensions["timeout"] = httpx.Timeout(self._silence, connect=10.0).as_dict()
        try:
            async with asyncio.timeout(self._whole):
                answer = await self._client.send(request, stream=True)
            try:
                if answer.status_code != 200:
                    async with asyncio.timeout(self._whole):
                        body = await bounded(answer.aiter_raw(), MOST_ANSWER)
                    raise refusal(answer.status_code, answer.headers, body)
                async for item in stream_items(answer.aiter_raw(), self._silence):
                    yield item
            finally:
                await answer.aclose()
        except (httpx.HTTPError, TimeoutError) as error:
            raise _unreachable(self._url, error) from error
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise _no_relay(self._url, "its stream is not of the form that it must have") from error

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _known(self) -> About:
        return self._about or await self.about()

    def _signed(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str] = _NO_HEADERS
    ) -> httpx.Request:
        if self._about is None:
            raise AssertionError("asked before the relay was known")
        request = self._client.build_request(method, f"{self._url}{BASE}{path}", content=body or None)
        target = request.url.raw_path.decode("ascii")
        digest = hashlib.sha256(body).hexdigest()
        claim = RelayRequest(self._about.relay_id, method, target, digest)
        token = make_token(self._identity(), claim, self._clock() + self.offset, run=self._about.run)
        request.headers["Authorization"] = f"{SCHEME} {token.reveal()}"
        if body:
            request.headers["Content-Type"] = "application/json"
        request.headers.update(headers)
        return request

    async def _ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        most: int = MOST_ANSWER,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> Mapping[str, Any]:
        await self._known()
        try:
            return await self._exchange(self._signed(method, path, body, headers), most)
        except RelayRefused as error:
            if error.status != 401:
                raise
        # A clock that was set, or a relay that was replaced: its own word about the time comes first.
        await self.about()
        return await self._exchange(self._signed(method, path, body, headers), most)

    async def _exchange(self, request: httpx.Request, most: int = MOST_ANSWER) -> Mapping[str, Any]:
        import httpx

        try:
            request.extensions.setdefault("timeout", self._client.timeout.as_dict())
            async with asyncio.timeout(self._whole):
                answer = await self._client.send(request, stream=True)
                try:
                    body = await bounded(answer.aiter_raw(), most)
                finally:
                    await answer.aclose()
        except (httpx.HTTPError, TimeoutError) as error:
            raise _unreachable(self._url, error) from error
        except TooLarge as error:
            raise _no_relay(self._url, "its answer is larger than any can be") from error
        if not 200 <= answer.status_code < 300:
            raise refusal(answer.status_code, answer.headers, body)
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


def _unreachable(url: str, error: Exception) -> RelayUnreachable:
    if cause := certificate_trouble(error):
        return RelayUnreachable(
            f"the TLS certificate of the relay {url} was not accepted: {cause}",
            next_step="check the address and the clock; a private authority goes into SSL_CERT_FILE",
            code="relay.tls",
        )
    # On this machine it is the runtime's own hub, or a program that was started by hand.
    own = is_loopback(urlsplit(url).hostname or "")
    helps = "openclaw-install runtime restart" if own else "check the network and PINGAGENT_SERVER_URL"
    return RelayUnreachable(
        f"the relay {url} does not answer: {type(error).__name__}{network_hint(url)}; what waits is kept",
        next_step=helps,
    )


def _no_relay(url: str, why: str) -> RelayUnreachable:
    return RelayUnreachable(
        f"what answers at {url} is no relay: {why}",
        next_step="check PINGAGENT_SERVER_URL",
        code="relay.not_a_relay",
    )

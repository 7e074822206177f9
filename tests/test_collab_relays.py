"""The relay client over HTTP against the real relay, and its twin in memory: one suite for both."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from openclaw_install.common.errors import UsageError
from openclaw_install.common.ports import free_port
from openclaw_install.messaging.relay.client import Relay, RelayRefused, RelayUnreachable
from openclaw_install.messaging.relay.http import HttpRelay, check_url
from openclaw_install.protocol.card import make_card
from openclaw_install.protocol.receipts import verify_receipt
from tests.collab_rig import Agent
from tests.relay_rig import relay_in_memory
from tests.support.memory_relay import MemoryRelayServer

Open = Callable[[Agent], Relay]


@pytest.fixture(params=["memory", "http"])
def relays(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Makes clients of one relay: of the twin, or of the real one over HTTP."""
    if request.param == "memory":
        server = MemoryRelayServer(time.time)
        yield lambda agent: server.client(agent.did)
        return
    with relay_in_memory() as running:
        yield lambda agent: HttpRelay(running.base_url, lambda: agent.identity)


@contextlib.asynccontextmanager
async def _closing(*relays: Relay) -> AsyncIterator[tuple[Relay, ...]]:
    try:
        yield relays
    finally:
        for relay in relays:
            await relay.aclose()


def _run(relays: Open, root: Path, scenario: Callable[[Relay, Relay, Agent, Agent], Awaitable[None]]) -> None:
    me, peer = Agent.make(root / "me", "me"), Agent.make(root / "peer", "peer")

    async def whole() -> None:
        async with _closing(relays(me), relays(peer)) as (mine, theirs):
            await mine.put_card(make_card(me.identity, 1, time.time()))
            await theirs.put_card(make_card(peer.identity, 1, time.time()))
            await scenario(mine, theirs, me, peer)

    asyncio.run(whole())


def test_an_envelope_is_committed_once_read_back_and_dropped_when_acknowledged(
    relays: Open, tmp_path: Path
) -> None:
    async def scenario(mine: Relay, theirs: Relay, me: Agent, peer: Agent) -> None:
        about = await mine.about()
        assert abs(about.time - time.time()) < 60
        envelopes = [peer.sealed(me, f"m{n}") for n in range(3)]
        answers = [await theirs.post(envelope.wire) for envelope in envelopes]
        receipts = [
            verify_receipt(answer, about.relay_id, envelope)
            for answer, envelope in zip(answers, envelopes, strict=True)
        ]
        assert [receipt.seq for receipt in receipts] == [1, 2, 3]
        assert await theirs.post(envelopes[1].wire) == answers[1]
        page = await mine.inbox(1, 1)
        assert (page.log_id, page.head, page.next) == (about.log_id, 3, 2)
        assert page.previous == envelopes[0].header.message_id
        assert [entry.seq for entry in page.entries] == [2]
        assert dict(page.entries[0].receipt or {}) == dict(answers[1])
        assert dict(page.entries[0].envelope or {}) == envelopes[1].to_json()
        await mine.ack([2])
        await mine.ack([2])
        again = await mine.inbox(1, 10)
        assert [(entry.seq, entry.envelope is None) for entry in again.entries] == [(2, True), (3, False)]
        assert again.entries[0].gone

    _run(relays, tmp_path, scenario)


def test_cards_and_aliases_are_found_and_a_lower_version_is_refused(relays: Open, tmp_path: Path) -> None:
    async def scenario(mine: Relay, _theirs: Relay, me: Agent, peer: Agent) -> None:
        assert (await mine.card(peer.did)).alias == "peer"
        assert await mine.resolve("peer") == peer.did
        with pytest.raises(RelayRefused) as unknown:
            await mine.resolve("nobody")
        assert unknown.value.reason == "unknown_alias"
        await mine.put_card(make_card(me.identity, 5, time.time()))
        with pytest.raises(RelayRefused) as older:
            await mine.put_card(make_card(me.identity, 4, time.time()))
        assert (older.value.status, older.value.passing) == (409, False)
        stranger = Agent.make(tmp_path / "stranger")
        with pytest.raises(RelayRefused) as missing:
            await mine.card(stranger.did)
        assert missing.value.status == 404

    _run(relays, tmp_path, scenario)


def test_refusals_of_an_envelope_have_names_and_are_final(relays: Open, tmp_path: Path) -> None:
    async def scenario(mine: Relay, theirs: Relay, me: Agent, peer: Agent) -> None:
        stranger = Agent.make(tmp_path / "stranger")
        first = peer.sealed(me)
        await theirs.post(first.wire)
        other = peer.sealed(me, "other", message_id=first.header.message_id)
        cases = [
            (theirs, other.wire, "message_id_reused"),
            (theirs, peer.sealed(stranger).wire, "unknown_recipient"),
            (theirs, peer.sealed(me, now=time.time() - 7200, lifetime=60).wire, "expired"),
            (mine, peer.sealed(me).wire, "wrong_sender"),
        ]
        for relay, wire, reason in cases:
            with pytest.raises(RelayRefused) as refused:
                await relay.post(wire)
            assert refused.value.reason == reason
            assert not refused.value.passing

    _run(relays, tmp_path, scenario)


def test_the_stream_brings_the_backlog_then_what_comes(relays: Open, tmp_path: Path) -> None:
    async def scenario(mine: Relay, theirs: Relay, me: Agent, peer: Agent) -> None:
        for number in range(3):
            await theirs.post(peer.sealed(me, f"m{number}").wire)
        found: list[int] = []
        async with asyncio.timeout(30), contextlib.aclosing(mine.stream(1)) as items:
            async for item in items:
                if item.kind == "hello":
                    assert item.head == 3
                    assert item.log_id == (await mine.about()).log_id
                if item.entry is not None:
                    found.append(item.entry.seq)
                if found == [2, 3]:
                    await theirs.post(peer.sealed(me, "live").wire)
                if found == [2, 3, 4]:
                    break
        assert found == [2, 3, 4]

    _run(relays, tmp_path, scenario)


def test_an_agent_that_is_not_registered_is_refused(relays: Open, tmp_path: Path) -> None:
    stranger = Agent.make(tmp_path / "stranger")

    async def whole() -> None:
        async with _closing(relays(stranger)) as (relay,):
            with pytest.raises(RelayRefused) as refused:
                await relay.inbox(0)
            assert refused.value.status == 401

    asyncio.run(whole())


def test_a_clock_that_is_a_day_off_signs_by_the_relays_time(tmp_path: Path) -> None:
    me = Agent.make(tmp_path / "me")

    async def whole(url: str) -> None:
        relay = HttpRelay(url, lambda: me.identity, clock=lambda: time.time() + 86_400)
        async with _closing(relay):
            await relay.put_card(make_card(me.identity, 1, time.time()))
            assert (await relay.inbox(0)).head == 0
            assert abs(relay.offset + 86_400) < 60
            relay.offset = 0.0  # as if the clock had been set just now: the first token is refused
            assert (await relay.inbox(0)).head == 0

    with relay_in_memory() as running:
        asyncio.run(whole(running.base_url))


@contextlib.contextmanager
def _odd_server(body: bytes, kind: str = "application/json", status: int = 200) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", "7")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b"{}", b"[" * 100_000, b'{"relay_id":1,"log_id":2,"time":"x"}'],
    ids=["html", "list", "empty", "deep", "time"],
)
def test_what_is_no_relay_is_told_apart(tmp_path: Path, body: bytes) -> None:
    me = Agent.make(tmp_path / "me")

    async def whole(url: str) -> None:
        async with _closing(HttpRelay(url, lambda: me.identity)) as (relay,):
            with pytest.raises(RelayUnreachable) as refused:
                await relay.about()
            assert refused.value.error_code == "relay.not_a_relay"

    with _odd_server(body) as url:
        asyncio.run(whole(url))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            b'{"error":{"code":"rate_limited","message":"slow\\u001b[31m down","next_step":"wait"}}',
            "rate_limited",
        ),
        (b'{"error":{"code":"NO such code"}}', "http"),
        (b"<html>", "http"),
        (b"[1]", "http"),
    ],
)
def test_a_refusal_is_read_with_care(tmp_path: Path, body: bytes, reason: str) -> None:
    me = Agent.make(tmp_path / "me")

    async def whole(url: str) -> None:
        async with _closing(HttpRelay(url, lambda: me.identity)) as (relay,):
            with pytest.raises(RelayRefused) as refused:
                await relay.about()
            assert (refused.value.reason, refused.value.retry_after) == (reason, 7.0)
            assert refused.value.passing
            assert "\x1b" not in refused.value.message

    with _odd_server(body, status=429) as url:
        asyncio.run(whole(url))


def test_a_port_where_nothing_listens_is_unreachable(tmp_path: Path) -> None:
    me = Agent.make(tmp_path / "me")

    async def whole() -> None:
        async with _closing(HttpRelay(f"http://127.0.0.1:{free_port()}", lambda: me.identity)) as (relay,):
            with pytest.raises(RelayUnreachable):
                await relay.about()

    asyncio.run(whole())


@pytest.mark.parametrize(
    "url", ["http://relay.example", "ftp://127.0.0.1", "https://", "https://a:b@relay.example", "relay"]
)
def test_only_https_or_loopback_is_spoken_to(url: str) -> None:
    with pytest.raises(UsageError):
        check_url(url)

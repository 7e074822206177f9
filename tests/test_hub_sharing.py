"""The hub is shared by cost: connections, requests, bodies, streams and registrations, counted by address."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from urllib.parse import urlsplit

import httpx
import pytest

from openclaw_install.common.errors import UsageError
from openclaw_install.hub.connection_book import ConnectionBook
from openclaw_install.hub.http_errors import HttpRefusedError
from openclaw_install.hub.listener import GatedListener, connections_within
from openclaw_install.hub.log import Quiet
from openclaw_install.hub.network import LOOPBACK, UNKNOWN, Proxies, party_of
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.hub.relay.slots import Slots
from openclaw_install.protocol.canonical import canonical_json
from tests.hub_rig import Log
from tests.relay_rig import RELAY, Peer, RunningRelay, relay_in_memory


@contextmanager
def raw(relay: RunningRelay) -> Iterator[socket.socket]:
    """A bare connection to the hub."""
    parts = urlsplit(relay.base_url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as client:
        yield client


def answer_to(relay: RunningRelay, *lines: str, end: str = "\r\n") -> bytes:
    """What the hub answers to a head of these lines, until it closes."""
    with raw(relay) as client:
        client.sendall((end.join(lines) + end + end).encode())
        client.shutdown(socket.SHUT_WR)
        return client.makefile("rb").read()


def test_an_address_counts_as_what_one_client_gets_for_nothing() -> None:
    assert party_of("192.0.2.7") == party_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert party_of("2001:db8::1") == party_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert party_of("2001:db8:0:1::1") != party_of("2001:db8::1")
    assert {party_of(text) for text in ("127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.9")} == {LOOPBACK}
    assert party_of("fe80::1%eth0") == "fe80::/64"
    assert party_of("nobody") == UNKNOWN


def test_a_forwarded_address_counts_only_from_a_named_proxy() -> None:
    proxies = Proxies(["192.0.2.1", "10.0.0.0/8"])
    assert proxies.party("192.0.2.1", ["198.51.100.7"]) == "198.51.100.7"
    assert proxies.party("192.0.2.1", ["203.0.113.9, 198.51.100.7", "10.1.1.1"]) == "198.51.100.7", (
        "what stands before the first stranger's address was written by the stranger"
    )
    assert proxies.party("192.0.2.2", ["198.51.100.7"]) == "192.0.2.2", "it was not named"
    assert proxies.party("192.0.2.1", []) == "192.0.2.1"
    assert proxies.party("192.0.2.1", ["junk"]) == "192.0.2.1"
    assert proxies.party("192.0.2.1", ["198.51.100.7, junk"]) == "192.0.2.1"
    assert Proxies().party("127.0.0.1", ["198.51.100.7"]) == LOOPBACK
    with pytest.raises(UsageError):
        Proxies(["proxy.example.org"])


def test_silent_connections_of_one_address_take_nobody_s_place() -> None:
    ended: list[int] = []
    book = ConnectionBook(10, 5)
    for number in range(50):
        assert book.enter(("a", number), "a", partial(ended.append, number))
    assert ended == list(range(45)), "each new one ends the oldest silent one of its address"
    for number in range(5):
        assert book.enter(("b", number), "b", lambda: pytest.fail("an address with its share loses none"))
    assert len(book) == 10
    assert book.enter(("c", 1), "c", lambda: None), "whoever has most silent ones makes room"
    assert ended[45:] == [45]


def test_connections_that_are_served_are_kept_and_the_rest_is_refused() -> None:
    ended: list[str] = []
    book = ConnectionBook(4, 3)
    for name in ("one", "two", "three"):
        assert book.enter((name, 1), "a", partial(ended.append, name))
        book.busy((name, 1))
    assert not book.enter(("four", 1), "a", lambda: None), "all of its share are busy"
    book.idle(("two", 1))
    assert book.enter(("four", 1), "a", lambda: ended.append("four"))
    assert ended == ["two"]
    assert book.enter(("five", 1), "a", lambda: None)
    assert ended == ["two", "four"], "silent goes before idle"
    for _ in range(2):
        book.leave(("five", 1))
    book.idle(("five", 1))
    assert len(book) == 2
    assert book.enter(("proxy", 1), "p", lambda: None, shared=True)
    assert book.enter(("proxy", 2), "p", lambda: None, shared=True)
    assert book.end_one()
    assert len(book) == 3


def test_a_proxy_that_was_named_may_have_more_than_one_address_may() -> None:
    book = ConnectionBook(8, 2)
    for number in range(8):
        assert book.enter(("p", number), "p", lambda: None, shared=True)
        book.busy(("p", number))
    assert not book.enter(("p", 8), "p", lambda: None, shared=True)


def test_the_number_of_connections_follows_the_limit_of_open_files() -> None:
    assert connections_within(2048, None) == 2048
    assert connections_within(2048, 8192) == 2048
    assert connections_within(2048, 1024) == 1024 - 160
    assert connections_within(2048, 96) == 48


def test_a_hub_without_a_free_descriptor_turns_away_without_a_busy_loop(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    book, ended = ConnectionBook(10, 5), []
    assert book.enter(("idle", 1), "a", lambda: ended.append(1))
    with GatedListener(socket.AF_INET, book, Proxies(), 20.0, Quiet(lambda: 0.0)) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(10)
        for _ in range(3):
            client = socket.create_connection(listener.getsockname(), timeout=30)
            calls = iter([OSError(errno.EMFILE, "no more"), None])
            real = socket.socket.accept

            def accept(self: socket.socket, real: object = real, calls: Iterator[object] = calls) -> object:
                if isinstance(error := next(calls), OSError):
                    raise error
                return real(self)  # type: ignore[operator] # it is socket.accept

            with monkeypatch.context() as patched:
                patched.setattr(socket.socket, "accept", accept)
                with pytest.raises(BlockingIOError):
                    listener.accept()
            assert client.recv(1) == b"", "it was taken from the queue and closed"
            client.close()
        os.fstat(listener._spare)
    assert ended == [1]
    assert len([record for record in caplog.records if "descriptor" in record.message]) == 1


def test_a_warning_that_others_provoke_is_told_once_a_minute_with_its_count() -> None:
    now = [0.0]
    quiet = Quiet(lambda: now[0])
    assert [quiet.count("a") for _ in range(3)] == [1, None, None]
    assert quiet.count("b") == 1
    now[0] = 60.0
    assert quiet.count("a") == 3


def test_junk_for_a_card_s_place_costs_honest_renewals_and_newcomers_nothing() -> None:
    limits = RelayLimits(
        junk_per_second=0.001, junk_burst=5, unproven_per_second=0.001, unproven_burst=2,
        registrations_per_second=0.001, registration_burst=3,
    )  # fmt: skip
    with relay_in_memory(limits) as relay, relay.peer() as ann:
        junk = [httpx.put(f"{relay.base_url}{RELAY}/agents/x/card", content=b"{}") for _ in range(20)]
        assert {answer.status_code for answer in junk} == {401}
        assert ["Connection" in answer.headers for answer in junk] == [False] * 5 + [True] * 15
        assert ann.put_card().status_code == 200
        with relay.peer(register=False) as new:
            assert new.put_card().status_code == 200, "it has a proof, so it is no junk"
        with relay.peer(register=False) as liar:
            for _ in range(3):
                liar.ask("PUT", f"/agents/{liar.did}/card", canonical_json(ann.card.to_json()))
            answer = liar.put_card()
            assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limited")
        assert ann.put_card().status_code == 200, "a registered key vouches for it"


def test_what_a_new_agent_proved_is_not_counted_as_junk() -> None:
    limits = RelayLimits(unproven_per_second=0.001, unproven_burst=1)
    with relay_in_memory(limits) as relay, ExitStack() as peers:
        for _ in range(5):
            peers.enter_context(relay.peer())


def test_slow_bodies_make_room_for_others_of_their_address_and_of_all() -> None:
    now = [0.0]
    limits = RelayLimits(requests_per_address=3, requests_in_all=4, body_grace_seconds=1.0)
    slots = Slots(limits, monotonic=lambda: now[0])

    async def play() -> list[str]:
        ended: list[str] = []
        entered = asyncio.Event()

        async def slow(name: str, party: str) -> None:
            try:
                async with asyncio.timeout(60) as until:
                    with slots.acquire(name, party, 10) as slot, slots.reading(slot, until):
                        entered.set()
                        await asyncio.Event().wait()
            except TimeoutError:
                ended.append(name)

        tasks = []
        for name, party in (("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b")):
            tasks.append(asyncio.create_task(slow(name, party)))
            await entered.wait()
            entered.clear()
        with pytest.raises(HttpRefusedError) as caught, slots.acquire("a4", "a"):
            pass
        assert (caught.value.code, ended) == ("too_many_at_once", []), "within its grace nobody has to go"
        now[0] = 2.0
        with slots.acquire("a4", "a"):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert ended == ["a1"], "the oldest of the same address"
            with slots.acquire("c1", "c"):
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                assert ended == ["a1", "a2"], "the oldest of the address with most of them"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return ended

    assert asyncio.run(play()) == ["a1", "a2"]
    assert not slots._agents
    assert not slots._parties
    assert not slots._bytes


def test_bytes_in_progress_are_bounded_by_address_and_in_all() -> None:
    slots = Slots(RelayLimits(body_bytes_per_address=100, body_bytes_in_all=150))
    with slots.acquire("ann", "a", 80):
        with pytest.raises(HttpRefusedError) as caught, slots.acquire("bob", "a", 30):
            pass
        assert caught.value.code == "too_many_at_once"
        with pytest.raises(HttpRefusedError) as caught, slots.acquire("bob", "b", 80):
            pass
        assert caught.value.code == "busy"
        with slots.acquire("bob", "b", 60):
            pass


def test_four_senders_with_slow_bodies_do_not_keep_a_fifth_from_posting() -> None:
    limits = RelayLimits(requests_per_address=8, requests_per_agent=4, body_grace_seconds=0.0)
    with relay_in_memory(limits) as relay, relay.peer() as ann, relay.peer() as bob, ExitStack() as held:
        for _ in range(2):
            sybil = held.enter_context(relay.peer())
            for _ in range(4):
                client = held.enter_context(raw(relay))
                client.sendall(_slow_post(relay, sybil))
        assert ann.commit(ann.sealed(bob)).seq == 1


def _slow_post(relay: RunningRelay, sender: Peer) -> bytes:
    body = os.urandom(100)
    headers = sender.headers("POST", "/envelopes", body)
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = [f"POST {RELAY}/envelopes HTTP/1.1", f"Host: {urlsplit(relay.base_url).netloc}", *lines]
    return ("\r\n".join([*head, "Content-Length: 100"]) + "\r\n\r\n").encode() + body[:1]


def test_the_streams_of_one_address_leave_room_for_others() -> None:
    limits = RelayLimits(streams_per_address=1, streams_in_all=2)
    with relay_in_memory(limits) as relay, relay.peer() as ann, relay.peer() as bob, ann.stream():
        answer = bob.ask("GET", "/stream")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")


def test_headers_that_can_be_read_in_two_ways_are_refused() -> None:
    with relay_in_memory() as relay:
        host = f"Host: {urlsplit(relay.base_url).netloc}"
        get = "GET /healthz HTTP/1.1"
        assert b" 200 " in answer_to(relay, get, host)
        both = answer_to(
            relay, "POST /api/v2/mcp HTTP/1.1", host, "Content-Length: 5", "Transfer-Encoding: chunked"
        )
        assert both.startswith(b"HTTP/1.1 400")
        assert b"ambiguous_length" in both
        assert answer_to(relay, get, host, f"X: {'a' * 70_000}").split()[1] in (b"400", b"431")
        assert answer_to(relay, get, host, *[f"X{n}: {'a' * 1000}" for n in range(50)]).split()[1] in (
            b"400",
            b"431",
        )
        for bare in (answer_to(relay, get, host, end="\n"), answer_to(relay, f"{get}\r\nX: a\nY: b", host)):
            assert bare.startswith(b"HTTP/1.1 400")


def test_a_line_end_that_comes_in_pieces_is_no_bare_line_feed() -> None:
    with relay_in_memory() as relay, raw(relay) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"GET /healthz HTTP/1.1\r\nHost: {urlsplit(relay.base_url).netloc}\r\nX: y\r\n\r\n"
        for letter in head:
            client.sendall(letter.encode())
            os.sched_yield()
        assert client.recv(65_536).startswith(b"HTTP/1.1 200")


def test_a_forwarded_address_lifts_no_limit_of_one_that_is_no_named_proxy() -> None:
    log = Log()
    limits = RelayLimits(registrations_per_second=0.001, registration_burst=1)
    with relay_in_memory(limits, write_log=log) as relay, relay.peer(), relay.peer(register=False) as bob:
        body = canonical_json(bob.card.to_json())
        answer = bob.ask("PUT", f"/agents/{bob.did}/card", body, **{"X-Forwarded-For": "198.51.100.7"})
        assert answer.status_code == 429


def test_the_digest_of_a_body_is_what_its_token_says() -> None:
    with relay_in_memory() as relay, relay.peer() as ann:
        claim = hashlib.sha256(b"other").hexdigest()
        headers = ann.headers("PUT", f"/agents/{ann.did}/card", b"{}", body_sha256=claim)
        url = f"{relay.base_url}{RELAY}/agents/{ann.did}/card"
        assert httpx.put(url, content=b"{}", headers=headers).json()["error"]["code"] == "token_wrong_body"

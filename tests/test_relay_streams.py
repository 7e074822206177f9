"""The relay's live streams: nothing lost, nothing twice, and no client that can hold the relay up."""

from __future__ import annotations

import contextlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.protocol.card import make_card
from openclaw_install.protocol.identity import rotate_signing
from tests.hub_rig import Log
from tests.relay_rig import RELAY, Peer, relay_in_memory, running_relay
from tests.schemas import assert_valid
from tests.support.clocks import GoingClock
from tests.support.memory_relay_store import MemoryRelayStore
from tests.support.waiting import until

QUICK = RelayLimits(heartbeat_seconds=0.05, sweep_seconds=0.05)
LONG = "\U0001f642" * 40_000


def test_a_stream_brings_the_backlog_then_what_comes_and_says_that_it_is_alive() -> None:
    with relay_in_memory(QUICK) as relay, relay.peer() as ann, relay.peer() as bob:
        first = ann.commit(ann.sealed(bob))
        bob.ack(up_to=1)
        second = ann.commit(ann.sealed(bob))
        with bob.stream() as events:
            assert events.hello["event"] == "hello"
            assert events.hello["data"] == {"log_id": first.log_id, "head": 2, "floor": 0}
            gone, backlog = events.next(), events.next()
            assert gone == {"event": "envelope", "id": "1", "data": {"seq": 1, "gone": "acked"}}
            assert backlog["id"] == "2"
            assert backlog["data"]["receipt"] == second.to_json()
            events.beat()
            live = ann.commit(ann.sealed(bob))
            event = events.next()
            assert event["data"] == bob.inbox(2)["entries"][0]
            assert event["data"]["receipt"] == live.to_json()
            for one in (events.hello, gone, backlog, event):
                assert_valid(one["data"], "relay-event")


def test_a_stream_that_breaks_again_and_again_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    count = 60
    with running_relay(tmp_path) as relay, relay.peer() as ann, relay.peer() as bob, relay.peer() as cat:

        def send(peer: Peer) -> None:
            for _ in range(count // 2):
                peer.commit(peer.sealed(bob))

        seen: list[int] = []
        with ThreadPoolExecutor(2) as pool:
            sending = [pool.submit(send, peer) for peer in (ann, cat)]
            while len(seen) < count:
                with bob.stream(after=seen[-1] if seen else 0) as events:
                    seen += [int(events.next()["id"]) for _ in range(min(7, count - len(seen)))]
            for done in sending:
                done.result()
        assert seen == list(range(1, count + 1))


def test_expired_messages_are_told_until_they_are_dropped_a_day_later_and_then_as_tombstones() -> None:
    clock, limits = GoingClock(), replace(QUICK, sweep_seconds=0.02)
    store = MemoryRelayStore(limits)
    with (
        relay_in_memory(limits, store=store, clock=clock) as relay,
        relay.peer() as ann,
        relay.peer() as bob,
    ):
        ann.commit(ann.sealed(bob, lifetime=60))
        ann.commit(ann.sealed(bob, lifetime=7 * 86_400))
        clock.go(3600)
        bob.ahead = 3600
        with bob.stream() as events:
            assert "envelope" in events.next()["data"]
        until(lambda: len(store._boxes[bob.did].marked_at) == 1)
        clock.go(86_400)
        bob.ahead += 86_400
        until(lambda: store.entries(bob.did, after=0, most=1, most_bytes=1)[0].body is None)
        with bob.stream() as events:
            assert events.next()["data"] == {"seq": 1, "gone": "expired"}
            assert events.next()["data"]["seq"] == 2
        assert [entry.get("gone") for entry in bob.inbox()["entries"]] == ["expired", None]


def test_every_stream_of_an_agent_has_everything_and_the_oldest_gives_way() -> None:
    with (
        relay_in_memory(RelayLimits(streams_per_agent=2)) as relay,
        relay.peer() as ann,
        relay.peer() as bob,
        bob.stream() as oldest,
        bob.stream() as older,
        bob.stream() as newest,
        ann.stream() as other,
    ):
        assert oldest.ended()
        ann.commit(ann.sealed(bob))
        assert older.next()["id"] == newest.next()["id"] == "1"
        bob.commit(bob.sealed(ann))
        assert other.next()["id"] == "1"


def test_streams_beyond_what_the_relay_holds_are_turned_away() -> None:
    with relay_in_memory(RelayLimits(streams_in_all=1)) as relay, relay.peer() as ann, relay.peer() as bob:
        with bob.stream():
            refused = ann.ask("GET", "/stream")
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] == "busy"
            assert int(refused.headers["Retry-After"]) > 0
        with contextlib.ExitStack() as stack:
            # The relay notices the end of the other one by and by.
            for _ in range(1000):
                with contextlib.suppress(AssertionError):
                    stack.enter_context(ann.stream())
                    break
            else:
                pytest.fail("the place was never free again")


def test_a_client_that_has_seen_more_than_there_is_is_told_so_and_let_go() -> None:
    with (
        relay_in_memory() as relay,
        relay.peer() as ann,
        relay.peer() as bob,
    ):
        ann.commit(ann.sealed(bob))
        with bob.stream(after=5) as events:
            assert events.hello["data"]["head"] == 1
            assert events.ended()
        page = bob.inbox(after=5)
        assert (page["head"], page["entries"], page["next"], page["previous"]) == (1, [], 5, None)
        assert bob.ask("GET", "/stream", b"", **{"Last-Event-ID": "x"}).status_code == 422


def test_a_new_signing_key_ends_the_streams_that_the_old_one_opened() -> None:
    with relay_in_memory() as relay, relay.peer() as bob, bob.stream() as events:
        bob.identity = rotate_signing(bob.identity, time.time())
        assert bob.put_card(make_card(bob.identity, 2, time.time())).status_code == 200
        assert events.ended()


def test_a_relay_that_stops_ends_its_streams() -> None:
    with contextlib.ExitStack() as stack:
        relay = stack.enter_context(relay_in_memory())
        with relay.peer() as bob, bob.stream() as events:
            stack.close()
            assert events.ended()


def test_a_client_that_takes_nothing_is_dropped_and_holds_up_nobody() -> None:
    log = Log()
    limits = RelayLimits(stall_seconds=2.0, chunk_bytes=1)
    with (
        relay_in_memory(limits, write_log=log) as relay,
        relay.peer() as ann,
        relay.peer() as bob,
        contextlib.closing(_stream_unread(relay.base_url, bob)) as lazy,
        bob.stream() as eager,
    ):
        # What the kernel would hold for it is bounded; this is more.
        count = 40
        for number in range(1, count + 1):
            ann.commit(ann.sealed(bob, LONG))
            assert eager.next()["id"] == str(number)
        cut = log.wait(path=f"{RELAY}/stream")
        assert cut["agent"] == bob.did
        with contextlib.suppress(ConnectionResetError):
            while lazy.recv(1 << 20):
                pass
        ann.commit(ann.sealed(bob))
        assert eager.next()["id"] == str(count + 1)


def _stream_unread(base_url: str, peer: Peer) -> socket.socket:
    """An open stream whose answer nobody reads."""
    parts = urlsplit(base_url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(30)
    client.connect((parts.hostname, parts.port))
    lines = [f"{name}: {value}" for name, value in peer.headers("GET", "/stream").items()]
    head = "\r\n".join([f"GET {RELAY}/stream HTTP/1.1", f"Host: {parts.netloc}", *lines])
    client.sendall(f"{head}\r\n\r\n".encode())
    assert b" 200 " in client.recv(100)
    return client


def test_a_stream_is_answered_while_others_wait_for_bodies() -> None:
    with relay_in_memory(RelayLimits(requests_in_all=1)) as relay, relay.peer() as ann, relay.peer() as bob:
        parts = urlsplit(relay.base_url)
        lines = [f"{name}: {value}" for name, value in ann.headers("POST", "/acks", b"12345").items()]
        lines += ["Content-Length: 5", "Expect: 100-continue"]
        head = "\r\n".join([f"POST {RELAY}/acks HTTP/1.1", f"Host: {parts.netloc}", *lines])
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as client:
            client.sendall(f"{head}\r\n\r\n".encode())
            # It has the only place now: a request of bob's before that could have taken it.
            assert b" 100 " in client.recv(65_536)
            busy = bob.ask("POST", "/acks", b'{"up_to":1}')
            assert busy.status_code == 503
            assert busy.json()["error"]["code"] == "busy"
            with bob.stream() as events:
                assert events.hello["data"]["head"] == 0
            client.sendall(b"12345")
            assert b" 422 " in client.recv(65_536)

"""What a relay survives: kills, restarts, lost and restored data, floods, full disks, and two at once."""

from __future__ import annotations

import contextlib
import shutil
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from openclaw_install.common.errors import ConflictError, FileError
from openclaw_install.hub.http_errors import HttpRefusedError
from openclaw_install.hub.rate_limiter import RateLimiter
from openclaw_install.hub.relay.auth import Authenticator, ReplayGuard
from openclaw_install.hub.relay.limits import RelayLimits, Room
from openclaw_install.hub.relay.model import Deposit, Entry, Outcome, Step, Sweep
from openclaw_install.hub.relay.sqlite_store import SqliteRelayStore
from openclaw_install.hub.server import opened_stores
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.card import make_card
from openclaw_install.protocol.header import Envelope
from openclaw_install.protocol.identity import new_identity, rotate_signing
from openclaw_install.protocol.keys import SigningKey
from openclaw_install.protocol.receipts import CommitReceipt, relay_id_of
from tests.relay_rig import Peer, relay_in_memory, running_relay
from tests.support.clocks import GoingClock, HandClock
from tests.support.memory_relay_store import MemoryRelayStore
from tests.support.waiting import until
from tests.test_hub_cli import Process, process_on

DAY = 86_400.0


def test_every_receipt_that_a_client_saw_is_in_the_inbox_after_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "hub"
    now = time.time()
    senders = [new_identity(now) for _ in range(3)]
    reader = new_identity(now)
    receipts: list[CommitReceipt] = []
    unanswered: list[tuple[int, Envelope]] = []
    versions = dict.fromkeys(range(len(senders)), 0)

    def send(base_url: str, number: int, goal: int, enough: threading.Event) -> None:
        with contextlib.closing(Peer(base_url, senders[number], versions[number])) as peer:
            to = Peer(base_url, reader)
            to.close()
            while True:
                envelope = peer.sealed(to)
                try:
                    receipts.append(peer.commit(envelope))
                except httpx.TransportError:
                    unanswered.append((number, envelope))
                    return
                if len(receipts) >= goal:
                    enough.set()

    for round_ in range(2):
        with process_on(data, "--no-access-log") as hub:
            base_url = _base_url(hub)
            if not round_:
                for identity in (*senders, reader):
                    with contextlib.closing(Peer(base_url, identity)) as peer:
                        assert peer.put_card().status_code == 200
            enough = threading.Event()
            with ThreadPoolExecutor(len(senders)) as pool:
                goal = len(receipts) + 25
                sending = [
                    pool.submit(send, base_url, number, goal, enough) for number in range(len(senders))
                ]
                assert enough.wait(30)
                hub.process.kill()
                for done in sending:
                    done.result(30)
    with process_on(data, "--no-access-log") as hub:
        base_url = _base_url(hub)
        with contextlib.closing(Peer(base_url, reader)) as bob:
            before = bob.whole_inbox()
            for number, envelope in unanswered:
                with contextlib.closing(Peer(base_url, senders[number])) as peer:
                    receipts.append(peer.commit(envelope))
            entries = bob.whole_inbox()
        assert hub.stop(signal.SIGTERM)[0] == 0
    assert len(unanswered) == 6
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    assert entries[: len(before)] == before
    found = {entry["seq"]: entry["receipt"] for entry in entries}
    assert all(found[receipt.seq] == receipt.to_json() for receipt in receipts)
    ids = [entry["envelope"]["message_id"] for entry in entries]
    assert len(ids) == len(set(ids)) == len(receipts)


def _base_url(hub: Process) -> str:
    return hub.url.removesuffix("/api/v2/mcp")


def test_data_that_was_lost_shows_in_another_log_id_under_the_same_relay_id(tmp_path: Path) -> None:
    with running_relay(tmp_path) as relay, relay.peer() as ann, relay.peer() as bob:
        ann.commit(ann.sealed(bob))
        before = relay.about()
    for path in tmp_path.glob("relay.db*"):
        path.unlink()
    with running_relay(tmp_path) as relay:
        after = relay.about()
        assert after["relay_id"] == before["relay_id"]
        assert after["log_id"] != before["log_id"]
        bob = Peer(relay.base_url, bob.identity)
        assert bob.ask("GET", "/inbox").json()["error"]["code"] == "unauthorized"
        assert bob.put_card().status_code == 200
        assert bob.inbox(after=1)["head"] == 0
        bob.close()


def test_an_older_backup_shows_in_the_head_and_in_what_stands_at_the_cursor(tmp_path: Path) -> None:
    data, backup = tmp_path / "hub", tmp_path / "backup"
    with running_relay(data) as relay, relay.peer() as ann, relay.peer() as bob:
        ann.commit(ann.sealed(bob))
        log_id = relay.about()["log_id"]
    shutil.copytree(data, backup)
    with running_relay(data) as relay:
        ann, bob = Peer(relay.base_url, ann.identity), Peer(relay.base_url, bob.identity)
        last = [ann.commit(ann.sealed(bob)) for _ in range(2)][-1]
        assert bob.inbox(after=3)["previous"] == last.message_id
        ann.close()
        bob.close()
    with running_relay(backup) as relay:
        ann, bob = Peer(relay.base_url, ann.identity), Peer(relay.base_url, bob.identity)
        page = bob.inbox(after=3)
        assert (page["log_id"], page["head"], page["previous"]) == (log_id, 1, None)
        for _ in range(3):
            ann.commit(ann.sealed(bob))
        page = bob.inbox(after=3)
        assert page["head"] == 4
        assert page["previous"] not in (None, last.message_id)
        ann.close()
        bob.close()


def test_two_relays_on_one_folder_are_refused(tmp_path: Path) -> None:
    with running_relay(tmp_path) as relay:
        with pytest.raises(ConflictError), opened_stores(tmp_path):
            pass
        assert relay.about()["api"] == 1


def test_a_relay_whose_key_is_gone_does_not_start(tmp_path: Path) -> None:
    with running_relay(tmp_path):
        pass
    (tmp_path / "relay.key").unlink()
    with pytest.raises(FileError, match=r"relay\.key"), opened_stores(tmp_path):
        pass


def test_a_token_from_before_the_start_is_not_taken_again() -> None:
    with relay_in_memory() as relay, relay.peer() as ann:
        ann.ahead = -45
        assert ann.ask("GET", "/inbox").json()["error"]["code"] == "token_before_start"


def test_a_flood_by_one_sender_is_slowed_and_others_are_served() -> None:
    limits = RelayLimits(envelopes_per_second=0.001, envelope_burst=5)
    with relay_in_memory(limits) as relay, relay.peer() as ann, relay.peer() as bob, relay.peer() as cat:
        for _ in range(5):
            ann.commit(ann.sealed(bob))
        for _ in range(10):
            answer = ann.post(ann.sealed(bob))
            assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limited")
            assert int(answer.headers["Retry-After"]) > 1
        assert cat.commit(cat.sealed(bob)).seq == 6
        assert ann.inbox()["head"] == 0
        assert bob.inbox()["head"] == 6


def test_an_agent_that_asks_too_often_is_slowed_and_registrations_are_counted_by_address() -> None:
    limits = RelayLimits(
        requests_per_second=0.001, request_burst=3, registrations_per_second=0.001, registration_burst=3
    )
    with relay_in_memory(limits) as relay, relay.peer() as ann, relay.peer() as bob:
        assert [ann.ask("GET", "/inbox").status_code for _ in range(3)] == [200, 200, 429]
        assert bob.inbox()["head"] == 0
        with relay.peer(register=False) as cat, relay.peer(register=False) as dan:
            assert cat.put_card().status_code == 200
            assert dan.put_card().status_code == 429


def test_a_card_with_a_long_log_of_keys_counts_for_many() -> None:
    limits = RelayLimits(
        registrations_per_second=0.001, registration_burst=5, requests_per_second=0.001, request_burst=6
    )
    with (
        relay_in_memory(limits) as relay,
        relay.peer(register=False) as ann,
        relay.peer(register=False) as bob,
        relay.peer(register=False) as cat,
    ):
        for number in range(34):
            ann.identity = rotate_signing(ann.identity, time.time() - 3600 + number)
        long_card = len(canonical_json(make_card(ann.identity, 1, time.time()).to_json()))
        assert 3 * 4096 < long_card < 4 * 4096, "it counts for four"
        assert ann.put_card().status_code == 200
        assert bob.put_card().status_code == 200, "one registration of the address was left"
        assert cat.put_card().status_code == 429
        assert [ann.put_card().status_code for _ in range(2)] == [200, 429], "a renewal is its agent's own"
        assert bob.put_card().status_code == 200


def test_an_inbox_that_one_sender_has_filled_takes_more_from_others() -> None:
    limits = RelayLimits(share=Room(2), inbox=Room(3))
    with relay_in_memory(limits) as relay, relay.peer() as ann, relay.peer() as bob, relay.peer() as cat:
        sent = [ann.sealed(bob) for _ in range(3)]
        assert [ann.post(envelope).status_code for envelope in sent] == [200, 200, 429]
        assert cat.commit(cat.sealed(bob)).seq == 3
        full = ann.post(sent[2])
        assert full.json()["error"]["code"] == "quota_exceeded"
        assert int(full.headers["Retry-After"]) > 0
        assert ann.post(sent[0]).status_code == 200
        bob.ack(up_to=3)
        assert ann.commit(sent[2]).seq == 4


def test_a_full_disk_is_507_without_a_receipt_and_ends_when_there_is_room(tmp_path: Path) -> None:
    key, limits = SigningKey.generate(), RelayLimits()
    store = SqliteRelayStore(tmp_path / "relay.db", relay_id_of(key), limits)
    with (
        contextlib.closing(store),
        relay_in_memory(store=store, key=key) as relay,
        relay.peer() as ann,
        relay.peer() as bob,
    ):
        pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
        store._writer.execute(f"PRAGMA max_page_count = {pages}")
        sent = ann.sealed(bob, "x" * 60_000)
        refused = ann.post(sent)
        assert (refused.status_code, refused.json()["error"]["code"]) == (507, "storage_full")
        assert bob.inbox()["head"] == 0
        store._writer.execute("PRAGMA max_page_count = 1000000")
        assert ann.commit(sent).seq == 1


class _Broken(MemoryRelayStore):
    """A store that cannot be written while `broken` is set, or not be read while `unreadable` is."""

    broken = unreadable = False

    def entries(self, *asked: Any, **bounds: Any) -> list[Entry]:
        if self.unreadable:
            raise FileError("cannot read /private", next_step="mend it", code="hub.database")
        return super().entries(*asked, **bounds)

    def commit(self, steps: Sequence[Step]) -> Sequence[Outcome]:
        if self.broken and any(isinstance(step, Deposit) for step in steps):
            raise FileError("cannot write it", next_step="mend it", code="hub.database")
        return super().commit(steps)


def test_a_store_that_fails_is_told_without_a_receipt() -> None:
    store = _Broken()
    with relay_in_memory(store=store) as relay, relay.peer() as ann, relay.peer() as bob:
        store.broken = True
        refused = ann.post(ann.sealed(bob))
        assert (refused.status_code, refused.json()["error"]["code"]) == (500, "storage_failed")
        store.broken = False
        assert ann.commit(ann.sealed(bob)).seq == 1


def test_a_store_that_cannot_be_read_is_told_and_ends_the_streams_that_wait_for_it() -> None:
    store = _Broken()
    with relay_in_memory(store=store) as relay, relay.peer() as ann, relay.peer() as bob:
        with bob.stream() as events:
            store.unreadable = True
            ann.commit(ann.sealed(bob))
            with pytest.raises(httpx.RemoteProtocolError):
                events.next()
        refused = bob.ask("GET", "/inbox")
        assert (refused.status_code, refused.json()["error"]["code"]) == (500, "storage_failed")
        assert "private" not in refused.text
        store.unreadable = False
        assert bob.inbox()["head"] == 1


def test_the_relay_sweeps_by_itself_and_goes_on_where_it_cannot() -> None:
    clock, limits = GoingClock(), RelayLimits(sweep_seconds=0.02, tombstone_seconds=60)
    store = _Sulking(limits)
    with relay_in_memory(limits, store=store, clock=clock) as relay, relay.peer() as ann, relay.peer() as bob:
        ann.commit(ann.sealed(bob, lifetime=60))
        assert store.sweeps == 0
        clock.go(700)
        until(lambda: store.sweeps > 2)
        until(lambda: store.marks(bob.did) == 1)
        assert store.inbox(bob.did).waiting_bytes > 0
        clock.go(DAY)
        until(lambda: store.inbox(bob.did).waiting_bytes == 0)
        assert store.inbox(bob.did).floor == 0
        until(lambda: store.marks(bob.did) == 1)
        clock.go(DAY)
        until(lambda: store.inbox(bob.did).floor == 1)


class _Sulking(MemoryRelayStore):
    """A store that fails for a while, as one on a full disk does."""

    sweeps = 0

    def marks(self, did: str) -> int:
        return len(self._boxes[did].marked_at)

    def commit(self, steps: Sequence[Step]) -> Sequence[Outcome]:
        if any(isinstance(step, Sweep) for step in steps):
            self.sweeps += 1
            if self.sweeps == 1:
                raise FileError("it is full", next_step="free some space", code="hub.database_full")
        return super().commit(steps)


def test_tokens_are_remembered_as_long_as_they_count_and_never_more_than_there_is_room_for() -> None:
    clock = HandClock(wall=1000.9)
    guard = ReplayGuard(2, clock)
    assert [guard.too_old(second, None) for second in (999, 1000, 1001)] == [True, False, False]
    assert guard.first_time("a", 1050)
    assert guard.first_time("b", 1060)
    clock.go(49)
    assert not guard.first_time("a", 1050)
    with pytest.raises(HttpRefusedError) as caught:
        guard.first_time("c", 1090)
    assert (caught.value.status, caught.value.code) == (503, "busy")
    clock.go(3)
    assert guard.first_time("c", 1110)
    assert not guard.first_time("b", 1060)
    clock.go(10)
    assert guard.first_time("a", 1120)


def test_a_rate_limited_request_leaves_no_token_behind() -> None:
    clock = HandClock()
    authenticator = Authenticator("relay", RelayLimits(request_burst=1), clock=clock)
    assert authenticator.first_time("ann", "one", clock.wall() + 60)
    with pytest.raises(HttpRefusedError) as caught:
        authenticator.first_time("ann", "two", clock.wall() + 60)
    assert caught.value.code == "rate_limited"
    assert len(authenticator._guard._seen) == 1


def test_requests_in_progress_are_counted_by_agent_and_in_all() -> None:
    limits = RelayLimits(requests_per_agent=1, requests_in_all=2)
    authenticator = Authenticator("relay", limits, clock=HandClock())
    place = authenticator.slots.acquire
    with place("ann", "here"):
        with pytest.raises(HttpRefusedError) as caught, place("ann", "here"):
            pass
        assert caught.value.code == "too_many_at_once"
        with place("bob", "here"), pytest.raises(HttpRefusedError) as caught, place("cat", "there"):
            pass
        assert caught.value.code == "busy"
    with place("ann", "here"):
        pass


def test_buckets_of_names_that_others_choose_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openclaw_install.hub.rate_limiter._MANY", 10)
    limiter = RateLimiter(1.0, 2)
    assert limiter.take("busy", 99.5) is None
    for number in range(50):
        limiter.take(str(number), number / 10)
    limiter.take("one more", 100.0)
    assert len(limiter._buckets) == 2
    assert limiter.take("busy", 100.0) is None
    assert limiter.take("busy", 100.0) == 1

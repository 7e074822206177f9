"""An inbox, the disk and the places of a relay are shared: friends before strangers, and nothing for good."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from openclaw_install.common.files import sha256
from openclaw_install.common.migrations import read_migrations
from openclaw_install.common.sqlite_file import connect_file
from openclaw_install.hub.relay.limits import RelayLimits, Room
from openclaw_install.hub.relay.model import (
    Acknowledge,
    AddInvite,
    Committed,
    Deposit,
    Done,
    Inbox,
    Invite,
    Lapse,
    Outcome,
    PutCard,
    Refused,
    Retire,
    RevokeInvite,
    SetAccess,
    Step,
    StoredCard,
    Sweep,
    TakeMarksBack,
    Touch,
)
from openclaw_install.hub.relay.sqlite_store import MIGRATIONS, SqliteRelayStore
from openclaw_install.hub.relay.store import RelayStore
from openclaw_install.hub.storage.sqlite import DiskReserve, migrate
from openclaw_install.protocol.canonical import b64u
from openclaw_install.protocol.keys import SigningKey
from openclaw_install.protocol.receipts import relay_id_of
from tests.relay_rig import Peer, relay_in_memory, running_relay
from tests.support.memory_relay_store import MemoryRelayStore

DAY = 86_400_000
Make = Callable[[RelayLimits], RelayStore]
SMALL = RelayLimits(
    inbox=Room(10), share=Room(6), strangers=Room(4), stranger=Room(2), stranger_address=Room(3),
    lapse_seconds=10 * 86_400, unused_lapse_seconds=86_400, peers=2, agents_in_all=5,
)  # fmt: skip


@pytest.fixture(params=["sqlite", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    with contextlib.ExitStack() as opened:

        def made(limits: RelayLimits) -> RelayStore:
            store: RelayStore = (
                SqliteRelayStore(tmp_path / "relay.db", "relay", limits)
                if request.param == "sqlite"
                else MemoryRelayStore(limits)
            )
            return opened.enter_context(contextlib.closing(store))

        yield made


@pytest.fixture
def store(make: Make) -> RelayStore:
    made = make(SMALL)
    for did in ("ann", "bob", "cat"):
        assert put(made, did) == Done(1)
    return made


def one(store: RelayStore, step: Step) -> Outcome:
    return store.commit([step])[0]


def put(
    store: RelayStore, did: str, *, at: int = 0, alias: str | None = None, invite: str | None = None
) -> Outcome:
    return one(store, PutCard(StoredCard(did, 1, b"{}", alias, at), 0, True, invite))


def letter(
    name: str,
    sender: str,
    *,
    to: str = "bob",
    origin: str = "home",
    size: int = 10,
    at: int = 0,
    access: str | None = None,
) -> Deposit:
    body = name.encode().ljust(size, b".")
    return Deposit(sender, to, name, sha256(body), body, at + 7 * DAY, at, origin, access)


KEY = "a" * 64
STRANGE = Refused("strangers_quota", 30)


def test_strangers_fill_their_pool_only_and_each_of_them_its_share(store: RelayStore) -> None:
    assert one(store, SetAccess("bob", (KEY,))) == Done(1)
    outcomes = [
        one(store, letter(f"{sender}{number}", sender, origin=origin))
        for number in range(3)
        for sender, origin in (("s1", "x"), ("s2", "x"), ("s3", "y"), ("s4", "z"))
    ]
    assert sum(isinstance(outcome, Committed) for outcome in outcomes) == 4
    assert {outcome for outcome in outcomes if not isinstance(outcome, Committed)} == {STRANGE}
    assert one(store, letter("n1", "new", origin="far")) == STRANGE
    assert one(store, letter("n1", "new", origin="far", access="b" * 64)) == STRANGE, "a wrong key is none"
    for number in range(6):
        assert isinstance(one(store, letter(f"f{number}", "ann", access=KEY)), Committed)
    assert one(store, letter("f7", "ann", access=KEY)) == Refused("quota_exceeded", 30)
    one(store, SetAccess("bob", ()))
    one(store, Acknowledge("bob", 4))
    assert isinstance(one(store, letter("n1", "new", origin="far", access=KEY)), Committed)


def test_one_stranger_and_one_address_have_shares_of_the_pool(store: RelayStore) -> None:
    assert [one(store, letter(f"a{n}", "s1", origin="x")) for n in range(3)][2] == STRANGE
    assert isinstance(one(store, letter("b0", "s2", origin="x")), Committed)
    assert one(store, letter("c0", "s3", origin="x")) == STRANGE, "the address has its three"
    assert isinstance(one(store, letter("c0", "s3", origin="y")), Committed)


def test_whom_the_owner_wrote_to_is_no_stranger_and_the_latest_are_remembered(store: RelayStore) -> None:
    for number in range(4):
        one(store, letter(f"s{number}", f"s{number}", origin=f"o{number}"))
    assert one(store, letter("a", "ann", origin="q")) == STRANGE
    assert isinstance(one(store, letter("to ann", "bob", to="ann", at=1)), Committed)
    assert isinstance(one(store, letter("a", "ann", origin="q")), Committed)
    put(store, "dan")
    for number, peer in enumerate(("cat", "dan")):
        one(store, letter(f"more {number}", "bob", to=peer, at=2 + number))
    assert one(store, letter("a2", "ann", origin="q")) == STRANGE, "two later ones are remembered"


def test_acknowledged_places_count_until_they_are_forgotten(make: Make) -> None:
    store = make(replace(SMALL, strangers=Room(places=3), stranger=Room(places=2), stranger_address=Room()))
    for did in ("ann", "bob"):
        put(store, did)
    for number in range(2):
        assert isinstance(one(store, letter(f"m{number}", "s1")), Committed)
        one(store, Acknowledge("bob", number + 1))
    assert one(store, letter("m2", "s1")) == STRANGE
    assert isinstance(one(store, letter("m0", "s1")), Committed), "a copy has its old place"
    assert isinstance(one(store, letter("n0", "s2")), Committed)
    assert one(store, letter("n1", "s3")) == STRANGE
    one(store, Acknowledge("bob", 3))
    later = 8 * DAY
    one(store, Sweep(later, 0)), one(store, Sweep(later, later))
    assert store.inbox("bob").floor == 3
    assert isinstance(one(store, letter("m2", "s1", at=later)), Committed)


def test_one_address_has_a_share_of_all_inboxes_together(make: Make) -> None:
    store = make(RelayLimits(address=Room(bytes=25)))
    for did in ("ann", "bob"):
        put(store, did)
    assert isinstance(one(store, letter("1", "s1", origin="x")), Committed)
    assert isinstance(one(store, letter("2", "s2", origin="x", to="ann")), Committed)
    assert one(store, letter("3", "s3", origin="x", to="ann")) == Refused("relay_full", 300)
    assert isinstance(one(store, letter("3", "s3", origin="y")), Committed)
    one(store, Acknowledge("ann", 1))
    assert isinstance(one(store, letter("4", "s3", origin="x")), Committed)


def test_the_disk_is_bounded_and_its_end_is_kept_for_inboxes_that_hold_little(tmp_path: Path) -> None:
    kib = 1024
    limits = RelayLimits(disk_bytes=1000 * kib, small_inbox_bytes=100 * kib)
    with contextlib.closing(SqliteRelayStore(tmp_path / "relay.db", "relay", limits)) as store:
        for did in ("ann", "bob"):
            put(store, did)
        sent = [one(store, letter(f"m{n}", f"s{n}", size=50 * kib)) for n in range(30)]
        taken = sum(isinstance(outcome, Committed) for outcome in sent)
        assert 8 <= taken < 15
        assert sent[taken:] == [Refused("relay_full", 300)] * (30 - taken)
        assert isinstance(one(store, letter("a", "s1", to="ann", size=50 * kib)), Committed)
        rest = [one(store, letter(f"r{n}", "s1", to="ann", size=40 * kib)) for n in range(10)]
        assert rest[-1] == Refused("relay_full", 300)
        assert (tmp_path / "relay.db").stat().st_size <= 1100 * kib
        one(store, Acknowledge("bob", 10))
        assert isinstance(one(store, letter("again", "s1", size=50 * kib)), Committed)


def test_places_that_nobody_uses_lapse_in_two_looks_and_others_stay(store: RelayStore) -> None:
    one(store, Touch("ann", 0))
    put(store, "dan", at=5 * DAY, alias="dan"), put(store, "eve", at=0)
    one(store, Touch("bob", 5 * DAY))
    assert put(store, "fay") == Refused("agents_full")
    assert one(store, Lapse(2 * DAY, DAY)) == Done(2), "cat and eve are marked"
    assert len(store.members()) == 5
    one(store, Touch("eve", 2 * DAY))
    one(store, Lapse(3 * DAY, 2 * DAY))
    assert {member.did for member in store.members()} == {"ann", "bob", "dan", "eve"}
    assert put(store, "fay", at=3 * DAY) == Done(1)
    assert store.removals() == 1
    one(store, Lapse(11 * DAY, 0))
    one(store, TakeMarksBack())
    one(store, Lapse(12 * DAY, 11 * DAY))
    assert len(store.members()) == 5, "the marks were taken back"


def test_a_place_that_was_given_back_begins_anew_behind_its_numbers(store: RelayStore) -> None:
    put(store, "dan", alias="dan")
    one(store, letter("1", "s1", to="dan")), one(store, letter("2", "dan", to="ann"))
    assert one(store, Retire("dan", 5)) == Done(1)
    assert one(store, Retire("dan", 5)) == Done(0)
    assert store.card("dan") is None
    assert store.retired_card("dan") is not None
    assert store.alias_holder("dan") is None
    assert one(store, letter("3", "s1", to="dan")) == Refused("unknown_recipient")
    assert store.inbox("dan") == Inbox(1, 1, 0, 0)
    assert put(store, "dan", at=20 * DAY, alias="dan") == Done(1)
    assert store.retired_card("dan") is None
    assert one(store, letter("3", "s1", to="dan")) == Committed(2, 0)
    assert isinstance(one(store, letter("2", "dan", to="ann")), Committed), "what it sent stays"
    assert one(store, Retire("cat", 5)) == Done(1)
    assert store.retired_card("cat") is None, "nothing of it has to be remembered"


def test_an_invitation_lets_as_many_in_as_it_says_until_it_ends(make: Make) -> None:
    store = make(RelayLimits(registration="invitation"))
    for name, uses in (("i1", 1), ("i2", 9), ("i3", 9)):
        one(store, AddInvite(Invite(name, uses, uses, 0, 10), name * 32))
    need = Refused("invitation_required")
    assert put(store, "ann") == need
    assert put(store, "ann", invite="no" * 32) == need
    assert put(store, "ann", invite="i1" * 32) == Done(1)
    assert put(store, "bob", invite="i1" * 32) == need, "it was used up"
    assert one(store, PutCard(StoredCard("ann", 2, b"{}", None, 0), 1)) == Done(1), "a renewal needs none"
    assert put(store, "bob", invite="i2" * 32, at=10) == need, "it has expired"
    one(store, RevokeInvite("i3", 1))
    assert put(store, "bob", invite="i3" * 32) == need
    assert [(one_.id, one_.uses_left) for one_ in store.invites()] == [("i1", 0), ("i2", 9), ("i3", 9)]


# Over HTTP.


def test_five_throw_away_agents_do_not_keep_a_friend_s_message_out() -> None:
    limits = RelayLimits(strangers=Room(8), stranger=Room(4), stranger_address=Room(8))
    key = secrets.token_bytes(32)
    with relay_in_memory(limits) as relay, relay.peer() as bob, relay.peer() as friend:
        body = json.dumps({"access_key_sha256": [hashlib.sha256(key).hexdigest()]}).encode()
        answer = bob.ask("PUT", f"/agents/{bob.did}/access", body)
        assert (answer.status_code, answer.json()) == (200, {"access_keys": 1})
        with contextlib.ExitStack() as sybils:
            for _ in range(5):
                sybil = sybils.enter_context(relay.peer())
                codes = [sybil.post(sybil.sealed(bob)).status_code for _ in range(5)]
                assert codes[-1] == 429
        assert bob.inbox()["head"] == 8
        envelope = friend.sealed(bob)
        assert friend.post(envelope).json()["error"]["code"] == "strangers_quota"
        wrong = friend.ask("POST", "/envelopes", envelope.wire, **{"PingAgent-Access": b64u(bytes(32))})
        assert wrong.json()["error"]["code"] == "strangers_quota"
        right = friend.ask("POST", "/envelopes", envelope.wire, **{"PingAgent-Access": b64u(key)})
        assert right.status_code == 200
        stranger = friend.ask("PUT", f"/agents/{bob.did}/access", body)
        assert stranger.json()["error"]["code"] == "wrong_agent"
        for bad in (
            b"[]",
            b"{}",
            b'{"access_key_sha256":["x"]}',
            json.dumps({"access_key_sha256": ["a" * 64] * 5}).encode(),
        ):
            assert bob.ask("PUT", f"/agents/{bob.did}/access", bad).status_code == 422


def test_a_relay_by_invitation_says_so_and_takes_a_code() -> None:
    limits = RelayLimits(registration="invitation")
    store = MemoryRelayStore(limits)
    code = "pinv_" + "x" * 43
    store.commit([AddInvite(Invite("i", 1, 1, 0, 2**50), hashlib.sha256(code.encode()).hexdigest())])
    with relay_in_memory(limits, store=store) as relay, relay.peer(register=False) as ann:
        assert relay.about()["limits"]["registration"] == "invitation"
        assert ann.put_card().json()["error"]["code"] == "invitation_required"
        body = json.dumps(ann.card.to_json(), sort_keys=True, separators=(",", ":")).encode()
        answer = ann.ask("PUT", f"/agents/{ann.did}/card", body, **{"PingAgent-Invite": code})
        assert answer.status_code == 200, answer.text


def test_an_older_card_does_not_come_back_after_its_place_was_given_back() -> None:
    store = MemoryRelayStore()
    with relay_in_memory(store=store) as relay, relay.peer() as ann:
        old = ann.card
        assert ann.put_card().status_code == 200
        ann.inbox()
        store.commit([Retire(ann.did, 1)])
        with relay_in_memory(store=store, key=SigningKey.generate()) as other:
            again = Peer(other.base_url, ann.identity, version=ann.version)
            assert again.put_card(old).json()["error"]["code"] in ("card_version", "card_fork")
            assert again.put_card().status_code == 200
            again.close()


# The disk.


def test_what_frees_space_works_on_a_full_disk_and_the_room_for_it_is_taken_again(tmp_path: Path) -> None:
    with contextlib.closing(SqliteRelayStore(tmp_path / "relay.db", "relay", RelayLimits())) as store:
        for did in ("ann", "bob"):
            put(store, did)
        for number in range(5):
            one(store, letter(f"m{number}", "s1", size=50_000))
        reserve = tmp_path / "relay.reserve"
        assert reserve.stat().st_size == 1024 * 1024
        real, calls = store._transaction, [0]

        def full(steps: list[Step]) -> list[Outcome]:
            calls[0] += 1
            if reserve.exists():
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorname = "SQLITE_FULL"
                raise error
            return real(steps)

        store._transaction = full  # type: ignore[method-assign, assignment] # a disk that is full until the reserve goes
        store._reserve.take = lambda: False  # type: ignore[method-assign] # and stays full
        outcomes = store.commit([letter("m9", "s1"), Acknowledge("bob", 3)])
        assert outcomes == [Refused("storage_full"), Done(3)]
        assert not reserve.exists()
        assert store.commit([letter("m9", "s1")]) == [Refused("storage_full")], "nobody eats the reserve"
        store._reserve, store._transaction = DiskReserve(reserve), real  # type: ignore[method-assign] # there is room again
        assert isinstance(one(store, letter("m9", "s1")), Committed)
        assert reserve.exists()


def test_another_program_that_holds_the_database_is_told_in_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openclaw_install.hub.relay.sqlite_store._LOCK_SECONDS", 0.1)
    with running_relay(tmp_path) as relay, relay.peer() as ann, relay.peer() as bob:
        ann.inbox(), bob.inbox()
        with contextlib.closing(sqlite3.connect(tmp_path / "relay.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            answer = ann.post(ann.sealed(bob))
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage_busy")
            assert int(answer.headers["Retry-After"]) > 0
            assert bob.inbox()["head"] == 0
            other.execute("ROLLBACK")
        assert ann.commit(ann.sealed(bob)).seq == 1


def test_a_relay_of_version_0_2_0_is_taken_over_with_its_messages_and_quotas(tmp_path: Path) -> None:
    path, key = tmp_path / "relay.db", SigningKey.generate()
    with contextlib.closing(connect_file(path)) as old:
        migrate(old, read_migrations(MIGRATIONS)[:2])
        old.execute("INSERT INTO store VALUES (1, 'log_old', ?)", (relay_id_of(key),))
        for did in ("ann", "bob"):
            old.execute("INSERT INTO cards VALUES (?, 1, x'7b7d', NULL, ?)", (did, 3 * DAY))
        old.execute("INSERT INTO inboxes VALUES ('ann', 0, 0, 0, 0), ('bob', 3, 0, 2, 20)")
        old.execute("INSERT INTO shares VALUES ('bob', 'ann', 2, 20)")
        for seq, gone in ((1, "acked"), (2, None), (3, None)):
            row = ("bob", seq, "ann", f"m{seq}", "0" * 64, 0, 7 * DAY, gone, 8 * DAY if gone else None)
            old.execute(
                "INSERT INTO entries (recipient, seq, sender, message_id, sha256, committed_at, expires_at,"
                " gone, forget_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, None if gone else b"x" * 10),
            )
    shutil.copy(path, tmp_path / "kept.db")
    with contextlib.closing(SqliteRelayStore(path, relay_id_of(key), RelayLimits())) as store:
        assert store.log_id == "log_old"
        assert [member.did for member in store.members()] == ["ann", "bob"]
        assert one(store, Lapse(4 * DAY, 4 * DAY)) == Done(0), "a place of before was used"
        assert one(store, Acknowledge("bob", 3)) == Done(2)
        one(store, Sweep(40 * DAY, 0)), one(store, Sweep(40 * DAY, 40 * DAY))
        assert store.inbox("bob") == Inbox(3, 3, 0, 0)
        assert tuple(store._writer.execute("SELECT count(*) FROM shares").fetchone()) == (0,)
        assert tuple(store._writer.execute("SELECT count(*) FROM origins").fetchone()) == (0,)
        assert one(store, letter("m4", "ann", at=40 * DAY)) == Committed(4, 40 * DAY)

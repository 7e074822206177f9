"""The relay's stores: SQLite in one suite with its twin in memory, then what only a disk can do."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.common.errors import FileError
from openclaw_install.common.files import sha256
from openclaw_install.common.migrations import read_migrations
from openclaw_install.common.sqlite_file import connect_file
from openclaw_install.hub.relay.context import load_or_make_key
from openclaw_install.hub.relay.limits import RelayLimits, Room
from openclaw_install.hub.relay.model import (
    Acknowledge,
    Committed,
    Deposit,
    Done,
    Inbox,
    Outcome,
    PutCard,
    Refused,
    Step,
    StoredCard,
    Sweep,
    TakeMarksBack,
)
from openclaw_install.hub.relay.sqlite_store import MIGRATIONS, SqliteRelayStore
from openclaw_install.hub.relay.store import RelayStore
from openclaw_install.hub.storage.group_commit import GroupCommitter
from openclaw_install.hub.storage.sqlite import migrate
from openclaw_install.protocol.receipts import relay_id_of
from tests.support.memory_relay_store import MemoryRelayStore

DAY = 86_400_000
LATER = 7 * DAY
LIMITS = RelayLimits(
    inbox=Room(6, 1000),
    share=Room(4, 600),
    agents_in_all=4,
    clock_skew_seconds=60,
    tombstone_seconds=86_400,
)
Make = Callable[[RelayLimits], RelayStore]


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
    made = make(LIMITS)
    for did in ("ann", "bob", "cat"):
        assert put(made, did) == Done(1)
    return made


def one(store: RelayStore, step: Step) -> Outcome:
    return store.commit([step])[0]


def put(store: RelayStore, did: str, version: int = 1, alias: str | None = None, at: int = 0) -> Outcome:
    card = StoredCard(did, version, f"{did} {version}".encode(), alias, at)
    return one(store, PutCard(card, version - 1))


def letter(number: int, sender: str = "ann", to: str = "bob", *, size: int = 10, at: int = 0) -> Deposit:
    body = f"{number}".encode().ljust(size, b".")
    return Deposit(sender, to, f"msg_{number}", sha256(body), body, at + LATER, at)


def sweep(store: RelayStore, at: int) -> int:
    """Drops and forgets what is due, without a second look; how much that was."""
    one(store, Sweep(at, 0))
    outcome = one(store, Sweep(at, at))
    assert isinstance(outcome, Done)
    return outcome.count


def told(store: RelayStore, did: str = "bob", after: int = 0) -> list[tuple[int, str | None]]:
    entries = store.entries(did, after=after, most=100, most_bytes=10**6)
    assert all((entry.body is None) == (entry.gone is not None) for entry in entries)
    return [(entry.seq, entry.gone) for entry in entries]


def test_each_inbox_counts_its_entries_from_one_without_gaps(store: RelayStore) -> None:
    steps = [letter(1), letter(2, to="cat"), letter(3), letter(4, to="nobody"), letter(5, "cat")]
    outcomes = store.commit(steps)
    refused = Refused("unknown_recipient")
    assert outcomes == [Committed(1, 0), Committed(1, 0), Committed(2, 0), refused, Committed(3, 0)]
    entry = store.entries("bob", after=1, most=1, most_bytes=10**6)[0]
    assert (entry.seq, entry.sender, entry.message_id, entry.body) == (2, "ann", "msg_3", steps[2].body)
    assert store.inbox("bob") == Inbox(3, 0, 3, 30)
    assert store.inbox("nobody") == Inbox()
    assert store.message_at("bob", 3) == "msg_5"
    assert store.message_at("bob", 4) is None


def test_the_same_envelope_again_has_its_old_place_whatever_came_between(store: RelayStore) -> None:
    first = letter(1)
    assert one(store, first) == Committed(1, 0)
    assert store.commit([letter(2), replace(first, at=5)])[1] == Committed(1, 0, repeated=True)
    one(store, Acknowledge("bob", 1))
    assert one(store, replace(first, at=LATER + 1)) == Committed(1, 0, repeated=True)
    assert store.inbox("bob").head == 2


def test_a_message_id_belongs_to_its_sender_alone(store: RelayStore) -> None:
    one(store, letter(1))
    assert one(store, letter(1, size=11)) == Refused("message_id_reused")
    assert one(store, letter(1, to="cat")) == Refused("message_id_reused")
    assert one(store, letter(1, "cat")) == Committed(2, 0)


def test_an_envelope_that_has_expired_is_not_taken(store: RelayStore) -> None:
    assert one(store, replace(letter(1), at=LATER)) == Refused("expired")
    assert store.inbox("bob") == Inbox()


def test_a_full_share_leaves_room_for_other_senders_and_acknowledging_makes_room(store: RelayStore) -> None:
    outcomes = store.commit([letter(number) for number in range(5)])
    assert [type(outcome) for outcome in outcomes] == [Committed] * 4 + [Refused]
    full = outcomes[-1]
    assert isinstance(full, Refused)
    assert full.code == "quota_exceeded"
    assert full.retry_after
    assert one(store, letter(10, "cat")) == Committed(5, 0)
    assert one(store, letter(11, "cat")) == Committed(6, 0)
    assert one(store, letter(12, "cat")) == full
    one(store, Acknowledge("bob", 2))
    assert one(store, letter(4)) == Committed(7, 0)


def test_bytes_count_until_the_body_is_dropped(store: RelayStore) -> None:
    assert one(store, letter(1, size=590)) == Committed(1, 0)
    assert isinstance(one(store, letter(2, size=11)), Refused)
    assert isinstance(one(store, letter(3, "cat", size=411)), Refused)
    sweep(store, LATER)
    assert store.inbox("bob") == Inbox(1, 0, 1, 0)
    assert one(store, letter(4, size=590, at=LATER)) == Committed(2, LATER)


def test_acknowledging_drops_bodies_once_singly_and_up_to_a_place(store: RelayStore) -> None:
    store.commit([letter(number) for number in range(4)])
    assert one(store, Acknowledge("bob", 0, (2, 2, 9))) == Done(1)
    assert told(store) == [(1, None), (2, "acked"), (3, None), (4, None)]
    assert one(store, Acknowledge("bob", 3, (2, 4))) == Done(3)
    assert one(store, Acknowledge("bob", 3, (2, 4))) == Done(0)
    assert one(store, Acknowledge("nobody", 3, (1,))) == Done(0)
    assert told(store, after=1) == [(2, "acked"), (3, "acked"), (4, "acked")]
    assert store.inbox("bob") == Inbox(4, 0, 0, 0)


def test_a_long_backlog_is_acknowledged_in_pieces(store: RelayStore) -> None:
    store.commit([letter(number) for number in range(4)])
    step = Acknowledge("bob", 4, most=3)
    assert [one(store, step) for _ in range(3)] == [Done(3), Done(1), Done(0)]


def test_what_expires_is_marked_first_and_leaves_a_tombstone_when_the_mark_is_old(store: RelayStore) -> None:
    store.commit([letter(1), letter(2, at=10)])
    assert one(store, Sweep(LATER, LATER - DAY)) == Done(1)
    assert one(store, Sweep(LATER, LATER - DAY)) == Done(0)
    assert one(store, Sweep(LATER + 5, LATER - 1)) == Done(0)
    assert told(store) == [(1, None), (2, None)]
    assert one(store, Sweep(LATER + 5, LATER)) == Done(1)
    assert told(store) == [(1, "expired"), (2, None)]
    assert one(store, Acknowledge("bob", 1)) == Done(1)
    assert told(store) == [(1, "acked"), (2, None)]


def test_marks_are_taken_back_and_those_of_a_clock_that_ran_ahead_go_by_themselves(store: RelayStore) -> None:
    store.commit([letter(1), letter(2)])
    assert one(store, Sweep(LATER + DAY, LATER)) == Done(2)
    assert one(store, Sweep(5 * DAY, 4 * DAY)) == Done(2)
    assert one(store, Sweep(5 * DAY, 4 * DAY)) == Done(0)
    assert one(store, Sweep(LATER, LATER - DAY)) == Done(2)
    assert [one(store, TakeMarksBack(most=1)) for _ in range(3)] == [Done(1), Done(1), Done(0)]
    assert told(store) == [(1, None), (2, None)]
    assert one(store, Sweep(LATER + DAY, LATER)) == Done(2)
    assert told(store) == [(1, None), (2, None)]


def test_a_mark_for_expiry_is_none_for_being_forgotten(store: RelayStore) -> None:
    one(store, letter(1))
    one(store, Sweep(LATER, LATER - DAY))
    one(store, Acknowledge("bob", 1))
    assert one(store, Sweep(LATER + 1, LATER)) == Done(0)
    assert one(store, Sweep(LATER + 60_000, LATER)) == Done(1)
    assert store.inbox("bob").floor == 0
    assert one(store, Sweep(LATER + DAY + 60_000, LATER + 60_000)) == Done(1)
    assert store.inbox("bob").floor == 1


def test_entries_are_forgotten_from_the_front_when_nobody_needs_them_any_more(store: RelayStore) -> None:
    store.commit([letter(1), letter(2), letter(3)])
    one(store, Acknowledge("bob", 0, (1, 3)))
    gone_at = LATER + 60_000
    assert sweep(store, gone_at - 1) == 1
    assert store.inbox("bob").floor == 0
    assert sweep(store, gone_at) == 1
    assert told(store) == [(2, "expired"), (3, "acked")]
    assert store.inbox("bob") == Inbox(3, 1, 1, 0)
    assert store.message_at("bob", 1) is None
    assert sweep(store, LATER + DAY) == 2
    assert store.inbox("bob") == Inbox(3, 3, 0, 0)
    assert told(store) == []
    assert one(store, letter(1, at=LATER + DAY)) == Committed(4, LATER + DAY)


def test_forgetting_an_unread_tombstone_gives_its_place_in_the_quota_back(store: RelayStore) -> None:
    store.commit([letter(number) for number in range(4)])
    assert isinstance(one(store, letter(9, at=1)), Refused)
    sweep(store, LATER)
    assert isinstance(one(store, letter(9, at=LATER)), Refused)
    sweep(store, LATER + DAY)
    assert store.inbox("bob") == Inbox(4, 4, 0, 0)
    assert one(store, letter(9, at=LATER + DAY)) == Committed(5, LATER + DAY)


def test_a_page_ends_at_its_bytes_but_has_at_least_one_entry(store: RelayStore) -> None:
    store.commit([letter(number, size=100) for number in range(4)])

    def page(most_bytes: int, most: int = 9, after: int = 0) -> list[int]:
        found = store.entries("bob", after=after, most=most, most_bytes=most_bytes)
        return [entry.seq for entry in found]

    assert page(0) == [1]
    assert page(250) == [1, 2]
    assert page(10**6, most=3) == [1, 2, 3]
    assert page(10**6, after=3) == [4]
    assert page(10**6, after=4) == []


def test_a_card_replaces_the_one_that_was_looked_at_and_no_other(store: RelayStore) -> None:
    assert put(store, "ann", 2) == Done(1)
    found = store.card("ann")
    assert found is not None
    assert (found.version, found.card) == (2, b"ann 2")
    assert store.card("nobody") is None
    conflict = PutCard(replace(found, version=3), replaces=1)
    assert one(store, conflict) == Refused("card_conflict", 1)
    assert one(store, PutCard(replace(found, version=2), replaces=2)) == Refused("card_version")
    assert put(store, "dan") == Done(1)
    assert put(store, "eve") == Refused("agents_full")
    assert put(store, "dan", 2) == Done(1)


def test_an_alias_is_its_holder_s_until_it_is_given_up_and_for_a_while_after(store: RelayStore) -> None:
    assert put(store, "ann", 2, "smith") == Done(1)
    assert store.alias_holder("smith") == "ann"
    assert put(store, "bob", 2, "smith") == Refused("alias_taken")
    assert put(store, "ann", 3, "jones", at=1) == Done(1)
    assert store.alias_holder("smith") is None
    assert put(store, "bob", 2, "smith", at=14 * DAY) == Refused("alias_taken")
    assert put(store, "ann", 4, "smith", at=2) == Done(1)
    assert put(store, "ann", 5, None, at=3) == Done(1)
    assert put(store, "bob", 2, "smith", at=14 * DAY + 3) == Done(1)
    assert store.alias_holder("smith") == "bob"
    assert store.alias_holder("nobody") is None


def test_an_alias_of_an_agent_that_was_never_seen_again_lapses(store: RelayStore) -> None:
    put(store, "ann", 2, "smith")
    assert put(store, "bob", 2, "smith", at=90 * DAY - 1) == Refused("alias_taken")
    assert put(store, "bob", 2, "smith", at=90 * DAY) == Done(1)
    # Its former holder comes back, still with the name in the card: the relay does not take it from Bob.
    assert put(store, "ann", 3, "smith", at=91 * DAY) == Refused("alias_taken")
    assert put(store, "ann", 3, None, at=91 * DAY) == Done(1)
    assert store.alias_holder("smith") == "bob"


def test_no_alias_changes_hands_by_a_clock_that_was_just_set(store: RelayStore) -> None:
    put(store, "ann", 2, "smith")
    taking = PutCard(StoredCard("bob", 2, b"bob 2", "smith", 90 * DAY), 1, settled=False)
    assert one(store, taking) == Refused("alias_taken")
    put(store, "ann", 3, None, at=1)
    assert one(store, taking) == Refused("alias_taken")
    assert one(store, replace(taking, settled=True)) == Done(1)
    own = PutCard(StoredCard("bob", 3, b"bob 3", "smith", 90 * DAY), 2, settled=False)
    assert one(store, own) == Done(1)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3), st.integers(1, 400)), max_size=40))
def test_both_stores_do_the_same_with_whatever_comes(moves: list[tuple[int, int, int]]) -> None:
    limits = replace(LIMITS, tombstone_seconds=LATER / 2000)
    seen = []
    with _sqlite_twin(limits) as disk:
        for store in (MemoryRelayStore(limits), disk):
            now, outcomes = 0, [put(store, did) for did in ("ann", "bob", "cat")]
            for number, kind, amount in moves:
                now += amount * LATER // 800
                step: Step
                if kind == 0:
                    step = Acknowledge("bob", number, (number + 2,))
                elif kind == 1:
                    step = Sweep(now, now - amount)
                else:
                    step = letter(number, ("ann", "cat")[kind - 2], size=amount, at=now)
                outcomes.append(one(store, step))
            seen.append((outcomes, told(store), store.inbox("bob"), store.message_at("bob", 2)))
    assert seen[0] == seen[1]


@contextlib.contextmanager
def _sqlite_twin(limits: RelayLimits) -> Iterator[RelayStore]:
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(SqliteRelayStore(Path(folder) / "relay.db", "relay", limits)) as store,
    ):
        yield store


def test_many_threads_leave_no_gap_and_no_double(make: Make) -> None:
    store = make(RelayLimits())
    for did in ("ann", "bob", "cat"):
        put(store, did)
    committer: GroupCommitter[Step, Outcome] = GroupCommitter(store.commit)
    numbers: list[Outcome] = []

    def send(worker: int) -> None:
        for number in range(50):
            step = letter(worker * 100 + number, "ann" if number % 2 else "cat")
            # Each is sent twice, as a client does that saw no answer.
            numbers.extend(done.result(30) for done in [committer.submit(step), committer.submit(step)])

    workers = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    committer.close()
    fresh = [done.seq for done in numbers if isinstance(done, Committed) and not done.repeated]
    assert sorted(fresh) == list(range(1, 201))
    assert len(numbers) == 400
    assert [seq for seq, _ in told(store)] == list(range(1, 101))


# What only a disk can do.


def test_an_upgraded_database_equals_a_fresh_one(tmp_path: Path) -> None:
    steps = read_migrations(MIGRATIONS)

    def schema(path: Path, upto: list[int]) -> list[tuple[str, ...]]:
        with contextlib.closing(connect_file(path)) as connection:
            for count in upto:
                migrate(connection, steps[:count])
            rows: list[tuple[str, ...]] = connection.execute(
                "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name"
            ).fetchall()
            return rows

    assert len(steps) >= 2
    fresh = schema(tmp_path / "fresh.db", [len(steps)])
    assert schema(tmp_path / "old.db", list(range(1, len(steps) + 1))) == fresh


def test_what_was_committed_is_there_after_a_restart_under_the_same_log_id(tmp_path: Path) -> None:
    path = tmp_path / "relay.db"
    with contextlib.closing(SqliteRelayStore(path, "relay", LIMITS)) as store:
        put(store, "ann"), put(store, "bob", alias="smith")
        store.commit([letter(1), letter(2)])
        log_id = store.log_id
    assert path.stat().st_mode & 0o777 == 0o600
    with contextlib.closing(SqliteRelayStore(path, "relay", LIMITS)) as store:
        assert store.log_id == log_id
        assert told(store) == [(1, None), (2, None)]
        assert store.alias_holder("smith") == "bob"
        assert one(store, letter(3)) == Committed(3, 0)
    path.unlink()
    with contextlib.closing(SqliteRelayStore(path, "relay", LIMITS)) as store:
        assert store.log_id != log_id


def test_a_database_stays_with_the_key_that_made_it(tmp_path: Path) -> None:
    key, database = tmp_path / "relay.key", tmp_path / "relay.db"
    first = load_or_make_key(key, database)
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    assert load_or_make_key(key, database) == first
    assert key.stat().st_mode & 0o777 == 0o600
    SqliteRelayStore(database, relay_id_of(first), LIMITS).close()
    with pytest.raises(FileError, match="another key"):
        SqliteRelayStore(database, "other", LIMITS)
    shutil.move(key, tmp_path / "away")
    with pytest.raises(FileError, match="is missing"):
        load_or_make_key(key, database)
    for nonsense in (b"", b"AAAA\n", b"\xff" * 43, b"!" * 43):
        key.write_bytes(nonsense)
        with pytest.raises(FileError, match="holds no key"):
            load_or_make_key(key, database)


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "relay.db"
    path.write_bytes(b"no database " * 100)
    with pytest.raises(FileError) as caught:
        SqliteRelayStore(path, "relay", LIMITS)
    assert caught.value.error_code == "hub.database"
    assert path.read_bytes() == b"no database " * 100


def test_a_full_disk_takes_the_whole_group_back_and_is_told(tmp_path: Path) -> None:
    roomy = RelayLimits()
    with contextlib.closing(SqliteRelayStore(tmp_path / "relay.db", "relay", roomy)) as store:
        put(store, "ann"), put(store, "bob")
        pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
        store._writer.execute(f"PRAGMA max_page_count = {pages + 20}")
        with pytest.raises(FileError) as caught:
            store.commit([letter(1), letter(2, size=200_000)])
        assert caught.value.error_code == "hub.database_full"
        assert store.inbox("bob") == Inbox()
        assert one(store, letter(1)) == Committed(1, 0)


def test_reading_names_a_database_that_is_gone_bad(tmp_path: Path) -> None:
    store = SqliteRelayStore(tmp_path / "relay.db", "relay", LIMITS)
    with contextlib.closing(sqlite3.connect(tmp_path / "relay.db", isolation_level=None)) as stranger:
        stranger.execute("PRAGMA foreign_keys = OFF")
        stranger.execute("DROP TABLE entries")
    with pytest.raises(FileError):
        store.entries("bob", after=0, most=1, most_bytes=1)
    with pytest.raises(FileError):
        store.message_at("bob", 1)
    store.close()

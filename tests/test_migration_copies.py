"""Before a database is upgraded, a copy of it is kept; where that cannot be, the upgrade is refused."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from openclaw_install.common.errors import FileError
from openclaw_install.common.migrations import Migration, database_version, read_migrations, upgrade
from openclaw_install.common.sqlite_file import connect_file
from openclaw_install.hub.relay import sqlite_store
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.hub.storage import sqlite_metadata
from openclaw_install.messaging.store import database as messaging
from openclaw_install.sync import database as sync

FIRST = Migration(1, "0001_first.sql", "CREATE TABLE kept (value TEXT NOT NULL);\n")
SECOND = Migration(2, "0002_second.sql", "ALTER TABLE kept ADD COLUMN later TEXT;\n")
THIRD = Migration(3, "0003_third.sql", "CREATE TABLE third (x);\n")
BROKEN = Migration(3, "0003_broken.sql", "CREATE TABLE half (x);\nCREATE TABLE half (x);\n")

STORES: dict[str, tuple[Sequence[Migration], Callable[[Path], object]]] = {
    "messages": (messaging.migrations(), lambda path: messaging.Database(path).close()),
    "ledger": (sync.migrations(), lambda path: sync.open_database(path).close()),
    "hub": (
        read_migrations(sqlite_metadata.MIGRATIONS),
        lambda path: sqlite_metadata.SqliteMetadata(path).close(),
    ),
    "relay": (
        read_migrations(sqlite_store.MIGRATIONS),
        lambda path: sqlite_store.SqliteRelayStore(path, "relay", RelayLimits()).close(),
    ),
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A database of version 1 with 400 kB in it."""
    path = tmp_path / "a.db"
    with closing(connect_file(path)) as connection:
        upgrade(connection, [FIRST])
        connection.executemany("INSERT INTO kept VALUES (?)", [("x" * 4000,)] * 100)
    return path


def copies(path: Path) -> list[str]:
    """All that lies beside the database, its journals and the relay's reserve apart."""
    own = {path.name, f"{path.name}-wal", f"{path.name}-shm", "relay.reserve"}
    return sorted(entry.name for entry in path.parent.iterdir() if entry.name not in own)


def bring_up(path: Path, *steps: Migration) -> None:
    with closing(connect_file(path)) as connection:
        upgrade(connection, steps)


def content(path: Path) -> tuple[int, str, list[tuple[object, ...]]]:
    """The version, SQLite's own check, and the rows."""
    with closing(sqlite3.connect(path)) as connection:
        checked = connection.execute("PRAGMA integrity_check").fetchone()[0]
        return database_version(connection), checked, connection.execute("SELECT * FROM kept").fetchall()


@contextlib.contextmanager
def no_room_beyond(size: int) -> Iterator[None]:
    """No file of this process can have more bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", STORES)
def test_each_store_that_is_upgraded_keeps_a_private_copy_of_what_was(tmp_path: Path, name: str) -> None:
    steps, open_store = STORES[name]
    path = tmp_path / "a.db"
    with closing(connect_file(path)) as connection:
        upgrade(connection, steps[:1])
    open_store(path)
    copy = tmp_path / "a.db.before-v2"
    assert copies(path) == [copy.name]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(path)) as now, closing(sqlite3.connect(copy)) as before:
        assert (database_version(before), database_version(now)) == (1, steps[-1].version)


@pytest.mark.parametrize("name", STORES)
def test_a_new_store_and_one_of_this_version_have_no_copy(tmp_path: Path, name: str) -> None:
    _, open_store = STORES[name]
    open_store(tmp_path / "a.db")
    open_store(tmp_path / "a.db")
    assert copies(tmp_path / "a.db") == []


def test_what_was_written_and_is_in_the_log_only_is_in_the_copy(store: Path) -> None:
    with closing(connect_file(store)) as other:
        other.execute("INSERT INTO kept VALUES ('the last word')")
        bring_up(store, FIRST, SECOND)
    version, checked, rows = content(store.with_name("a.db.before-v2"))
    assert (version, checked, len(rows), rows[-1]) == (1, "ok", 101, ("the last word",))


def test_a_program_of_the_time_before_goes_on_with_the_copy(store: Path) -> None:
    bring_up(store, FIRST, SECOND)
    store.with_name("a.db.before-v2").replace(store)
    bring_up(store, FIRST)
    assert content(store)[0] == 1


def test_each_version_has_one_copy_the_newest_of_it(store: Path) -> None:
    bring_up(store, FIRST, SECOND)
    bring_up(store, FIRST, SECOND, THIRD)
    assert copies(store) == ["a.db.before-v2", "a.db.before-v3"]
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("PRAGMA user_version = 1")
        connection.execute("DROP TABLE third")
        connection.execute("ALTER TABLE kept DROP COLUMN later")
        connection.execute("DELETE FROM kept")
    bring_up(store, FIRST, SECOND)
    assert copies(store) == ["a.db.before-v2", "a.db.before-v3"]
    assert content(store.with_name("a.db.before-v2"))[2] == []


def test_an_upgrade_that_broke_off_and_is_tried_again_loses_no_copy(store: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        bring_up(store, FIRST, SECOND, BROKEN)
    bring_up(store, FIRST, SECOND, THIRD)
    versions = [content(store.with_name(name))[0] for name in copies(store)]
    assert versions == [1, 2]


def test_without_room_for_the_copy_nothing_is_changed_and_what_helps_is_said(store: Path) -> None:
    before = content(store)
    with no_room_beyond(100_000), pytest.raises(FileError) as caught:
        bring_up(store, FIRST, SECOND)
    assert caught.value.error_code == "file.enospc"
    assert caught.value.next_step == f"free 1 MB of disk space for {store.parent} and run the command again"
    assert content(store) == before
    assert copies(store) == []
    bring_up(store, FIRST, SECOND)
    assert copies(store) == ["a.db.before-v2"]


def test_a_copy_that_cannot_be_written_refuses_the_upgrade(store: Path) -> None:
    store.with_name("a.db.before-v2").mkdir()
    with pytest.raises(FileError) as caught:
        bring_up(store, FIRST, SECOND)
    assert caught.value.error_code == "file.eisdir"
    assert content(store)[0] == 1
    assert copies(store) == ["a.db.before-v2"]


def test_what_a_killed_upgrade_left_of_its_copy_is_in_nobodys_way(store: Path) -> None:
    left = store.with_name(".a.db.before-v2.tmp")
    left.write_bytes(b"half of a copy")
    bring_up(store, FIRST, SECOND)
    assert copies(store) == ["a.db.before-v2"]
    assert content(store.with_name("a.db.before-v2"))[:2] == (1, "ok")


def test_programs_that_upgrade_at_once_keep_a_copy_of_the_time_before(store: Path) -> None:
    barrier = threading.Barrier(6)
    failures: list[BaseException] = []

    def open_it() -> None:
        barrier.wait()
        try:
            bring_up(store, FIRST, SECOND)
        except (FileError, sqlite3.Error) as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failures == []
    assert copies(store) == ["a.db.before-v2"]
    assert content(store.with_name("a.db.before-v2"))[0] == 1


def test_a_copy_in_memory_is_upgraded_without_one_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    sync.open_database(path, sync.migrations()[:2]).close()
    sync.copy_in_memory(path).close()
    assert copies(path) == []

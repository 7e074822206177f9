"""Opening an SQLite file: private from the start, and patient where SQLite's own patience ends."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from openclaw_install.common.sqlite_file import connect_file, connect_reading, patiently, stamp_of


def test_a_new_file_is_private_durable_and_in_wal_mode(tmp_path: Path) -> None:
    with closing(connect_file(tmp_path / "a.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert modes == dict.fromkeys(("a.db", "a.db-wal", "a.db-shm"), 0o600)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_the_switch_to_wal_waits_for_another_that_holds_the_file(tmp_path: Path) -> None:
    """A rollback-mode database that somebody writes: SQLite answers BUSY at once, whatever the timeout."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
        timer.start()
        connect_file(path).close()
        timer.join()


def test_what_stays_busy_is_told_after_the_time_that_was_given(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            connect_file(path, lock_seconds=0.1)


def test_another_error_is_not_tried_again() -> None:
    tries = []

    def fail() -> None:
        tries.append(1)
        raise sqlite3.OperationalError("no such table")

    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        patiently(fail)
    assert len(tries) == 1


def test_a_second_connection_does_not_let_another_process_remove_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM t'); c.close()"
    with closing(connect_file(path)) as first:
        first.execute("CREATE TABLE t (x)")
        connect_file(path).close()
        with closing(connect_file(path)):
            subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=60)
            first.execute("INSERT INTO t VALUES (1)")
            assert path.with_name("file.db-wal").exists()
            with closing(connect_file(path)) as third:
                assert third.execute("SELECT x FROM t").fetchall() == [(1,)]


def test_a_stamp_tells_that_another_opened_or_wrote_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(connect_file(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
    before = stamp_of(path)
    assert stamp_of(path) == before
    with closing(connect_file(path)) as connection:
        connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
        assert stamp_of(path) != before
    assert stamp_of(path) != before
    with closing(connect_reading(path, past_log=False)) as reading:
        assert reading.execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_a_read_only_file_system_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.sqlite3"
    connect_file(path).close()
    monkeypatch.setattr(os, "access", lambda *_args: False)
    with pytest.raises(OSError, match="Permission denied"):
        connect_file(path)
    fixed = SimpleNamespace(f_flag=os.ST_RDONLY)
    monkeypatch.setattr(os, "statvfs", lambda _path: fixed)
    with pytest.raises(OSError, match="Read-only file system"):
        connect_file(path)

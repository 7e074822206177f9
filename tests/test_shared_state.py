"""The database that all hosts share: what a killed gateway left half-written is rolled back."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from openclaw_install.demo.scratch_host import forget_locks, settle_handoffs


def _killed_in_a_transaction(folder: Path) -> Path:
    """A database beside the journal of a transaction whose pages have reached the file."""
    live, dead = folder / "live.sqlite", folder / "dead.sqlite"
    with closing(sqlite3.connect(live, isolation_level=None)) as writer:
        writer.execute("CREATE TABLE t (x)")
        writer.execute("INSERT INTO t VALUES ('before')")
        writer.execute("PRAGMA cache_spill = 1")
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE t SET x = 'half'")
        writer.executemany("INSERT INTO t VALUES (?)", [("y" * 2000,)] * 50)
        shutil.copy(live, dead)
        shutil.copy(f"{live}-journal", f"{dead}-journal")
        writer.execute("ROLLBACK")
    return dead


def test_what_a_killed_gateway_left_is_rolled_back(tmp_path: Path) -> None:
    path = _killed_in_a_transaction(tmp_path)
    with (
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        reader.execute("SELECT x FROM t").fetchall()
    assert settle_handoffs(path)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        assert reader.execute("SELECT x FROM t").fetchall() == [("before",)]


def test_nothing_is_touched_where_nothing_lies(tmp_path: Path) -> None:
    assert not settle_handoffs(tmp_path / "none.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_the_journal_of_a_process_that_lives_stays(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("CREATE TABLE t (x)")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO t VALUES (1)")
        assert not settle_handoffs(path)
        writer.execute("COMMIT")
        assert writer.execute("SELECT x FROM t").fetchall() == [(1,)]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    path = _killed_in_a_transaction(tmp_path)
    link = tmp_path / "link.sqlite"
    link.symlink_to(path)
    assert not settle_handoffs(link)


def test_the_lock_files_of_a_host_that_is_gone_go_and_those_of_others_stay(tmp_path: Path) -> None:
    root, locks = tmp_path / "host", tmp_path / "locks"
    database = root / "state" / "openclaw.sqlite"
    database.parent.mkdir(parents=True)
    database.touch()
    locks.mkdir()
    ours = hashlib.sha256(str(database).encode()).hexdigest()[:8]
    for name in (f"state-handles.{ours}", f"state-lifecycle.{ours}", "state-handles.01234567"):
        (locks / f"{name}.lock.sqlite").touch()
    (tmp_path / "link").symlink_to(locks)
    forget_locks(root, tmp_path / "link")
    forget_locks(root, tmp_path / "none")
    assert len(list(locks.iterdir())) == 3
    forget_locks(root, locks)
    assert [lock.name for lock in locks.iterdir()] == ["state-handles.01234567.lock.sqlite"]

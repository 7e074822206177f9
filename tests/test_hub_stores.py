"""The hub's stores: SQLite and disk in one suite with their twins in memory, then what only they can do."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from openclaw_install.common.errors import ConflictError, FileError, UsageError
from openclaw_install.common.files import MOST_BYTES
from openclaw_install.common.migrations import read_migrations
from openclaw_install.hub.admin import Admin
from openclaw_install.hub.audit_chain import verify
from openclaw_install.hub.data_folder import DataFolder
from openclaw_install.hub.model import (
    AddAgent,
    AddKey,
    Agent,
    Append,
    AuditEntry,
    Change,
    DropSkill,
    Key,
    PutSkill,
    RefusedError,
    RevokeKey,
    SetPodState,
    Skill,
    TouchKey,
    utc_now,
)
from openclaw_install.hub.recovery import recover
from openclaw_install.hub.storage.group_commit import Committer
from openclaw_install.hub.storage.metadata import Metadata
from openclaw_install.hub.storage.skill_files import DiskSkillFiles, SkillFiles
from openclaw_install.hub.storage.sqlite import migrate
from openclaw_install.hub.storage.sqlite_metadata import MIGRATIONS, SqliteMetadata
from tests.support.memory_metadata import MemoryMetadata
from tests.support.memory_skill_files import MemorySkillFiles

ANN = Key("key_a", "ann", "t1")
BOB = Key("key_b", "bob", "t2")
KITCHEN = Agent("agt_k", "ann", "kitchen", "stopped", "t1")
ATTIC = Agent("agt_a", "ann", "attic", "running", "t2")
CELLAR = Agent("agt_c", "bob", "cellar", "stopped", "t3")


def entry(outcome: str) -> AuditEntry:
    return AuditEntry(
        "t", "upload", outcome, owner="ann", key_id="key_a", agent_id="agt_k", skill="s", bytes=3
    )


@pytest.fixture(params=["sqlite", "memory"])
def metadata(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Metadata]:
    made: Metadata = SqliteMetadata(tmp_path / "hub.db") if request.param == "sqlite" else MemoryMetadata()
    yield made
    made.close()


@pytest.fixture(params=["disk", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> SkillFiles:
    made: SkillFiles = DiskSkillFiles(tmp_path) if request.param == "disk" else MemorySkillFiles()
    made.prepare("agt_k")
    return made


def test_keys_are_found_by_their_digest_touched_and_revoked_once(metadata: Metadata) -> None:
    metadata.commit([AddKey(ANN, "a" * 64), AddKey(BOB, "b" * 64)])
    metadata.commit([TouchKey("key_a", "t5"), RevokeKey("key_a", "t6"), RevokeKey("key_a", "t7")])
    after = replace(ANN, last_used_at="t5", revoked_at="t6")
    assert metadata.keys() == [after, BOB]
    assert metadata.key_by_digest("a" * 64) == after
    assert metadata.key_by_digest("c" * 64) is None


def test_agents_are_listed_by_owner_and_name_and_their_pods_start_and_stop(metadata: Metadata) -> None:
    metadata.commit([AddAgent(KITCHEN), AddAgent(ATTIC), AddAgent(CELLAR)])
    assert metadata.agents() == [ATTIC, CELLAR, KITCHEN]
    assert metadata.agents("ann") == [ATTIC, KITCHEN]
    metadata.commit([SetPodState("agt_k", "running")])
    assert metadata.agent("agt_k") == replace(KITCHEN, pod_state="running")
    assert metadata.agent("agt_x") is None


def test_a_skill_is_replaced_by_name_and_dropped(metadata: Metadata) -> None:
    first, second = Skill("agt_k", "s", "1" * 64, 3, "t1"), Skill("agt_k", "s", "2" * 64, 4, "t2")
    other = Skill("agt_k", "o", "3" * 64, 5, "t3")
    metadata.commit([AddAgent(KITCHEN), PutSkill(first), PutSkill(other), PutSkill(second)])
    assert metadata.skills("agt_k") == [other, second]
    assert metadata.skill_count("agt_k") == 2
    metadata.commit([DropSkill("agt_k", "s"), DropSkill("agt_k", "never")])
    assert metadata.skills("agt_k") == [other]
    assert metadata.skill_count("agt_x") == 0


def test_a_taken_name_takes_the_whole_transaction_back(metadata: Metadata) -> None:
    metadata.commit([AddKey(ANN, "a" * 64), AddAgent(KITCHEN)])
    taken: list[Change] = [AddAgent(replace(KITCHEN, id="agt_2")), AddKey(ANN, "d" * 64)]
    for change in taken:
        with pytest.raises(ConflictError):
            metadata.commit([AddKey(BOB, "b" * 64), Append(entry("lost")), change])
    assert metadata.keys() == [ANN]
    assert metadata.agents() == [KITCHEN]
    assert metadata.audit() == []


def test_the_audit_is_a_chain_that_is_read_in_pages(metadata: Metadata) -> None:
    metadata.commit([Append(entry(str(number))) for number in range(3)])
    metadata.commit([Append(entry("3"))])
    rows = metadata.audit()
    assert [row.entry for row in rows] == [entry(str(number)) for number in range(4)]
    assert verify(rows).ok
    assert metadata.audit(after=1, limit=2) == rows[1:3]
    assert metadata.audit(after=4) == []


def test_contents_come_back_byte_for_byte_and_are_replaced(files: SkillFiles) -> None:
    assert files.read("agt_k", "s") is None
    files.write("agt_k", "s", b"one\r\n\xff")
    files.write("agt_k", "o", b"other")
    assert files.read("agt_k", "s") == b"one\r\n\xff"
    files.write("agt_k", "s", b"two")
    files.prepare("agt_k")
    assert files.read("agt_k", "s") == b"two"
    assert files.names("agt_k") == ["o", "s"]


@pytest.mark.parametrize("name", ["..", "a/b", "x" * 300, "nul\0", ""])
def test_the_files_themselves_refuse_a_name_that_leads_elsewhere(files: SkillFiles, name: str) -> None:
    with pytest.raises(RefusedError):
        files.write("agt_k", name, b"x")
    with pytest.raises(RefusedError):
        files.read("agt_k", name)


def test_a_link_that_an_agent_planted_leads_no_write_out_of_its_folder(tmp_path: Path) -> None:
    files = DiskSkillFiles(tmp_path / "agents")
    files.prepare("agt_k")
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = files.folder("agt_k")
    (folder / "out").symlink_to(outside)
    (folder / "inside").symlink_to(folder / "real")
    (folder / "real").mkdir()
    (folder / "file").mkdir()
    (folder / "file" / "SKILL.md").symlink_to(outside / "SKILL.md")
    for name in ("out", "inside", "file"):
        with pytest.raises(FileError, match="is a symbolic link") as caught:
            files.write("agt_k", name, b"x")
        assert caught.value.error_code == "hub.linked_skill"
    assert list(outside.iterdir()) == []
    files.prepare("agt_k")
    assert files.names("agt_k") == []


def test_a_link_in_the_place_of_the_whole_folder_is_not_followed_either(tmp_path: Path) -> None:
    files = DiskSkillFiles(tmp_path / "agents")
    files.prepare("agt_k")
    (tmp_path / "outside" / "empty").mkdir(parents=True)
    files.folder("agt_k").rmdir()
    files.folder("agt_k").symlink_to(tmp_path / "outside")
    for act in (
        lambda: files.write("agt_k", "s", b"x"),
        lambda: files.read("agt_k", "s"),
        lambda: files.prepare("agt_k"),
        lambda: files.names("agt_k"),
    ):
        with pytest.raises(FileError, match="skills is a symbolic link"):
            act()
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["empty"]


def test_a_link_that_takes_a_folder_s_place_during_a_write_leads_it_nowhere(tmp_path: Path) -> None:
    files = DiskSkillFiles(tmp_path / "agents")
    files.prepare("agt_k")
    outside = tmp_path / "outside"
    outside.mkdir()
    place = files.folder("agt_k") / "s"
    done = threading.Event()

    def swap() -> None:
        number = 0
        while not done.is_set():
            number += 1
            for step in (
                lambda aside=tmp_path / str(number): place.rename(aside),
                lambda: place.symlink_to(outside),
                place.unlink,
            ):
                with contextlib.suppress(OSError):
                    step()

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for number in range(100):
            with contextlib.suppress(FileError):
                files.write("agt_k", "s", b"%d" % number)
    finally:
        done.set()
        swapping.join(30)
    assert list(outside.iterdir()) == []


def test_what_an_interrupted_write_left_is_swept_and_the_rest_is_kept(tmp_path: Path) -> None:
    files = DiskSkillFiles(tmp_path)
    files.prepare("agt_k")
    files.write("agt_k", "good", b"good")
    folder = files.folder("agt_k")
    (folder / "good" / ".SKILL.md.0123.tmp").write_bytes(b"ha")
    (folder / "half").mkdir()
    (folder / "half" / ".SKILL.md.4567.tmp").write_bytes(b"h")
    (folder / "Operators-Own").mkdir()
    files.prepare("agt_k")
    assert sorted(path.name for path in folder.iterdir()) == ["Operators-Own", "good"]
    assert [path.name for path in (folder / "good").iterdir()] == ["SKILL.md"]
    assert stat.S_IMODE((folder / "good").stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "good" / "SKILL.md").stat().st_mode) == 0o600


def test_a_file_in_the_place_of_a_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    files = DiskSkillFiles(tmp_path)
    files.prepare("agt_k")
    (files.folder("agt_k") / "s").write_text("in the way")
    with pytest.raises(FileError, match="SKILL"):
        files.write("agt_k", "s", b"x")
    shutil.rmtree(files.folder("agt_k"))
    with pytest.raises(FileError, match="cannot write"):
        files.write("agt_k", "s", b"x")
    assert files.read("agt_k", "s") is None


def test_a_write_that_fails_leaves_neither_a_new_folder_nor_a_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = DiskSkillFiles(tmp_path)
    files.prepare("agt_k")
    files.write("agt_k", "old", b"before")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        for name in ("old", "new"):
            with pytest.raises(FileError) as caught:
                files.write("agt_k", name, b"after")
            assert caught.value.error_code == "file.enospc"
    assert [path.name for path in files.folder("agt_k").iterdir()] == ["old"]
    assert [path.name for path in (files.folder("agt_k") / "old").iterdir()] == ["SKILL.md"]
    assert files.read("agt_k", "old") == b"before"


def test_what_is_no_file_or_far_too_large_is_not_read(tmp_path: Path) -> None:
    files = DiskSkillFiles(tmp_path)
    files.prepare("agt_k")
    for name in ("pipe", "huge"):
        (files.folder("agt_k") / name).mkdir()
    os.mkfifo(files.folder("agt_k") / "pipe" / "SKILL.md")
    with (files.folder("agt_k") / "huge" / "SKILL.md").open("wb") as stream:
        stream.truncate(MOST_BYTES + 1)
    for name in ("pipe", "huge"):
        with pytest.raises(FileError, match=f"{name}/SKILL.md"):
            files.read("agt_k", name)
    assert files.names("agt_k") == ["huge"]
    files.write("agt_k", "pipe", b"a file again")
    assert files.read("agt_k", "pipe") == b"a file again"


def test_a_file_keeps_the_rights_that_its_owner_gave_it(tmp_path: Path) -> None:
    files = DiskSkillFiles(tmp_path)
    files.prepare("agt_k")
    files.write("agt_k", "s", b"x")
    file = files.folder("agt_k") / "s" / "SKILL.md"
    file.chmod(0o644)
    files.write("agt_k", "s", b"y")
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_recovery_makes_rows_of_what_a_crash_left_and_tells_it(metadata: Metadata, files: SkillFiles) -> None:
    gone = Skill("agt_k", "gone", "1" * 64, 3, "t1")
    metadata.commit([AddAgent(KITCHEN), PutSkill(gone)])
    files.write("agt_k", "written", b"unrecorded")
    files.write("agt_k", "empty", b"")
    found = recover(metadata, files, utc_now)
    assert [(one.skill, one.outcome) for one in found] == [("gone", "vanished"), ("written", "adopted")]
    assert [skill.name for skill in metadata.skills("agt_k")] == ["written"]
    assert [row.entry.outcome for row in metadata.audit()] == ["vanished", "adopted"]
    assert recover(metadata, files, utc_now) == []


def test_recovery_passes_over_what_it_cannot_read(tmp_path: Path) -> None:
    metadata, files = MemoryMetadata(), DiskSkillFiles(tmp_path)
    metadata.commit([AddAgent(KITCHEN)])
    files.prepare("agt_k")
    outside = tmp_path / "secret"
    outside.write_text("not a skill")
    (files.folder("agt_k") / "s").mkdir()
    (files.folder("agt_k") / "s" / "SKILL.md").symlink_to(outside)
    assert recover(metadata, files, utc_now) == []


def test_one_agent_s_unusable_folder_keeps_the_hub_from_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metadata, files = MemoryMetadata(), DiskSkillFiles(tmp_path)
    kept = Skill("agt_k", "kept", "1" * 64, 3, "t1")
    metadata.commit([AddAgent(KITCHEN), AddAgent(CELLAR), PutSkill(kept)])
    files.prepare("agt_c")
    files.write("agt_c", "written", b"unrecorded")
    (files.folder("agt_c") / "trap" / ".SKILL.md.0.tmp").mkdir(parents=True)
    (tmp_path / "agt_k").mkdir()
    (tmp_path / "agt_k" / "skills").symlink_to(tmp_path)
    found = recover(metadata, files, utc_now)
    assert [(one.agent_id, one.skill, one.outcome) for one in found] == [("agt_c", "written", "adopted")]
    assert metadata.skills("agt_k") == [kept]
    assert "agt_k cannot be used" in caplog.text


def _schema(connection: sqlite3.Connection) -> set[tuple[str, ...]]:
    return set(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))


@pytest.mark.parametrize("steps", range(1, len(read_migrations(MIGRATIONS))))
def test_an_upgraded_database_equals_a_fresh_one(tmp_path: Path, steps: int) -> None:
    shipped = read_migrations(MIGRATIONS)
    assert [step.version for step in shipped] == list(range(1, len(shipped) + 1))
    fresh = sqlite3.connect(tmp_path / "fresh.db", isolation_level=None)
    migrate(fresh, shipped)
    old = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    assert migrate(old, shipped[:steps]) == steps
    assert _schema(old) != _schema(fresh)
    migrate(old, shipped)
    assert _schema(old) == _schema(fresh)
    fresh.close()
    old.close()


def test_two_programs_that_upgrade_at_once_do_it_once(tmp_path: Path) -> None:
    failures: list[BaseException] = []
    barrier = threading.Barrier(6)

    def open_it() -> None:
        barrier.wait()
        try:
            SqliteMetadata(tmp_path / "hub.db").close()
        except FileError as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failures == []


def test_a_failing_migration_leaves_the_version_before_it(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "hub.db", isolation_level=None)
    first, second = read_migrations(MIGRATIONS)[:2]
    broken = replace(second, script="CREATE TABLE half (x);\nCREATE TABLE half (x);\n")
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, [first, broken])
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchall()
    connection.close()


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    SqliteMetadata(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(FileError) as caught:
        SqliteMetadata(path)
    assert caught.value.error_code == "hub.newer_database"


def test_a_file_that_is_no_database_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    path.write_bytes(b"this is no database, but long enough to be looked at as one" * 20)
    with pytest.raises(FileError, match=r"hub\.db: SQLITE_NOTADB") as caught:
        SqliteMetadata(path)
    assert "backup" in caught.value.next_step
    with pytest.raises(FileError, match="cannot open"):
        SqliteMetadata(tmp_path / "missing" / "hub.db")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET owner = 'eve' WHERE seq = 1",
        "DELETE FROM audit WHERE seq = 2",
        "INSERT OR REPLACE INTO audit SELECT 1, at, action, '', '', '', '', '', '', 0, '', 'x' FROM audit",
        "REPLACE INTO audit SELECT 9, at, action, '', '', '', '', '', '', 0, '', hash FROM audit",
    ],
)
def test_the_database_itself_refuses_to_change_or_remove_an_audit_row(tmp_path: Path, statement: str) -> None:
    metadata = SqliteMetadata(tmp_path / "hub.db")
    metadata.commit([Append(entry("a")), Append(entry("b"))])
    before = metadata.audit()
    stranger = sqlite3.connect(tmp_path / "hub.db")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        stranger.execute(statement)
    stranger.close()
    assert metadata.audit() == before
    metadata.close()


def test_who_takes_the_triggers_away_is_found_by_the_chain(tmp_path: Path) -> None:
    metadata = SqliteMetadata(tmp_path / "hub.db")
    metadata.commit([Append(entry(str(number))) for number in range(4)])
    stranger = sqlite3.connect(tmp_path / "hub.db", isolation_level=None)
    stranger.execute("DROP TRIGGER audit_is_never_changed")
    stranger.execute("UPDATE audit SET owner = 'eve' WHERE seq = 2")
    stranger.close()
    verdict = Admin(metadata, MemorySkillFiles()).verify_audit()
    assert (verdict.ok, verdict.broken_at) == (False, 2)
    metadata.close()


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    metadata = SqliteMetadata(tmp_path / "hub.db")
    assert tuple(metadata._writer.execute("PRAGMA synchronous").fetchone()) == (2,), "FULL"
    assert tuple(metadata._writer.execute("PRAGMA journal_mode").fetchone()) == ("wal",)
    assert stat.S_IMODE((tmp_path / "hub.db").stat().st_mode) == 0o600
    metadata.close()


def test_a_full_disk_under_the_database_is_told_and_loses_nothing(tmp_path: Path) -> None:
    metadata = SqliteMetadata(tmp_path / "hub.db")
    metadata.commit([AddAgent(KITCHEN)])
    pages = metadata._writer.execute("PRAGMA page_count").fetchone()[0]
    metadata._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(FileError, match="SQLITE_FULL") as caught:
        metadata.commit([Append(entry("x" * 100)) for _ in range(500)])
    assert caught.value.error_code == "hub.database_full"
    assert "free some disk space" in caught.value.next_step
    metadata._writer.execute("PRAGMA max_page_count = 1000000")
    metadata.commit([Append(entry("after"))])
    assert [row.entry.outcome for row in metadata.audit()] == ["after"]
    metadata.close()


class _Gated(MemoryMetadata):
    """Holds the first commit until it is let go, so that the next ones gather."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.sizes: list[int] = []
        self.before_commit: Callable[[], None] = lambda: None

    def commit(self, changes: object) -> None:
        assert isinstance(changes, list)
        self.sizes.append(len(changes))
        self.entered.set()
        assert self.go_on.wait(10)
        self.before_commit()
        super().commit(changes)


def test_what_gathers_during_a_commit_shares_the_next_one() -> None:
    metadata = _Gated()
    committer = Committer(metadata, largest_group=3)
    first = committer.submit([Append(entry("0"))])
    assert metadata.entered.wait(10)
    later = [committer.submit([Append(entry(str(number)))]) for number in range(1, 6)]
    given_up = committer.submit([Append(entry("given up"))])
    assert given_up.cancel()
    metadata.go_on.set()
    for done in (first, *later):
        done.result(10)
    committer.close()
    assert metadata.sizes == [1, 3, 2]
    assert [row.entry.outcome for row in metadata.audit()] == [str(number) for number in range(6)]


def test_closing_commits_what_gathered_before_it() -> None:
    metadata = _Gated()
    committer = Committer(metadata)
    first = committer.submit([Append(entry("0"))])
    assert metadata.entered.wait(10)
    second = committer.submit([Append(entry("1"))])
    committer._queue.put(None)
    metadata.go_on.set()
    committer.close()
    assert first.done()
    assert second.done()
    assert [row.entry.outcome for row in metadata.audit()] == ["0", "1"]


def test_a_failed_commit_fails_all_who_shared_it_and_the_next_one_works() -> None:
    metadata = _Gated()
    metadata.go_on.set()
    committer = Committer(metadata)

    def explode() -> None:
        metadata.before_commit = lambda: None
        raise FileError("the disk is full", next_step="free some", code="file.enospc")

    metadata.before_commit = explode
    with pytest.raises(FileError, match="full"):
        committer.submit([Append(entry("lost"))]).result(10)
    committer.submit([Append(entry("kept"))]).result(10)
    committer.close()
    assert [row.entry.outcome for row in metadata.audit()] == ["kept"]


def test_a_data_folder_is_private_is_the_hub_s_own_and_is_served_once(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir(mode=0o755)
    folder = DataFolder.prepare(mine)
    assert stat.S_IMODE(mine.stat().st_mode) == 0o700
    with folder.served(), pytest.raises(ConflictError, match="another hub"), folder.served():
        raise AssertionError("two hubs serve one folder")
    with folder.served():
        pass
    (mine / "hub.lock").unlink()
    (mine / "hub.lock").mkdir()
    with pytest.raises(FileError, match=r"cannot lock .*hub\.lock"), folder.served():
        raise AssertionError("there is nothing to lock")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(UsageError, match="other things"):
        DataFolder.prepare(tmp_path / "photos")
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="cannot"):
        DataFolder.prepare(tmp_path / "file")
    with pytest.raises(FileError):
        DataFolder.prepare(tmp_path / "file" / "hub")

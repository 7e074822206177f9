"""The ledger: what a crash, a full disk or an older version leaves behind, and what that means next time."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.errors import ConflictError, FileError, InstallError
from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.migrations import Migration
from openclaw_install.common.sqlite_file import connect_reading
from openclaw_install.sync.consent import Consents, all_consents, allowed_secrets, revoke
from openclaw_install.sync.database import copy_in_memory, migrations, open_database
from openclaw_install.sync.ledger import Ledger, Record
from openclaw_install.sync.ledger_path import ledger_folder
from openclaw_install.sync.service import Agent, Upload
from tests.sync_rig import ReadyOperator, upload

URL = "https://a.example/mcp"
ALPHA = upload("alpha")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "sync") as made:
        yield made


def test_an_acknowledgement_settles_its_attempt(ledger: Ledger) -> None:
    ids = ledger.begin(URL, "a", [ALPHA], 10.0)
    assert ledger.records(URL)["a", "alpha"].in_doubt
    ledger.acknowledge(URL, "a", [(ALPHA, ids["alpha"], "said yes")], 11.0)
    assert ledger.records(URL) == {("a", "alpha"): Record(ALPHA.sha256, 11.0)}
    assert ledger.query("SELECT answer FROM acknowledgement") == [("said yes",)]
    assert ledger.records("https://other.example/mcp") == {}


def test_an_attempt_without_an_outcome_leaves_a_doubt_for_ever(ledger: Ledger) -> None:
    ids = ledger.begin(URL, "a", [ALPHA], 10.0)
    ledger.acknowledge(URL, "a", [(ALPHA, ids["alpha"], "")], 11.0)
    ledger.begin(URL, "a", [upload("alpha", "changed")], 12.0)  # and here the process dies
    record = ledger.records(URL)["a", "alpha"]
    assert (record.sha256, record.in_doubt, record.error_code) == (ALPHA.sha256, True, "sync.interrupted")
    later = ledger.begin(URL, "a", [ALPHA], 13.0)
    ledger.fail([(later["alpha"], "refused", "c", "later refused")], 14.0)
    record = ledger.records(URL)["a", "alpha"]
    assert (record.in_doubt, record.error, record.error_at) == (True, "later refused", 14.0)
    last = ledger.begin(URL, "a", [ALPHA], 15.0)
    ledger.acknowledge(URL, "a", [(ALPHA, last["alpha"], "")], 16.0)
    assert ledger.records(URL)["a", "alpha"] == Record(ALPHA.sha256, 16.0)


@pytest.mark.parametrize(("outcome", "doubt"), [("refused", False), ("unsent", False), ("doubtful", True)])
def test_a_failure_is_kept_and_only_a_doubtful_one_leaves_a_doubt(
    ledger: Ledger, outcome: str, doubt: bool
) -> None:
    for moment in (1.0, 2.0):
        ids = ledger.begin(URL, "a", [ALPHA], moment)
        ledger.fail([(ids["alpha"], outcome, "code", f"failed at {moment}")], moment)
    expected = Record(None, None, doubt, "code", "failed at 2.0", 2.0, cut_off=doubt)
    assert ledger.records(URL)["a", "alpha"] == expected
    count = ledger.query("SELECT count(*) FROM attempt")[0][0]
    assert count == (2 if doubt else 1)


def unclear(ledger: Ledger, item: Upload, moment: float) -> Record:
    ids = ledger.begin(URL, "a", [item], moment)
    ledger.fail([(ids[item.name], "unclear", "sync.unconfirmed", "says neither")], moment)
    return ledger.records(URL)["a", item.name]


def test_unclear_answers_are_counted_for_each_content_and_kept_apart_from_attempts_that_were_cut_off(
    ledger: Ledger,
) -> None:
    first = unclear(ledger, ALPHA, 1.0)
    assert (first.unclear_answers, first.is_unconfirmed(ALPHA.sha256)) == (1, False)
    second = unclear(ledger, ALPHA, 2.0)
    assert (second.unclear_answers, second.in_doubt, second.cut_off) == (2, True, False)
    assert second.is_unconfirmed(ALPHA.sha256)
    assert ledger.query("SELECT count(*) FROM attempt") == [(1,)]
    ids = ledger.begin(URL, "a", [ALPHA], 3.0)  # and here the process dies
    assert not ledger.records(URL)["a", "alpha"].is_unconfirmed(ALPHA.sha256)
    ledger.fail([(ids["alpha"], "unsent", "sync.unreachable", "no network")], 4.0)
    assert ledger.records(URL)["a", "alpha"].is_unconfirmed(ALPHA.sha256)
    other = unclear(ledger, upload("alpha", "changed"), 5.0)
    assert (other.unclear_answers, other.is_unconfirmed(ALPHA.sha256)) == (1, False)
    ids = ledger.begin(URL, "a", [ALPHA], 6.0)
    ledger.fail([(ids["alpha"], "refused", "size", "too big")], 6.0)
    refused = ledger.records(URL)["a", "alpha"]
    assert (refused.unclear_answers, refused.in_doubt) == (0, True)
    ids = ledger.begin(URL, "a", [ALPHA], 7.0)
    ledger.acknowledge(URL, "a", [(ALPHA, ids["alpha"], "")], 8.0)
    assert ledger.records(URL) == {("a", "alpha"): Record(ALPHA.sha256, 8.0)}


def test_a_ledger_of_version_0_2_0_is_taken_over_and_its_doubts_are_tried_again(tmp_path: Path) -> None:
    old = open_database(tmp_path / "ledger.sqlite3", migrations()[:4])
    columns = "(endpoint, agent_id, skill, sha256, begun_at, outcome, code, detail, ended_at)"
    for skill, outcome in (("cut", None), ("doubtful", "doubtful"), ("refused", "refused")):
        values = (URL, "a", skill, "h", 1.0, outcome, "c", "d", 2.0)
        old.execute(f"INSERT INTO attempt {columns} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608 - constants
    old.close()
    with Ledger(tmp_path) as taken_over:
        records = taken_over.records(URL)
        assert {skill: (r.in_doubt, r.cut_off, r.unclear_answers) for (_, skill), r in records.items()} == {
            "cut": (True, True, 0),
            "doubtful": (True, True, 0),
            "refused": (False, False, 0),
        }
        assert unclear(taken_over, ALPHA, 3.0).unclear_answers == 1


def test_the_agents_are_those_of_the_last_listing(ledger: Ledger) -> None:
    ledger.remember_agents(URL, [Agent("b", "two", running=True), Agent("a", "one", running=None)], 1.0)
    ledger.remember_agents(URL, [Agent("b", "two", running=True), Agent("c", "a third")], 2.0)
    assert ledger.agents(URL) == (Agent("c", "a third"), Agent("b", "two"))


def test_facts_are_kept_by_hash_kind_and_version(ledger: Ledger) -> None:
    hashes = [f"{n:064x}" for n in range(1200)]
    ledger.learn("gate", "1", {digest: [n] for n, digest in enumerate(hashes)})
    ledger.learn("gate", "1", {})
    assert ledger.facts("gate", "1", hashes) == {digest: [n] for n, digest in enumerate(hashes)}
    assert ledger.facts("gate", "2", hashes) == ledger.facts("frontmatter", "1", hashes) == {}


def test_ledger_and_its_companions_are_private(ledger: Ledger) -> None:
    ledger.begin(URL, "a", [ALPHA], 1.0)
    with ledger.lock(URL):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in ledger.folder.iterdir()}
    assert len(modes) >= 4
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(ledger.folder.stat().st_mode) == 0o700


def test_its_folder_is_our_own_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert ledger_folder() == tmp_path / "openclaw-install" / "sync"


def test_two_runs_on_one_endpoint_exclude_each_other(ledger: Ledger) -> None:
    with ledger.lock(URL), ledger.lock("https://b.example/mcp"), Ledger(ledger.folder) as second:
        with pytest.raises(ConflictError) as caught, second.lock(URL):
            raise AssertionError("the lock was given twice")
        assert caught.value.error_code == "conflict.sync_locked"
    with ledger.lock(URL):
        pass


def schema_of(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    )
    return [(name, sql) for name, sql in rows]


@pytest.mark.parametrize("start", range(1, len(migrations())))
def test_an_upgraded_ledger_equals_a_fresh_one_and_keeps_its_rows(tmp_path: Path, start: int) -> None:
    old = open_database(tmp_path / "old.sqlite3", migrations()[:start])
    old.execute("INSERT INTO acknowledgement VALUES ('e', 'a', 's', 'h', 1, 2.0, 'yes')")
    old.close()
    upgraded, fresh = open_database(tmp_path / "old.sqlite3"), open_database(tmp_path / "fresh.sqlite3")
    try:
        assert schema_of(upgraded) == schema_of(fresh)
        assert len(schema_of(fresh)) >= 7
        assert upgraded.execute("SELECT * FROM acknowledgement").fetchall() == [
            ("e", "a", "s", "h", 1, 2.0, "yes")
        ]
        versions = [one.execute("PRAGMA user_version").fetchone() for one in (upgraded, fresh)]
        assert versions == [(migrations()[-1].version,)] * 2
    finally:
        upgraded.close()
        fresh.close()


def test_migrations_are_numbered_without_gaps() -> None:
    assert [step.version for step in migrations()] == list(range(1, len(migrations()) + 1))


def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    open_database(path, [*migrations(), Migration(99, "0099_later.sql", "CREATE TABLE later (x);")]).close()
    with pytest.raises(FileError) as caught:
        open_database(path)
    assert caught.value.error_code == "file.ledger_newer"


def test_a_broken_migration_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    open_database(path).close()
    with pytest.raises(FileError):
        open_database(
            path,
            [
                *migrations(),
                Migration(99, "0099_later.sql", "CREATE TABLE later (x);\nCREATE TABLE later (x);"),
            ],
        )
    connection = open_database(path)
    assert "later" not in dict(schema_of(connection))
    connection.close()


def test_a_damaged_ledger_says_so(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(b"this is no database, but it is long enough to be looked at " * 100)
    with pytest.raises(FileError) as caught:
        open_database(path)
    assert caught.value.error_code == "file.ledger_damaged"


def test_a_folder_in_the_ledgers_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite3").mkdir()
    with pytest.raises(FileError):
        open_database(tmp_path / "ledger.sqlite3")


def test_a_full_disk_is_told_and_the_ledger_stays_whole(ledger: Ledger) -> None:
    pages = ledger.query("PRAGMA page_count")[0][0]
    ledger.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(FileError) as caught:
        ledger.begin(URL, "a", [upload(f"skill-{n}") for n in range(500)], 1.0)
    assert caught.value.error_code == "file.enospc"
    ledger.connection.execute("PRAGMA max_page_count = 100000")
    assert ledger.records(URL) == {}


def test_a_ledger_that_another_process_holds_is_told(ledger: Ledger) -> None:
    other = sqlite3.connect(ledger.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ledger.connection.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(FileError) as caught:
        ledger.begin(URL, "a", [ALPHA], 1.0)
    assert caught.value.error_code == "file.ledger_busy"
    other.close()


def test_a_lock_that_cannot_be_made_is_told(ledger: Ledger) -> None:
    with ledger.lock(URL):
        pass
    for lock in ledger.folder.glob("*.lock"):
        lock.unlink()
        lock.mkdir()
    with pytest.raises(InstallError), ledger.lock(URL):
        raise AssertionError("a folder cannot be a lock")


def test_consents_are_asked_once_recorded_and_revocable(ledger: Ledger) -> None:
    operator = ReadyOperator(answers=[True, True, True])
    consents = Consents(ledger, operator, 5.0)
    agent = Agent("a", "main")
    for _ in range(2):
        consents.connect(URL)
        consents.upload(URL, agent, ["/r/one", "/r/two"], 2)
        consents.upload(URL, agent, ["/r/one"], 1)
    assert len(operator.asked) == 2
    consents.upload(URL, agent, ["/r/one", "/r/three"], 1)
    assert operator.asked[-1] == f"Upload 1 SKILL.md to the agent main (a) at {URL}, from /r/three?"
    given = [jsonable(consent) for consent in all_consents(ledger)]
    assert [consent["kind"] for consent in given] == ["connect", "upload", "upload"]
    assert given[1]["roots"] == ["/r/one", "/r/two"]
    assert given[0]["given_at"] == "1970-01-01T00:00:05.000Z"
    for _ in range(2):
        consents.allow_secret(URL, agent, "alpha", "h")
    assert allowed_secrets(ledger, URL) == {("a", "alpha", "h")}
    assert allowed_secrets(ledger, f"{URL}/other") == set()
    assert revoke(ledger, 7.0) == 4
    assert revoke(ledger, 8.0) == 0
    assert allowed_secrets(ledger, URL) == set()
    assert not consents.may_connect(URL)
    operator.answers = [False]
    with pytest.raises(InstallError) as caught:
        consents.connect(URL)
    assert caught.value.error_code == "sync.declined"


def test_without_a_terminal_only_yes_is_a_consent(ledger: Ledger) -> None:
    with pytest.raises(InstallError) as caught:
        Consents(ledger, ReadyOperator(present=False), 1.0).connect(URL)
    assert (caught.value.error_code, caught.value.exit_code) == ("usage.consent", 2)
    Consents(ledger, ReadyOperator(present=False, agreed=True), 1.0).connect(URL)
    assert all_consents(ledger)[0].given_by == "--yes"


def test_a_page_is_opened_only_when_somebody_says_yes(ledger: Ledger) -> None:
    operator = ReadyOperator(answers=[True, False])
    consents = Consents(ledger, operator, 1.0)
    assert consents.browser("https://keys.example")
    assert not consents.browser("https://keys.example")
    assert not Consents(ledger, ReadyOperator(present=False, agreed=True), 1.0).browser(
        "https://keys.example"
    )
    assert [consent.kind for consent in all_consents(ledger)] == ["browser"]


def test_a_copy_of_a_ledger_that_another_writes_meanwhile_is_of_one_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reading(path: Path, **said: Any) -> sqlite3.Connection:
        connection = connect_reading(path, **said)
        if said:
            return connection
        connection.execute("SELECT * FROM sqlite_schema").fetchall()
        with contextlib.closing(open_database(path)) as other:
            other.execute("CREATE TABLE meanwhile (x)")
            other.execute("INSERT INTO meanwhile VALUES (zeroblob(100000))")
        return connection

    path = tmp_path / "ledger.sqlite3"
    open_database(path).close()
    monkeypatch.setattr("openclaw_install.sync.database.connect_reading", reading)
    with contextlib.closing(copy_in_memory(path)) as copy:
        assert copy.execute("SELECT length(x) FROM meanwhile").fetchone() == (100_000,)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)

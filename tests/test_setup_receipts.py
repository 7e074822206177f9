"""The journal by itself: what it stores, what a crash between its writes leaves, what it refuses to read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.errors import FileError
from openclaw_install.setup.changes import Change, Folder, carry_out, missing_folders
from openclaw_install.setup.receipt import Receipt, new_receipt
from openclaw_install.setup.receipts import ReceiptStore
from openclaw_install.setup.transaction import apply_changes
from openclaw_install.setup.undo import carry_out_undo, plan_undo
from tests.schemas import assert_valid
from tests.setup_rig import PLAIN, MemoryFiles, PlainHost


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.fixture
def host(tmp_path: Path) -> PlainHost:
    plain = PlainHost(tmp_path / "host")
    plain.write(PLAIN)
    return plain


@pytest.fixture
def store(host: PlainHost) -> ReceiptStore:
    return host.store


def receipt(store: ReceiptStore, **parts: Any) -> Receipt:
    place = store.reach.state_dir
    changes = [
        Change("config", place / "openclaw.json", "config", b"old", b"new", 0o600, None, (("a", 0),)),
        Change("mode", place, "permissions", before_mode=0o755, after_mode=0o700),
        Change("bundle", place / "skills" / "a", "bundle a", None, b"made", None, 0o600, bundle="a"),
    ]
    return new_receipt("setup", changes, store.moment_after_last(), **parts)


def document_of(store: ReceiptStore, identity: str) -> Path:
    return store.place(identity) / "receipt.json"


def test_a_receipt_comes_back_as_it_was_written(store: ReceiptStore) -> None:
    made, emptied = store.reach.state_dir / "skills", store.reach.state_dir / "y"
    parts = {"folders": [made], "emptied": [Folder(emptied, 0o755)]}
    written = replace(receipt(store, **parts), reach=store.reach)
    store.begin(written)
    assert_valid(json.loads(document_of(store, written.id).read_text()), "receipt")
    assert store.interrupted() == (written,)
    store.settle(written)
    [standing] = store.in_force()
    assert standing.status == "applied"
    assert standing.changes == written.changes
    assert "b'old'" not in repr(standing)


def test_where_there_is_no_store_there_are_no_receipts(store: ReceiptStore) -> None:
    assert (store.in_force(), store.interrupted(), store.leftover_folders()) == ((), (), ())
    store.forget_all()
    assert not store.folder.exists()


def test_a_receipt_that_was_never_begun_counts_for_nothing_and_is_cleared_away(store: ReceiptStore) -> None:
    store.begin(receipt(store))
    half = store.place("20200101T000000.000000Z-0000")
    half.mkdir(mode=0o700)
    (half / "before-0").write_bytes(b"a secret")
    (store.place("20200101T000000.000000Z-0000") / ".receipt.json.0123456789ab.tmp").write_text("{")
    gone = store.folder / ".gone-0123456789ab"
    gone.mkdir()
    (gone / "before-0").write_bytes(b"a secret")
    assert len(store.interrupted()) == 1
    store.tidy()
    assert not half.exists()
    assert not gone.exists()
    assert len(store.interrupted()) == 1


def test_the_temporary_file_of_a_mark_that_died_is_cleared_away(store: ReceiptStore) -> None:
    written = receipt(store)
    store.begin(written)
    leftover = store.place(written.id) / ".receipt.json.0123456789ab.tmp"
    leftover.write_text("{")
    store.tidy()
    assert not leftover.exists()


def test_what_a_run_takes_back_stands_no_more_from_the_moment_it_counts(store: ReceiptStore) -> None:
    first, second = receipt(store), None
    store.begin(first)
    store.settle(first)
    skills = store.reach.state_dir / "skills"
    second = receipt(store, takes_back=[first.id], folders=[skills])
    store.begin(second)
    assert [item.id for item in store.in_force()] == [first.id]
    store.settle(second)
    # A crash right here changes nothing: the mark on the first one is only housekeeping.
    assert store.in_force() == ()
    assert json.loads(document_of(store, first.id).read_text())["status"] == "applied"
    assert store.leftover_folders() == (skills,)
    store.tidy()
    assert json.loads(document_of(store, first.id).read_text())["status"] == "undone"


def test_a_damaged_image_that_nobody_needs_any_more_stops_nothing(host: PlainHost) -> None:
    host.setup()
    [first] = host.store.in_force()
    second = new_receipt("undo", [], host.store.moment_after_last(), takes_back=[first.id])
    host.store.begin(second)
    host.store.settle(second)
    for image in host.store.place(first.id).glob("before-*"):
        image.write_text("damaged")
    assert host.setup().exit_code == 0
    status = json.loads(document_of(host.store, first.id).read_text())["status"]
    assert status == "undone"


def test_of_receipts_that_stand_no_more_the_newest_ten_are_kept(store: ReceiptStore) -> None:
    identities = []
    for _ in range(15):
        written = receipt(store)
        store.begin(written)
        store.mark(written, "rolled_back")
        identities.append(written.id)
    standing = receipt(store)
    store.begin(standing)
    store.settle(standing)
    store.tidy()
    left = sorted(path.name for path in (store.folder / "receipts").iterdir())
    assert left == [*identities[5:], standing.id]


def test_ids_sort_by_what_happened_even_where_the_clock_was_set_back(store: ReceiptStore) -> None:
    ahead = receipt(store)
    future = ahead.created.replace(year=ahead.created.year + 5)
    newest = new_receipt("setup", ahead.changes, future)
    store.begin(newest)
    following = receipt(store)
    assert following.id > newest.id
    assert following.created > newest.created


DAMAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no object": lambda _document: [],
    "a number": lambda _document: 1,
    "no status": lambda document: document.pop("status") and document,
    "an unknown status": lambda document: {**document, "status": "perhaps"},
    "a list for a status": lambda document: {**document, "status": []},
    "no changes": lambda document: document.pop("changes") and document,
    "an unknown kind": lambda document: {
        **document,
        "changes": [{**document["changes"][0], "kind": "magic"}],
    },
    "a command that is no text": lambda document: {**document, "command": 7},
    "a date that is none": lambda document: {**document, "created": "yesterday"},
    "a mode that is none": lambda document: {**document, "emptied": [{"path": "/x", "mode": "rwx"}]},
    "folders that are no list": lambda document: {**document, "folders": "/x"},
    "a change that is no object": lambda document: {**document, "changes": ["x"]},
    "a remnant that is no object": lambda document: {**document, "remnants": ["x"]},
    "a remnant of a run that stands": lambda document: {
        **document,
        "remnants": [{"receipt": "another", "kind": "mode", "path": "/x", "key_paths": []}],
    },
    "a host that is none": lambda document: {**document, "host": "x"},
    "an id that is no text": lambda document: {**document, "takes_back": [7]},
    "an image that is no object": lambda document: {
        **document,
        "changes": [{**document["changes"][0], "before": "x"}],
    },
    "an image outside": lambda document: {
        **document,
        "changes": [
            {**document["changes"][0], "before": {**document["changes"][0]["before"], "file": "../../lock"}}
        ],
    },
    "a time of no zone": lambda document: {**document, "created": "2026-01-01T00:00:00"},
    "a time before all others": lambda document: {**document, "created": "0001-01-01T00:00:00+14:00"},
    "a time after all others": lambda document: {**document, "created": "9999-12-31T23:59:59.999999+00:00"},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_receipt_is_named_and_not_guessed_at(
    store: ReceiptStore, damage: Callable[[dict[str, Any]], object]
) -> None:
    written = receipt(store)
    store.begin(written)
    store.settle(written)
    path = document_of(store, written.id)
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(FileError) as caught:
        store.in_force()
    assert caught.value.error_code == "file.receipt_damaged"
    assert str(path) in caught.value.message


def test_an_image_that_was_altered_or_lost_is_noticed(store: ReceiptStore) -> None:
    written = receipt(store)
    store.begin(written)
    image = store.place(written.id) / "before-0"
    for data in (b"altered", None):
        if data is None:
            image.unlink()
        else:
            image.write_bytes(data)
        with pytest.raises(FileError) as caught:
            store.interrupted()
        assert caught.value.error_code == "file.receipt_damaged"


def test_a_receipt_of_a_newer_version_is_refused_with_the_way_out(store: ReceiptStore) -> None:
    written = receipt(store)
    store.begin(written)
    path = document_of(store, written.id)
    path.write_text(json.dumps({"format": 2, "anything": "else"}))
    with pytest.raises(FileError) as caught:
        store.in_force()
    assert caught.value.error_code == "file.receipt_newer"
    assert "upgrade" in caught.value.next_step


def test_a_file_in_the_place_of_our_folder_is_a_clear_error(host: PlainHost) -> None:
    host.ours.write_text("in the way")
    assert host.verify().report.policy.disk is not None
    with pytest.raises(FileError) as caught:
        host.setup()
    assert str(host.ours) in caught.value.message


def test_a_folder_in_the_place_of_the_lock_is_a_clear_error(host: PlainHost) -> None:
    host.setup()
    (host.store.folder / "lock").unlink()
    (host.store.folder / "lock").mkdir()
    with pytest.raises(FileError) as caught:
        host.setup()
    assert str(host.store.folder / "lock") in caught.value.message


def test_our_folders_are_private_whatever_the_umask(host: PlainHost) -> None:
    before = os.umask(0)
    try:
        host.setup()
    finally:
        os.umask(before)
    for path in [host.ours, *host.ours.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_run_in_memory_is_a_run(host: PlainHost) -> None:
    """The transaction knows the file system by its seam alone."""
    place = host.store.reach.state_dir
    files = MemoryFiles(place)
    files.write(place / "openclaw.json", b"{ a: 1 }", 0o644, None)
    before = dict(files.entries)
    changes = [
        Change("bundle", place / "skills" / "a" / "SKILL.md", "a", None, b"skill", None, 0o600, bundle="a"),
        Change("mode", place / "openclaw.json", "mode", before_mode=0o644, after_mode=0o600),
        Change("config", place / "openclaw.json", "config", b"{ a: 1 }", b"{ a: 2 }", 0o644, None, (("a",),)),
    ]
    assert [folder.path for folder in missing_folders(changes, files)] == [
        place / "skills",
        place / "skills" / "a",
    ]
    apply_changes("setup", changes, host.store, files)
    assert files.entries[place / "openclaw.json"] == (b"{ a: 2 }", 0o600)
    carry_out_undo(plan_undo(host.store.in_force(), files=files), "undo", host.store, files)
    assert files.entries == before


def test_hundreds_of_receipts_slow_nothing_down_that_matters(store: ReceiptStore) -> None:
    """Counted in files read, not in seconds: only what stands is read with its images."""
    for _ in range(200):
        written = receipt(store)
        store.begin(written)
        store.mark(written, "rolled_back")
    standing = receipt(store)
    store.begin(standing)
    store.settle(standing)
    opened: list[str] = []
    really_open = os.open

    def counted(path: Path, flags: int, mode: int = 0o777) -> int:
        opened.append(Path(path).name)
        return really_open(path, flags, mode)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", counted)
        assert len(store.in_force()) == 1
    assert len([name for name in opened if name != "receipt.json"]) == 3
    store.tidy()
    assert len(list((store.folder / "receipts").iterdir())) == 11


def test_a_store_that_cannot_be_listed_is_a_clear_error(store: ReceiptStore) -> None:
    store.begin(receipt(store))
    shutil.rmtree(store.folder / "receipts")
    (store.folder / "receipts").symlink_to("receipts")
    with pytest.raises(FileError) as caught:
        store.in_force()
    assert str(store.folder) in caught.value.message


def test_a_mode_that_is_kept_is_no_operation(host: PlainHost) -> None:
    files = MemoryFiles(Path("/"))
    carry_out(Change("mode", Path("/nowhere"), "permissions", before_mode=0o700), files)
    assert list(files.entries) == [Path("/")]

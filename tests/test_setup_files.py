"""The seam to the file system: one suite for the real one and for its twin in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw_install.common.errors import FileError
from openclaw_install.setup.changes import Change, Files, Folder, Present, is_at, standing_folders
from openclaw_install.setup.disk_files import DiskFiles, first_link, make_folder
from tests.setup_rig import MemoryFiles, tree_of

NOTHING = Present(None, None)


@pytest.fixture(params=["disk", "memory"])
def files(request: pytest.FixtureRequest, place: Path) -> Files:
    return DiskFiles() if request.param == "disk" else MemoryFiles(place)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir(mode=0o700)
    return folder


def test_where_there_is_nothing_nothing_is_seen(files: Files, place: Path) -> None:
    assert files.look(place / "a") == NOTHING
    assert files.look(place / "a" / "b") == NOTHING


def test_a_new_file_is_private_unless_told_otherwise(files: Files, place: Path) -> None:
    files.write(place / "a", b"one", None, None)
    files.write(place / "b", b"two", 0o644, None)
    assert files.look(place / "a") == Present(b"one", 0o600)
    assert files.look(place / "b") == Present(b"two", 0o644)


def test_a_file_that_is_replaced_keeps_its_permissions_unless_told_otherwise(
    files: Files, place: Path
) -> None:
    files.write(place / "a", b"one", 0o640, None)
    files.write(place / "a", b"two", None, b"one")
    assert files.look(place / "a") == Present(b"two", 0o640)
    files.write(place / "a", b"three", 0o600, b"two")
    assert files.look(place / "a") == Present(b"three", 0o600)


def test_deleting_twice_is_as_good_as_once(files: Files, place: Path) -> None:
    files.write(place / "a", b"one", None, None)
    files.delete(place / "a", b"one")
    files.delete(place / "a", b"one")
    assert files.look(place / "a") == NOTHING


def test_permissions_change_alone(files: Files, place: Path) -> None:
    files.write(place / "a", b"one", 0o644, None)
    files.set_mode(place / "a", 0o600)
    files.set_mode(place, 0o750)
    assert files.look(place / "a") == Present(b"one", 0o600)
    assert files.look(place) == Present(None, 0o750)


def test_folders_are_made_in_order_with_their_permissions_and_stay_as_they_are(
    files: Files, place: Path
) -> None:
    wanted = [Folder(place / "x"), Folder(place / "x" / "y", 0o755)]
    files.make_folders(wanted)
    files.make_folders([Folder(place / "x", 0o777)])
    assert files.look(place / "x") == Present(None, 0o700)
    assert files.look(place / "x" / "y") == Present(None, 0o755)


def test_only_empty_folders_go_deepest_first(files: Files, place: Path) -> None:
    folders = [place / "x", place / "x" / "y", place / "z"]
    files.make_folders([Folder(folder) for folder in folders])
    files.write(place / "z" / "kept", b"", None, None)
    files.remove_empty_folders([*folders, place / "never-there"])
    assert files.look(place / "x") == NOTHING
    assert files.look(place / "z" / "kept") == Present(b"", 0o600)


_IMPOSSIBLE: dict[str, Callable[[Files, Path], None]] = {
    "a file below a file": lambda files, place: files.write(place / "file" / "below", b"", None, None),
    "a folder where a file is": lambda files, place: files.make_folders([Folder(place / "file")]),
    "the mode of nothing": lambda files, place: files.set_mode(place / "missing", 0o600),
    "a file where a folder is": lambda files, place: files.write(place / "folder", b"", None, None),
    "deleting a folder as a file": lambda files, place: files.delete(place / "folder", b""),
}


@pytest.mark.parametrize("operation", _IMPOSSIBLE.values(), ids=_IMPOSSIBLE.keys())
def test_what_cannot_be_done_is_a_file_error_and_changes_nothing(
    files: Files, place: Path, operation: Callable[[Files, Path], None]
) -> None:
    files.write(place / "file", b"one", None, None)
    files.make_folders([Folder(place / "folder")])
    with pytest.raises(FileError) as caught:
        operation(files, place)
    assert caught.value.next_step
    assert files.look(place / "file") == Present(b"one", 0o600)
    assert files.look(place / "folder") == Present(None, 0o700)


def test_removing_leftovers_keeps_every_other_file(files: Files, place: Path) -> None:
    files.write(place / "a", b"one", None, None)
    files.write(place / ".a.tmp", b"the user's", None, None)
    files.remove_leftovers(place / "a", (b"one",))
    files.remove_leftovers(place / "no-folder" / "a", (b"one",))
    assert files.look(place / "a") == Present(b"one", 0o600)
    assert files.look(place / ".a.tmp") == Present(b"the user's", 0o600)


def test_the_temporary_file_of_a_dead_write_goes(place: Path) -> None:
    dead = place / ".a.0123456789ab.tmp"
    dead.write_bytes(b"half a secret")
    (place / ".ab.0123456789ab.tmp").write_bytes(b"of another file")
    DiskFiles().remove_leftovers(place / "a", (b"one", b"half a secret and the rest"))
    assert [path.name for path in place.iterdir()] == [".ab.0123456789ab.tmp"]


def test_a_link_is_no_file_whatever_it_leads_to(place: Path) -> None:
    (place / "target").write_bytes(b"the user's")
    (place / "link").symlink_to(place / "target")
    (place / "dangling").symlink_to(place / "nowhere")
    for name in ("link", "dangling"):
        assert DiskFiles().look(place / name) == Present(
            None, (place / name).lstat().st_mode & 0o777, place / name
        )


def test_a_pipe_is_not_read(place: Path) -> None:
    os.mkfifo(place / "pipe", 0o600)
    assert DiskFiles().look(place / "pipe") == Present(None, 0o600)


def test_a_folder_that_became_a_link_is_not_removed(place: Path) -> None:
    (place / "real").mkdir()
    (place / "link").symlink_to(place / "real")
    DiskFiles().remove_empty_folders([place / "link"])
    assert (place / "link").is_symlink()


def test_links_in_a_loop_are_a_file_error(place: Path) -> None:
    (place / "loop").symlink_to(place / "loop")
    assert DiskFiles().look(place / "loop" / "below").link == place / "loop"
    calls: tuple[Callable[[], object], ...] = (
        lambda: DiskFiles().delete(place / "loop" / "below", b""),
        lambda: DiskFiles().set_mode(place / "loop", 0o600),
        lambda: make_folder(place / "loop" / "below", 0o700),
        lambda: make_folder(place / "loop", 0o700),
    )
    for call in calls:
        with pytest.raises(FileError):
            call()


def test_a_folder_is_made_with_exactly_the_permissions_asked_for(place: Path) -> None:
    before = os.umask(0o077)
    try:
        make_folder(place / "open", 0o775)
    finally:
        os.umask(before)
    assert DiskFiles().look(place / "open") == Present(None, 0o775)


def test_nothing_is_seen_or_changed_behind_a_link(place: Path) -> None:
    checkout = place / "checkout"
    (checkout / "empty").mkdir(parents=True)
    (checkout / "a").write_bytes(b"the user's")
    (checkout / ".a.0123456789ab.tmp").write_bytes(b"the user's, too")
    (place / "link").symlink_to(checkout)
    before = tree_of(place, times=True)
    disk, file = DiskFiles(), place / "link" / "a"
    seen = disk.look(file)
    assert (seen.content, seen.link) == (None, place / "link")
    calls: tuple[Callable[[], object], ...] = (
        lambda: disk.write(file, b"ours", None, b"the user's"),
        lambda: disk.delete(file, b"the user's"),
        lambda: disk.set_mode(file, 0o600),
        lambda: disk.make_folders([Folder(place / "link" / "new")]),
    )
    for call in calls:
        with pytest.raises(FileError) as caught:
            call()
        assert caught.value.error_code == "file.link"
        assert str(place / "link") in caught.value.message
    disk.remove_empty_folders([place / "link" / "empty"])
    disk.remove_leftovers(file, (b"the user's, too",))
    assert tree_of(place, times=True) == before


def test_permissions_behind_a_link_are_in_no_state_of_ours(place: Path) -> None:
    (place / "real").mkdir()
    (place / "real").chmod(0o755)
    (place / "link").symlink_to(place / "real")
    link_mode = (place / "link").lstat().st_mode & 0o777
    change = Change("mode", place / "link", "permissions", before_mode=link_mode, after_mode=0o700)
    assert not is_at(change, DiskFiles().look(place / "link"), "before")
    assert standing_folders([place / "link", place / "real"], DiskFiles()) == (Folder(place / "real", 0o755),)


def test_a_chain_that_cannot_be_looked_at_is_a_file_error(place: Path) -> None:
    with pytest.raises(FileError):
        first_link([place / ("x" * 300)])

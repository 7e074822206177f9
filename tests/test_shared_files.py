"""What another program saves in our last moment stays where it is, or is kept beside it and named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common import renames, shared_files
from openclaw_install.common.errors import ConflictError, FileError
from openclaw_install.common.files import write_atomic
from openclaw_install.common.shared_files import (
    CHANGED_MEANWHILE,
    leftovers_cleared,
    remove_expected,
    write_expected,
)
from tests.save_race import WAYS, race

OLD, OURS, THEIRS, LATER = b"the old one", b"ours", b"theirs, saved in our last moment", b"theirs, later"
Save = Callable[[Path, bytes], None]


def by_rename(path: Path, data: bytes) -> None:
    temporary = path.with_name("theirs")
    temporary.write_bytes(data)
    temporary.replace(path)


def in_place(path: Path, data: bytes) -> None:
    path.write_bytes(data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "config.json"
    place.write_bytes(OLD)
    place.chmod(0o640)
    return place


class Moments:
    """Saves of another program before or after chosen calls of ours."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.acts: dict[tuple[str, str, int], Callable[[], object]] = {}
        self.counts: dict[str, int] = {}
        for owner, name in (
            (shared_files, "finished_beside"),
            (shared_files, "settled_content"),
            (renames, "exchange"),
            (renames, "take_free_name"),
        ):
            monkeypatch.setattr(owner, name, self._watched(name, getattr(owner, name)))

    def at(self, when: str, name: str, number: int, act: Callable[[], object]) -> None:
        self.acts[when, name, number] = act

    def _watched(self, name: str, call: Callable[..., object]) -> Callable[..., object]:
        def watched(*args: object) -> object:
            number = self.counts[name] = self.counts.get(name, 0) + 1
            self.acts.pop(("before", name, number), lambda: None)()
            result = call(*args)
            self.acts.pop(("after", name, number), lambda: None)()
            return result

        return watched


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> Moments:
    return Moments(monkeypatch)


def beside(path: Path) -> list[bytes]:
    """What lies beside the file: only versions that were kept, never a temporary file."""
    others = [one for one in path.parent.iterdir() if one != path]
    assert all(".conflict-" in one.name for one in others), others
    return sorted(one.read_bytes() for one in others)


def test_a_file_that_is_as_planned_is_replaced_and_keeps_its_mode(path: Path) -> None:
    write_expected(path, OURS, OLD)
    assert (path.read_bytes(), path.stat().st_mode & 0o777, beside(path)) == (OURS, 0o640, [])


def test_a_link_stays_and_its_target_changes(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    write_expected(link, OURS, OLD)
    link.unlink()
    assert (path.read_bytes(), beside(path)) == (OURS, [])


@pytest.mark.parametrize("save", [by_rename, in_place])
@pytest.mark.parametrize(
    ("when", "step"), [("before", "finished_beside"), ("after", "finished_beside"), ("before", "exchange")]
)
def test_a_save_before_our_exchange_stays_and_is_told(
    path: Path, moments: Moments, save: Save, when: str, step: str
) -> None:
    moments.at(when, step, 1, lambda: save(path, THEIRS))
    with pytest.raises(ConflictError) as caught:
        write_expected(path, OURS, OLD)
    assert caught.value.error_code == CHANGED_MEANWHILE
    assert str(path) in caught.value.message
    assert (path.read_bytes(), beside(path)) == (THEIRS, [])


def test_an_editor_that_had_the_old_file_open_gets_it_back_with_what_it_wrote(
    path: Path, moments: Moments
) -> None:
    with path.open("r+b") as editor:
        moments.at("after", "exchange", 1, lambda: os.pwrite(editor.fileno(), THEIRS, 0))
        with pytest.raises(ConflictError):
            write_expected(path, OURS, OLD)
        os.pwrite(editor.fileno(), b", and more", len(THEIRS))
    assert (path.read_bytes(), beside(path)) == (THEIRS + b", and more", [])


def test_an_editor_that_only_holds_the_old_file_open_for_writing_holds_us_off(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_files, "_WRITER_LOOKS", 2)
    with path.open("r+b") as editor:
        with pytest.raises(ConflictError):
            write_expected(path, OURS, OLD)
        editor.write(THEIRS)
    assert (path.read_bytes(), beside(path)) == (THEIRS, [])


@pytest.mark.parametrize("save", [by_rename, in_place])
def test_two_saves_around_our_exchange_leave_the_later_in_place_and_the_earlier_beside_it(
    path: Path, moments: Moments, save: Save
) -> None:
    moments.at("before", "exchange", 1, lambda: by_rename(path, THEIRS))
    moments.at("before", "exchange", 2, lambda: save(path, LATER))
    with pytest.raises(ConflictError) as caught:
        write_expected(path, OURS, OLD)
    assert (path.read_bytes(), beside(path)) == (LATER, [THEIRS])
    assert ".conflict-" in caught.value.message


def test_whoever_saves_at_each_exchange_anew_loses_nothing(path: Path, moments: Moments) -> None:
    saved = [b"save %d" % number for number in range(1, 30)]
    for number, data in enumerate(saved, 1):
        moments.at("before", "exchange", number, lambda data=data: by_rename(path, data))  # type: ignore[misc]  # mypy infers no lambda with a default
    with pytest.raises(ConflictError):
        write_expected(path, OURS, OLD)
    made = saved[: moments.counts["exchange"]]
    assert len(made) < len(saved), "the tries are bounded"
    assert made[-1] in {path.read_bytes(), *beside(path)}
    assert OURS not in {path.read_bytes(), *beside(path)}


@pytest.mark.parametrize("number", [1, 2])
def test_a_file_that_is_deleted_meanwhile_stays_deleted(path: Path, moments: Moments, number: int) -> None:
    if number == 2:
        moments.at("before", "exchange", 1, lambda: by_rename(path, THEIRS))
    moments.at("before", "exchange", number, path.unlink)
    with pytest.raises(ConflictError):
        write_expected(path, OURS, OLD)
    assert not path.exists()
    assert beside(path) == ([THEIRS] if number == 2 else [])


def test_a_save_after_our_exchange_is_simply_the_newest(path: Path, moments: Moments) -> None:
    moments.at("after", "exchange", 1, lambda: by_rename(path, THEIRS))
    write_expected(path, OURS, OLD)
    assert (path.read_bytes(), beside(path)) == (THEIRS, [])


def test_a_link_that_takes_the_place_of_the_file_is_put_back(path: Path, moments: Moments) -> None:
    def link() -> None:
        path.unlink()
        path.symlink_to("elsewhere")

    moments.at("before", "exchange", 1, link)
    with pytest.raises(ConflictError):
        write_expected(path, OURS, OLD)
    assert path.readlink() == Path("elsewhere")


@pytest.mark.parametrize("step", ["finished_beside", "take_free_name"])
@pytest.mark.parametrize("plain", [False, True])
def test_a_new_file_never_replaces_one_that_came_meanwhile(
    path: Path, moments: Moments, monkeypatch: pytest.MonkeyPatch, step: str, plain: bool
) -> None:
    if plain:
        monkeypatch.setattr(renames, "_system_call", lambda: None)
    path.unlink()
    moments.at("before", step, 1, lambda: path.write_bytes(THEIRS))
    with pytest.raises(ConflictError):
        write_expected(path, OURS, None)
    assert (path.read_bytes(), beside(path)) == (THEIRS, [])
    path.unlink()
    write_expected(path, OURS, None)
    assert (path.read_bytes(), path.stat().st_mode & 0o777, beside(path)) == (OURS, 0o600, [])


class TestWithoutExchange:
    """A file system that knows the plain rename only: a last look, and the old file kept until after it."""

    @pytest.fixture(autouse=True)
    def plain(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(renames, "_system_call", lambda: None)

    def test_a_file_that_is_as_planned_is_replaced(self, path: Path) -> None:
        write_expected(path, OURS, OLD)
        assert (path.read_bytes(), beside(path)) == (OURS, [])

    @pytest.mark.parametrize("save", [by_rename, in_place])
    def test_a_save_during_our_fsync_stays(self, path: Path, moments: Moments, save: Save) -> None:
        moments.at("after", "finished_beside", 1, lambda: save(path, THEIRS))
        with pytest.raises(ConflictError):
            write_expected(path, OURS, OLD)
        assert (path.read_bytes(), beside(path)) == (THEIRS, [])

    def test_what_an_editor_writes_into_the_old_file_after_our_look_is_kept(
        self, path: Path, moments: Moments
    ) -> None:
        moments.at("after", "settled_content", 1, lambda: in_place(path, THEIRS))
        with pytest.raises(ConflictError) as caught:
            write_expected(path, OURS, OLD)
        assert (path.read_bytes(), beside(path)) == (OURS, [THEIRS])
        assert ".conflict-" in caught.value.message


def test_a_file_is_deleted_as_planned_and_only_so(path: Path) -> None:
    with pytest.raises(ConflictError) as caught:
        remove_expected(path, OURS)
    assert caught.value.error_code == CHANGED_MEANWHILE
    assert (path.read_bytes(), path.stat().st_mode & 0o777, beside(path)) == (OLD, 0o640, [])
    remove_expected(path, OLD)
    remove_expected(path, OLD)
    assert list(path.parent.iterdir()) == []


def test_a_deletion_that_met_another_version_gives_it_back_or_keeps_it(path: Path, moments: Moments) -> None:
    by_rename(path, THEIRS)
    moments.at("after", "settled_content", 1, lambda: by_rename(path, LATER))
    with pytest.raises(ConflictError) as caught:
        remove_expected(path, OLD)
    assert (path.read_bytes(), beside(path)) == (LATER, [THEIRS])
    assert ".conflict-" in caught.value.message


def test_an_interrupt_between_exchange_and_look_deletes_no_version_of_theirs(
    path: Path, moments: Moments
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    moments.at("before", "exchange", 1, lambda: by_rename(path, THEIRS))
    moments.at("after", "exchange", 1, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_expected(path, OURS, OLD)
    assert THEIRS in {path.read_bytes(), *beside(path)}


def test_what_a_killed_process_left_goes_unless_it_is_somebodys_version(path: Path) -> None:
    for number, data in enumerate((OLD, OURS, OURS[:2], THEIRS)):
        path.with_name(f".config.json.{number:012x}.tmp").write_bytes(data)
    kept = leftovers_cleared(path, (OLD, OURS))
    assert [one.read_bytes() for one in kept] == beside(path) == [THEIRS]


def test_a_folder_in_the_way_is_a_file_error(tmp_path: Path) -> None:
    with pytest.raises(FileError) as writing:
        write_expected(tmp_path, OURS, None)
    with pytest.raises(FileError) as deleting:
        remove_expected(tmp_path, OURS)
    assert writing.value.error_code == deleting.value.error_code == "file.eisdir"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("way", WAYS)
def test_in_a_race_with_a_program_that_saves_on_and_on_nothing_is_lost(tmp_path: Path, way: str) -> None:
    figures = race(tmp_path, way, tries=200, seed=7)
    assert figures.lost == 0
    assert figures.written + figures.refused == figures.tries == 200
    assert figures.saves > 0


def test_a_link_that_becomes_a_file_while_it_is_followed_is_told_as_any_other_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "config", os.lstat
    path.write_bytes(b"theirs")
    (tmp_path / "link").symlink_to(path)

    def late(name: str | os.PathLike[str], **more: Any) -> os.stat_result:
        return seen(tmp_path / "link" if Path(name) == path else name, **more)

    monkeypatch.setattr(os, "lstat", late)
    with pytest.raises(FileError, match="cannot write"):
        write_expected(path, b"ours", b"theirs")
    with pytest.raises(FileError, match="cannot write"):
        write_atomic(path, b"ours")
    assert path.read_bytes() == b"theirs"

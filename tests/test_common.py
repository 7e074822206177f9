"""Files are replaced whole or not at all, names stay inside, secrets never print."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

import openclaw_install
from openclaw_install.common import data_files
from openclaw_install.common.errors import BundleError, FileError
from openclaw_install.common.files import make_private_folder, read_if_exists, safe_join, write_atomic
from openclaw_install.common.migrations import read_migrations
from openclaw_install.common.redaction import MASK, Secret, redact

PACKAGE = Path(openclaw_install.__file__).parent


def test_a_write_keeps_the_mode_and_leaves_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    path.chmod(0o640)
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_atomic(tmp_path / "f", b"secret")
        make_private_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600
    for folder in (tmp_path / "a", tmp_path / "a" / "b"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_link_stays_and_its_target_changes(tmp_path: Path) -> None:
    target = tmp_path / "real"
    target.write_text("old")
    link = tmp_path / "link"
    link.symlink_to(target)
    write_atomic(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_failed_write_leaves_the_old_content_and_nothing_beside_it(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    path.write_text("old")

    def fail(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(FileError, match="cannot write") as caught:
        write_atomic(path, b"new")
    assert caught.value.next_step
    assert caught.value.error_code == f"file.{errno.errorcode[number].lower()}"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_way_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot write"):
        write_atomic(tmp_path, b"x")
    with pytest.raises(FileError, match="cannot read"):
        read_if_exists(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="make the folder"):
        make_private_folder(tmp_path / "file" / "sub")


def test_what_is_not_there_reads_as_none(tmp_path: Path) -> None:
    assert read_if_exists(tmp_path / "nothing") is None


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc/passwd", "a/../../x", "a\0b", "a\\b", "out/x"])
def test_a_name_that_leaves_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    with pytest.raises(FileError, match="does not stay inside"):
        safe_join(root, name)


def test_an_ordinary_name_is_joined(tmp_path: Path) -> None:
    assert safe_join(tmp_path, "a/b.md") == tmp_path / "a" / "b.md"


def test_a_secret_prints_as_redacted_wherever_it_ends_up() -> None:
    secret = Secret("hunter2hunter2")
    assert f"{secret} {secret!r} {secret:>20} {[secret]}".count("hunter2") == 0
    assert secret.reveal() == "hunter2hunter2"
    assert secret.length == 14


def test_redaction_takes_the_longest_secret_first() -> None:
    text = redact("abcdef and abc", [Secret("abc"), Secret("abcdef"), Secret("")])
    assert text == f"{MASK} and {MASK}"
    assert redact("Content-Type: text/abc-key", [Secret("ABC-Key")]) == f"Content-Type: text/{MASK}"


def test_a_damaged_installation_says_how_to_mend_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_files, "_PACKAGE", tmp_path / "a" / "b")
    with pytest.raises(BundleError, match="is missing") as caught:
        data_files.data_folder("skills")
    assert "pip install" in caught.value.next_step


@pytest.mark.parametrize("folder", sorted(PACKAGE.rglob("sql")), ids=lambda folder: folder.parent.name)
def test_migrations_are_numbered_without_a_gap_and_none_twice(folder: Path) -> None:
    numbers = [step.version for step in read_migrations(folder)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers

"""The runtime's log: bounded, private, without secrets, read over rotations, alive on a full disk."""

from __future__ import annotations

import json
import logging
import os
import resource
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openclaw_install.common.errors import FileError
from openclaw_install.common.redaction import Secret
from openclaw_install.runtime.detached import tail_of
from openclaw_install.runtime.log import LineLog, rotated, secrets_in, taken_over
from openclaw_install.runtime.log_reader import follow, last_lines
from tests.runtime_rig import KEY
from tests.schemas import assert_valid

SECRET = 'pass"word\\with-marks'


@pytest.fixture
def open_log(tmp_path: Path) -> Iterator[Callable[..., LineLog]]:
    logs = []

    def make(path: Path = tmp_path / "runtime.log", **more: int) -> LineLog:
        log = LineLog(path, lambda: (Secret(KEY), Secret(SECRET)), clock=lambda: 1.8e9, **more)
        logs.append(log)
        return log

    yield make
    for log in logs:
        log.close()


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_line_is_an_object_and_the_file_is_private(
    open_log: Callable[..., LineLog], tmp_path: Path
) -> None:
    open_log().write("saved", skill="ä\n\x1b[31m", path=tmp_path)
    (line,) = (tmp_path / "runtime.log").read_text().splitlines()
    entry = json.loads(line)
    assert_valid(entry, "runtime-log")
    assert (entry["skill"], entry["path"]) == ("ä\n\x1b[31m", str(tmp_path))
    assert stat.S_IMODE((tmp_path / "runtime.log").stat().st_mode) == 0o600


def test_secrets_are_masked_wherever_they_stand(open_log: Callable[..., LineLog], tmp_path: Path) -> None:
    log = open_log()
    log.write(
        "said", message=f"the key {KEY} and {SECRET}", nested=[{"x": SECRET}], other="mysta_another_key"
    )
    text = (tmp_path / "runtime.log").read_text()
    assert all(word not in text for word in (KEY, "with-marks", "another_key"))
    assert "<redacted>" in json.loads(text)["nested"][0]["x"]


def test_variables_that_are_named_like_secrets_are_taken_for_such() -> None:
    env = {"MYSTA_API_KEY": KEY, "OPENCLAW_GATEWAY_TOKEN": "token-value", "HOME": "/home/ann", "X_KEY": "abc"}
    assert {secret.reveal() for secret in secrets_in(env)} == {KEY, "token-value"}


def test_size_and_number_of_files_are_bounded(open_log: Callable[..., LineLog], tmp_path: Path) -> None:
    log = open_log(limit_bytes=2_000, kept_files=2)
    for number in range(200):
        log.write("line", number=number)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["runtime.log", "runtime.log.1", "runtime.log.2"]
    assert all(file.stat().st_size <= 2_000 for file in files)
    told = [line.entry["number"] for line in last_lines(tmp_path / "runtime.log", 40) if line.entry]
    assert told == list(range(160, 200))
    log.close()
    later = open_log(limit_bytes=100, kept_files=2)
    later.write("line", number=200)
    assert len((tmp_path / "runtime.log").read_text().splitlines()) == 1


def test_a_huge_line_is_cut(open_log: Callable[..., LineLog], tmp_path: Path) -> None:
    open_log().write("huge", component="skills", text="x" * 1_000_000)
    (line,) = last_lines(tmp_path / "runtime.log", 5)
    assert len(line.text) < 8_100
    assert line.entry is not None
    assert (line.entry["event"], line.entry["component"]) == ("huge", "skills")


def test_a_full_disk_costs_lines_and_nothing_else(open_log: Callable[..., LineLog], tmp_path: Path) -> None:
    path, log = tmp_path / "runtime.log", open_log()
    log.write("before")
    with full_disk(path.stat().st_size + 10):
        for _ in range(3):
            log.write("lost")
        assert (log.report().dropped_lines, log.report().last_error) == (3, "File too large")
    log.write("after")
    assert (log.report().dropped_lines, log.report().last_error) == (3, None)
    entries = [line.entry for line in last_lines(path, 10)]
    events = [entry["event"] for entry in entries if entry]
    assert events == ["before", "lines_lost", "after"]
    assert None in entries  # the line that broke off is shown as it is
    assert next(entry for entry in entries if entry and entry["event"] == "lines_lost")["lines"] == 3


def test_a_device_without_space_is_such_a_disk(open_log: Callable[..., LineLog]) -> None:
    log = open_log(Path("/dev/full"))
    log.write("lost")
    assert log.report().last_error == "No space left on device"


def test_a_link_in_the_place_of_the_log_is_not_followed(
    open_log: Callable[..., LineLog], tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    log = open_log(tmp_path / "link")
    log.write("line")
    assert log.report().dropped_lines == 1
    assert not (tmp_path / "target").exists()


def test_a_log_that_was_removed_begins_anew(open_log: Callable[..., LineLog], tmp_path: Path) -> None:
    log = open_log()
    log.write("one")
    (tmp_path / "runtime.log").unlink()
    log.write("two")
    assert [line.entry and line.entry["event"] for line in last_lines(tmp_path / "runtime.log", 9)] == ["two"]


def test_warnings_of_libraries_come_into_the_log_without_their_exceptions_text(
    open_log: Callable[..., LineLog], tmp_path: Path
) -> None:
    log, library = open_log(), logging.getLogger("httpx")
    before = list(library.handlers)
    with taken_over(log):
        library.info("chatter")
        library.warning("a retry with %s", KEY)
        try:
            raise ValueError("what somebody sent")
        except ValueError:
            library.exception("it broke")
    assert library.handlers == before
    first, second = (line.entry for line in last_lines(tmp_path / "runtime.log", 9))
    assert first is not None
    assert second is not None
    assert first["message"] == "a retry with <redacted>"
    assert (second["exception"], second["level"]) == ("ValueError", "error")
    assert "what somebody sent" not in (tmp_path / "runtime.log").read_text()


def test_a_secret_that_a_long_line_is_cut_in_leaves_no_part_of_itself(
    open_log: Callable[..., LineLog], tmp_path: Path
) -> None:
    log = open_log()
    for before in range(3_850, 4_001):
        log.write("long", text="x" * before + SECRET + "y" * 8_000)
    written = (tmp_path / "runtime.log").read_text()
    assert written.count('"cut"') == 151
    assert "pass" not in written


def test_following_misses_nothing_over_rotation_and_removal(
    open_log: Callable[..., LineLog], tmp_path: Path
) -> None:
    path, log = tmp_path / "runtime.log", open_log(limit_bytes=400)
    log.write("old")
    number = 0

    def write_more() -> bool:
        """Called when the reader has read all; each time the log rotates, and once it is removed."""
        nonlocal number
        for _ in range(4):
            log.write("line", number=number)
            number += 1
        if number == 12:
            path.unlink()
        return number > 24

    seen = [line.entry["number"] for line in follow(path, write_more) if line.entry]
    assert rotated(path, 1).exists()
    assert seen == [n for n in range(24) if n in seen]
    assert set(range(24)) - set(seen) <= {8, 9, 10, 11}  # what was in the removed file


def test_no_log_yet_is_no_error_and_one_that_cannot_be_read_is(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none", 5) == []
    assert list(follow(tmp_path / "none", lambda: True)) == []
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError):
        last_lines(tmp_path / "folder", 5)
    assert rotated(tmp_path / "a", 2).name == "a.2"
    assert tail_of(tmp_path / "folder") == tail_of(tmp_path / "none") == ""


def test_a_pipe_in_the_place_of_the_log_holds_nobody_up(
    open_log: Callable[..., LineLog], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "runtime.log")
    log = open_log()
    log.write("said")
    assert log.report().dropped_lines == 1
    with pytest.raises(FileError) as caught:
        last_lines(tmp_path / "runtime.log", 1)
    assert caught.value.error_code == "file.not_regular"

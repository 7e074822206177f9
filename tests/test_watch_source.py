"""Both sources of changes keep one promise: after `start`, whatever changes is reported."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from openclaw_install.sync.watch.change_monitor import silent_mount, unwatched
from openclaw_install.sync.watch.source import (
    Change,
    ChangeSource,
    EventSource,
    FolderMissingError,
    NoEventsError,
    PollingSource,
)
from tests.support.waiting import PATIENCE
from tests.sync_rig import write_skill


class Reports:
    """Collects what a source reports."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self._changed = threading.Condition()

    def __call__(self, changes: Sequence[Change]) -> None:
        with self._changed:
            self.changes += changes
            self._changed.notify_all()

    def wait(self, path: Path, *, gone: bool = False, is_folder: bool = False) -> None:
        wanted = Change(str(path), gone, is_folder)
        with self._changed:
            assert self._changed.wait_for(lambda: wanted in self.changes, PATIENCE), self.changes
            self.changes.clear()


@pytest.fixture(params=[EventSource, lambda: PollingSource(0.02)], ids=["events", "polling"])
def source(request: pytest.FixtureRequest) -> Iterator[ChangeSource]:
    make: Callable[[], ChangeSource] = request.param
    made = make()
    yield made
    made.stop()
    made.stop()


def test_it_reports_writes_new_folders_deletions_and_what_comes_into_them(
    source: ChangeSource, tmp_path: Path
) -> None:
    path = write_skill(tmp_path, "alpha")
    reports = Reports()
    source.start([str(tmp_path)], reports)
    assert source.how in ("events", "polling")
    path.write_text("other")
    reports.wait(path)
    path.with_name(".tmp").write_text("third")
    path.with_name(".tmp").replace(path)
    reports.wait(path)
    beta = write_skill(tmp_path / "deep", "beta")
    reports.wait(tmp_path / "deep", is_folder=True)
    beta.write_text("later")
    reports.wait(beta)
    beta.parent.rename(tmp_path / "deep" / "gamma")
    reports.wait(tmp_path / "deep" / "gamma", is_folder=True)
    path.unlink()
    reports.wait(path, gone=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep")
    reports.wait(tmp_path / "link", is_folder=True)


def test_it_is_not_disturbed_by_loops_broken_links_and_ignored_folders(
    source: ChangeSource, tmp_path: Path
) -> None:
    path = write_skill(tmp_path, "alpha")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    broken = tmp_path / "broken" / "SKILL.md"
    broken.parent.mkdir()
    broken.symlink_to(tmp_path / "missing")
    write_skill(tmp_path / "alpha" / "node_modules", "inner")
    reports = Reports()
    source.start([str(tmp_path)], reports)
    write_skill(tmp_path / "alpha" / "node_modules", "inner", "changed")
    path.write_text("other")
    reports.wait(path)
    assert not any("node_modules" in change.path for change in reports.changes)


def test_events_need_folders_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(FolderMissingError):
        EventSource().start([str(tmp_path / "missing")], Reports())


def test_the_kernels_list_of_watches_tells_which_folder_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen, unseen = write_skill(tmp_path, "seen").parent, write_skill(tmp_path, "unseen").parent
    source = EventSource()
    source.start([str(seen)], Reports())
    try:
        assert unwatched([str(seen), str(tmp_path / "missing")]) is None
        assert unwatched([str(seen), str(unseen)]) == (str(unseen) if sys.platform == "linux" else None)
        monkeypatch.setattr("openclaw_install.sync.watch.change_monitor._DESCRIPTORS", tmp_path / "missing")
        assert unwatched([str(unseen)]) is None
    finally:
        source.stop()


def test_a_system_without_a_list_of_mounts_has_no_silent_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("openclaw_install.sync.watch.change_monitor._MOUNTINFO", tmp_path / "missing")
    assert silent_mount([str(tmp_path)]) is None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("OS file watch limit reached."), "max_user_watches"),
        (RuntimeError("Error creating recommended watcher: Too many open files"), "max_user_instances"),
        (OSError("something else"), "refuses"),
    ],
)
def test_a_kernel_that_refuses_is_told_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, said: str
) -> None:
    def refuse(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr("watchfiles._rust_notify.RustNotify", refuse)
    with pytest.raises(NoEventsError, match=said):
        EventSource().start([str(tmp_path)], Reports())

"""Looks at everything: light ones miss no kind of change, and contents are read now and then all the same."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from openclaw_install.common.errors import FileError
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.watch import rescan
from openclaw_install.sync.watch.index import SkillIndex, View, return_free_memory
from openclaw_install.sync.watch.rescan import Rescanner
from openclaw_install.sync.watch.source import EventSource, PollingSource, Report
from openclaw_install.sync.watch.stat_cache import ages, older_than, saved_at, stat_snapshot
from openclaw_install.sync.watch.timing import Clock
from tests.sync_rig import skill_text, write_skill
from tests.watch_rig import Bench, bench_in


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as made:
        yield made


@pytest.fixture
def _old_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were just made count as old: the tests change more of them than a time."""
    monkeypatch.setattr("openclaw_install.sync.watch.stat_cache._YOUNG", -3600.0)


def _index(bench: Bench) -> SkillIndex:
    settings = bench.settings()
    return SkillIndex(settings.location, settings.choice, lambda _hashes: {})


def _retarget(root: Path) -> None:
    (root / "linked").unlink()
    (root / "linked").symlink_to(root.parent / "beside")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a longer content": lambda root: write_skill(root, "alpha", skill_text("alpha", "longer than it was\n")),
    "a content by a rename": lambda root: (root / "notes.txt").replace(root / "alpha" / "SKILL.md"),
    "other rights": lambda root: (root / "alpha" / "SKILL.md").chmod(0o600),
    "one more hard link": lambda root: (root.parent / "hard").hardlink_to(root / "alpha" / "SKILL.md"),
    "a new skill": lambda root: write_skill(root, "gamma"),
    "a new skill in a deep folder": lambda root: write_skill(root / "deep" / "down", "gamma"),
    "a skill in a folder that had none": lambda root: write_skill(root / "deep", "empty"),
    "a skill renamed": lambda root: (root / "alpha").rename(root / "omega"),
    "a skill gone": lambda root: (root / "alpha" / "SKILL.md").unlink(),
    "a link to elsewhere": _retarget,
    "a content behind a link": lambda root: write_skill(root.parent, "away", "---\nbroken"),
    "a content behind a linked file": lambda root: (root.parent / "real.md").write_text("longer by far"),
    "the target of a broken link": lambda root: write_skill(root.parent, "missing"),
    "a link that is new": lambda root: (root / "new").symlink_to(root.parent / "beside"),
    "the root": lambda root: root.rename(root.parent / "moved"),
}


@pytest.mark.usefixtures("_old_enough")
@pytest.mark.parametrize("change", list(CHANGES))
def test_stamps_hold_until_something_changes(tmp_path: Path, change: str) -> None:
    root = tmp_path / "skills"
    files = [write_skill(root, "alpha"), write_skill(root / "deep" / "down", "beta")]
    (root / "deep" / "empty").mkdir()
    (root / "notes.txt").write_text("no skill")
    write_skill(root / ".hidden", "unseen")
    away, _beside = write_skill(tmp_path, "away"), write_skill(tmp_path, "beside")
    (root / "linked").symlink_to(away.parent)
    (root / "loop").symlink_to(root)
    (root / "broken").symlink_to(tmp_path / "missing")
    (tmp_path / "real.md").write_text("linked")
    (root / "by-file").mkdir()
    (root / "by-file" / "SKILL.md").symlink_to(tmp_path / "real.md")
    files += [root / "linked" / "SKILL.md", root / "by-file" / "SKILL.md"]
    for path in (root, *root.rglob("*"), away, away.parent):
        if path.exists():
            os.utime(path, (1, 1))  # so that each change shows in the times, however coarse they are
    made = stat_snapshot([str(root), str(tmp_path / "nowhere")], [str(file) for file in files], time.time())
    assert made.hold()
    write_skill(root / ".hidden", "unseen", "where no skill is looked for")
    assert made.hold()
    CHANGES[change](root)
    assert not made.hold()


def test_stamps_of_what_has_just_been_changed_are_not_trusted(tmp_path: Path) -> None:
    file = write_skill(tmp_path, "alpha")
    assert not stat_snapshot([str(tmp_path)], [str(file)], time.time()).hold()


@pytest.mark.usefixtures("_old_enough")
def test_a_light_look_finds_what_changed_on_disk_and_in_the_config_and_reads_nothing_else(
    bench: Bench,
) -> None:
    index = _index(bench)
    assert sorted(index.scan().skills) == ["alpha", "beta"]
    assert index.successor().scan_if_changed() is None
    bench.save("gamma")
    later = index.successor()
    view = later.scan_if_changed()
    assert view is not None
    assert sorted(view.skills) == ["alpha", "beta", "gamma"]
    write_skill(bench.home / "extra", "solo")
    config = bench.home / ".openclaw" / "openclaw.json"
    config.write_text(json.dumps({"skills": {"load": {"extraDirs": [str(bench.home / "extra")]}}}))
    latest = later.successor()
    view = latest.scan_if_changed()
    assert view is not None
    assert "solo" in view.skills
    assert latest.successor().scan_if_changed() is None
    config.write_text("{ broken")
    view = latest.successor().scan_if_changed()
    assert view is not None
    assert view.warnings
    assert "solo" in view.skills


def test_the_first_look_reads_even_if_it_is_a_light_one(bench: Bench) -> None:
    assert _index(bench).scan_if_changed() is not None


class Counted(SkillIndex):
    """Counts how it was looked with."""

    def __init__(self, bench: Bench) -> None:
        settings = bench.settings()
        super().__init__(settings.location, settings.choice, lambda _hashes: {})
        self.rescanner: list[str] = []

    def successor(self) -> SkillIndex:
        return self

    def scan(self) -> View:
        self.rescanner.append("whole")
        return super().scan()

    def scan_if_changed(self) -> View | None:
        self.rescanner.append("light")
        return None


def test_light_looks_are_for_disks_that_tell_and_every_few_of_them_a_whole_one_comes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescan, "_LIGHT_SCANS", 2)

    async def run() -> list[str]:
        index, now, ended = Counted(bench), [0.0], asyncio.Event()
        looks = Rescanner(index, 60.0, Clock(lambda: now[0], lambda: now[0]), ended.set)

        async def due(*, trusting: bool) -> None:
            ended.clear()
            looks.begin_due(trusting=trusting)
            looks.begin_due(trusting=trusting)  # one at a time
            await asyncio.wait_for(ended.wait(), 30)
            assert looks.ended
            looks.take()
            looks.passed()
            now[0] += 60.0

        for trusting in (True, True, True, True, False, True):
            await due(trusting=trusting)
        looks.passed()
        looks.begin_due(trusting=True)  # none is due
        looks.again(1.0)
        now[0] += 1.0
        await due(trusting=True)
        ended.clear()
        looks.begin(light=True)
        looks.begin(5.0)  # asks while one is going on, so another one follows
        await looks.close()
        assert looks.take() is None
        assert looks.take() is None
        await due(trusting=True)
        return index.rescanner

    by_rhythm = ["light", "light", "whole", "light", "whole", "light"]
    assert asyncio.run(run()) == [*by_rhythm, "whole", "light", "whole"]


@pytest.mark.usefixtures("_old_enough")
def test_what_no_event_told_is_found_by_a_light_look_too(bench: Bench) -> None:
    class DeafSource(EventSource):
        def start(self, roots: Sequence[str], report: Report) -> None:
            super().start(roots, lambda _changes: None)

    with bench.watching(events=DeafSource, check_seconds=0.02, reconcile_seconds=0.02) as watched:
        watched.wait("acknowledged", "beta")
        watched.until(lambda: sum(event.kind == "reconciled" for event in watched.events) > 3)
        bench.save("alpha", "nobody told of this\n")
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "nobody told of this\n"))


@pytest.mark.usefixtures("_old_enough")
def test_what_another_process_changes_in_the_ledger_is_noticed_though_no_skill_changed(bench: Bench) -> None:
    with bench.watching(check_seconds=0.02, reconcile_seconds=0.02) as watched:
        watched.wait("acknowledged", "beta")
        watched.until(lambda: [event.kind for event in watched.events[-3:]] == ["reconciled"] * 3)
        after = len(watched.events)
        with Ledger(bench.ledger_folder) as ledger, ledger.write() as connection:
            connection.execute("DELETE FROM acknowledgement WHERE skill = 'alpha'")
        watched.wait("acknowledged", "alpha", after)
        assert not watched.kinds("beta")[2:]


def test_a_save_is_as_old_as_its_file_says_where_that_fits_the_event(tmp_path: Path) -> None:
    path = str(write_skill(tmp_path, "alpha"))
    missing = str(tmp_path / "missing")
    changed = os.stat(path).st_ctime  # noqa: PTH116 - the same call as in the code
    assert ages([path, missing], changed + 3.0) == {path: pytest.approx(3.0), missing: 0.0}
    assert older_than([missing, path], changed + 1.0) == path
    assert older_than([missing, path], changed - 1.0) == ""
    assert saved_at(None, 5.0) is None
    assert saved_at(5.0, 4.9) == 4.9
    assert saved_at(5.0, 1.0) == 5.0


def test_when_the_kernel_lacks_a_watch_for_a_skill_it_looks_for_itself(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "openclaw_install.sync.watch.change_monitor.unwatched", lambda folders: next(iter(folders))
    )
    with bench.watching(polling=lambda: PollingSource(0.05)) as watched:
        assert "no watch" in watched.wait("polling").reason
        bench.save("alpha", "seen\n")
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "seen\n"))


def test_a_look_that_fails_is_told_and_the_next_one_mends_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = threading.Event()
    look = SkillIndex.scan

    def failing(index: SkillIndex) -> View:
        if full.is_set():
            raise FileError("no space left", next_step="make space", code="file.no_space")
        return look(index)

    monkeypatch.setattr(SkillIndex, "scan", failing)
    with bench.watching(check_seconds=0.02, reconcile_seconds=0.02) as watched:
        watched.wait("acknowledged", "beta")
        full.set()
        bench.save("gamma")
        watched.wait("warning", code="file.no_space")
        full.clear()
        watched.until(lambda: bench.stored("gamma") == skill_text("gamma"))


def test_a_system_that_cannot_take_memory_back_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    return_free_memory()
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    return_free_memory()

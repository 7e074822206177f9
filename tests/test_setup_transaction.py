"""All or nothing: a crash or a failure at every single operation, and what the next run makes of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from openclaw_install.common.errors import ConfigError, ConflictError, FileError
from openclaw_install.setup.changes import Change, Files
from openclaw_install.setup.disk_files import DiskFiles
from openclaw_install.setup.receipts import ReceiptStore
from openclaw_install.setup.transaction import Recovery, apply_changes, recover
from openclaw_install.setup.undo import carry_out_undo, plan_undo
from tests.setup_rig import Died, DyingFiles, PlainHost, T, Tree, tree_of

OLD = b'{ a: 1, // old\n  b: [1, 2],\n  mine: "x" }\n'
NEW = b'{ a: 2, // old\n  b: [1, 2, 3],\n  mine: "x", made: { here: true } }\n'
KEYS = (("a",), ("b", 2), ("made", "here"))


@dataclass
class Scene:
    """A small host: a config, a file of ours that is outdated, one that is retired, one of the user's."""

    host: PlainHost

    def __post_init__(self) -> None:
        self.host.config.write_bytes(OLD)
        self.host.config.chmod(0o644)
        old = self.host.skills / "old"
        old.mkdir(parents=True)
        (old / "outdated.md").write_bytes(b"first version")
        (old / "outdated.md").chmod(0o640)
        (old / "retired.md").write_bytes(b"no longer shipped")
        (old / "retired.md").chmod(0o444)
        (old / "users.md").write_bytes(b"the user's")

    @property
    def store(self) -> ReceiptStore:
        return self.host.store

    def changes(self) -> tuple[Change, ...]:
        old, new = self.host.skills / "old", self.host.skills / "new"
        return (
            self._file(old / "outdated.md", b"first version", b"second version", 0o640),
            self._file(old / "retired.md", b"no longer shipped", None, 0o444),
            self._file(new / "references" / "deep.md", None, b"deep", None),
            self._file(new / "SKILL.md", None, b"skill", None),
            Change("mode", self.host.config, "permissions", before_mode=0o644, after_mode=0o600),
            Change("config", self.host.config, "config", OLD, NEW, before_mode=0o644, key_paths=KEYS),
        )

    def _file(self, path: Path, before: bytes | None, after: bytes | None, mode: int | None) -> Change:
        return Change(
            "bundle",
            path,
            f"bundle: {path.name}",
            before,
            after,
            before_mode=mode,
            after_mode=0o600 if before is None else None,
            bundle="new",
        )

    def apply(self, files: Files | None = None) -> None:
        apply_changes("setup", self.changes(), self.store, files)

    def tree(self) -> Tree:
        return self.host.tree()


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is processes that die here, not machines; and there are a thousand runs."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.fixture
def make_scene(tmp_path: Path) -> Callable[[], Scene]:
    numbers = iter(range(10_000))
    return lambda: Scene(PlainHost(tmp_path / f"host-{next(numbers)}"))


def operations(run: Callable[[Files], object]) -> int:
    """How many operations on files a run needs."""
    counted = DyingFiles(DiskFiles(), -1, forever=False)
    run(counted)
    assert counted.count > 15
    return counted.count


def settle(scene: Scene) -> tuple[Recovery, ...]:
    found = recover(scene.store)
    assert recover(scene.store) == ()
    assert scene.store.interrupted() == ()
    return found


def test_a_run_makes_all_its_changes_and_says_so(make_scene: Callable[[], Scene]) -> None:
    scene = make_scene()
    scene.apply()
    assert scene.host.config.read_bytes() == NEW
    assert scene.host.config.stat().st_mode & 0o777 == 0o600
    assert (scene.host.skills / "old" / "outdated.md").stat().st_mode & 0o777 == 0o640
    assert not (scene.host.skills / "old" / "retired.md").exists()
    [receipt] = scene.store.in_force()
    assert receipt.status == "applied"
    assert receipt.folders == (scene.host.skills / "new", scene.host.skills / "new" / "references")


def test_a_crash_at_any_operation_leaves_the_old_or_the_new_state_for_the_next_run(
    make_scene: Callable[[], Scene],
) -> None:
    scene = make_scene()
    old = scene.tree()
    total = operations(scene.apply)
    new = scene.tree()
    outcomes = set()
    for at, done in product(range(total), (False, True)):
        scene = make_scene()
        with pytest.raises(Died):
            scene.apply(DyingFiles(DiskFiles(), at, forever=True, done=done))
        found = settle(scene)
        outcomes |= {item.outcome for item in found}
        after = scene.tree()
        standing = scene.store.in_force()
        assert after == (new if standing else old), f"crash at operation {at}"
        if not standing:
            scene.apply()
        assert scene.tree() == new, f"crash at operation {at}"
    assert outcomes == {"completed", "rolled_back"}


def test_a_failure_at_any_operation_takes_everything_back_at_once(make_scene: Callable[[], Scene]) -> None:
    scene = make_scene()
    old = scene.tree()
    total = operations(scene.apply)
    new = scene.tree()
    for at, done in product(range(total), (False, True)):
        scene = make_scene()
        with pytest.raises(FileError, match="No space"):
            scene.apply(DyingFiles(DiskFiles(), at, forever=False, done=done))
        assert scene.tree() == old, f"failure at operation {at}"
        assert settle(scene) == ()
        assert scene.store.in_force() == ()
        scene.apply()
        assert scene.tree() == new


def test_an_interrupt_in_the_middle_takes_everything_back(make_scene: Callable[[], Scene]) -> None:
    class Interrupted(DiskFiles):
        def write(self, path: Path, data: bytes, mode: int | None, expected: bytes | None) -> None:
            super().write(path, data, mode, expected)
            if path.name == "SKILL.md":
                raise KeyboardInterrupt

    scene = make_scene()
    old = scene.tree()
    with pytest.raises(KeyboardInterrupt):
        scene.apply(Interrupted())
    assert scene.tree() == old
    assert settle(scene) == ()


class FailsThenDies(DyingFiles):
    """The disk is full at one operation, and the process dies some operations into the rollback."""

    def __init__(self, at: int, after: int) -> None:
        super().__init__(DiskFiles(), at, forever=False)
        self.last = at + 1 + after

    def _do(self, operation: Callable[[], T]) -> T:
        if self.count >= self.last:
            raise Died
        return super()._do(operation)


def test_a_crash_during_the_rollback_is_settled_by_the_next_run(make_scene: Callable[[], Scene]) -> None:
    scene = make_scene()
    old = scene.tree()
    last = operations(scene.apply) - 1
    crashed = 0
    for after in range(40):
        scene = make_scene()
        try:
            scene.apply(FailsThenDies(last, after))
        except Died:
            crashed += 1
            assert [item.outcome for item in settle(scene)] in (["rolled_back"], ["completed"])
        except FileError:
            pass
        if not scene.store.in_force():
            assert scene.tree() == old, f"crash {after} operations into the rollback"
    assert crashed > 5


def test_a_rollback_that_fails_says_so_and_the_next_run_does_it(make_scene: Callable[[], Scene]) -> None:
    class Full(DiskFiles):
        """Writes and deletes nothing any more once the config's turn has come."""

        full = False

        def write(self, path: Path, data: bytes, mode: int | None, expected: bytes | None) -> None:
            self.full = self.full or path.name == "openclaw.json"
            if self.full:
                raise FileError("the disk is full", next_step="free some", code="file.enospc")
            super().write(path, data, mode, expected)

    scene = make_scene()
    old = scene.tree()
    with pytest.raises(FileError) as caught:
        scene.apply(Full())
    assert caught.value.error_code == "file.rollback"
    assert "not everything could be taken back" in caught.value.message
    assert [item.outcome for item in settle(scene)] == ["rolled_back"]
    assert scene.tree() == old


def test_a_crash_during_recovery_is_settled_by_the_one_after(make_scene: Callable[[], Scene]) -> None:
    scene = make_scene()
    old = scene.tree()
    total = operations(scene.apply)
    for died_at in (total // 2, total - 3):
        for at in range(60):
            scene = make_scene()
            with pytest.raises(Died):
                scene.apply(DyingFiles(DiskFiles(), died_at, forever=True))
            dying = DyingFiles(DiskFiles(), at, forever=True)
            try:
                recover(scene.store, dying)
            except Died:
                settle(scene)
            assert scene.tree() == old, f"crash at {died_at}, then at {at} of the recovery"
            if not dying.reached:
                break
        assert not dying.reached


@pytest.mark.parametrize("forever", [True, False], ids=["crash", "failure"])
@pytest.mark.parametrize("runs", [1, 2], ids=["undo", "uninstall"])
def test_undo_and_uninstall_are_all_or_nothing_too(
    make_scene: Callable[[], Scene], runs: int, forever: bool
) -> None:
    def prepared() -> Scene:
        scene = make_scene()
        scene.apply()
        if runs == 2:
            second = scene.host.skills / "new" / "SKILL.md"
            apply_changes("setup", [scene._file(second, b"skill", b"better", 0o600)], scene.store)
        return scene

    def take_back(scene: Scene, files: Files | None) -> None:
        plan = plan_undo(scene.store.in_force(), location=scene.host.location)
        carry_out_undo(plan, "uninstall", scene.store, files)

    origin = make_scene().tree()
    scene = prepared()
    installed = scene.tree()
    total = operations(lambda files: take_back(scene, files))
    assert scene.tree() == origin
    for at, done in product(range(total), (False, True)):
        scene = prepared()
        with pytest.raises(Died if forever else FileError):
            take_back(scene, DyingFiles(DiskFiles(), at, forever=forever, done=done))
        settle(scene)
        standing = scene.store.in_force()
        assert scene.tree() == (installed if standing else origin), f"at operation {at}"
        assert len(standing) in (0, runs)
        if standing:
            take_back(scene, None)
        assert scene.tree() == origin, f"at operation {at}"


def test_a_file_that_changed_after_the_plan_stops_the_run_before_anything_is_written(
    make_scene: Callable[[], Scene],
) -> None:
    scene = make_scene()
    changes = scene.changes()
    scene.host.edit("mine", "yours")
    before = scene.tree()
    with pytest.raises(ConflictError) as caught:
        apply_changes("setup", changes, scene.store)
    assert caught.value.error_code == "conflict.changed"
    assert scene.tree() == before
    assert scene.store.interrupted() == ()


def test_an_edit_that_comes_while_the_run_is_writing_survives(make_scene: Callable[[], Scene]) -> None:
    class EditedMeanwhile(DiskFiles):
        def __init__(self, config: Path) -> None:
            self.config = config

        def write(self, path: Path, data: bytes, mode: int | None, expected: bytes | None) -> None:
            if path.name == "SKILL.md":
                self.config.write_bytes(OLD.replace(b'"x"', b'"y"'))
            super().write(path, data, mode, expected)

    scene = make_scene()
    expected = scene.tree()
    with pytest.raises(ConflictError) as caught:
        scene.apply(EditedMeanwhile(scene.host.config))
    assert caught.value.error_code == "conflict.changed"
    assert scene.host.config.read_bytes() == OLD.replace(b'"x"', b'"y"')
    name = ".openclaw/openclaw.json"
    after = scene.tree()
    assert {k: v for k, v in after.items() if k != name} == {k: v for k, v in expected.items() if k != name}


def crash_after(scene: Scene, wanted: Callable[[], bool]) -> None:
    """Lets a run die right after the moment at which `wanted` holds."""

    class DiesThen(DyingFiles):
        def _do(self, operation: Callable[[], T]) -> T:
            if self.reached:
                raise Died
            result = super()._do(operation)
            self.reached = wanted()
            if self.reached:
                raise Died
            return result

    with pytest.raises(Died):
        scene.apply(DiesThen(DiskFiles(), -1, forever=False))


def test_recovery_takes_our_edit_out_of_a_config_that_was_edited_since(
    make_scene: Callable[[], Scene],
) -> None:
    scene = make_scene()
    crash_after(scene, lambda: scene.host.config.read_bytes() == NEW)
    scene.host.edit('mine: "x"', 'mine: "y", more: 1')
    [found] = settle(scene)
    assert found == Recovery(found.receipt, "rolled_back")
    assert scene.host.data == {"a": 1, "b": [1, 2], "mine": "y", "more": 1}
    assert "// old" in scene.host.config.read_text()
    assert not (scene.host.skills / "new").exists()


def test_recovery_keeps_and_names_what_somebody_changed_since(make_scene: Callable[[], Scene]) -> None:
    scene = make_scene()
    crash_after(scene, lambda: scene.host.config.read_bytes() == NEW)
    scene.host.edit("a: 2", "a: 3")
    (scene.host.skills / "new" / "SKILL.md").write_text("the user's now")
    [found] = settle(scene)
    assert set(found.kept) == {f"{scene.host.config}: a", str(scene.host.skills / "new" / "SKILL.md")}
    assert "changed since and kept" in found.sentence()
    assert scene.host.data["a"] == 3
    assert (scene.host.skills / "new" / "SKILL.md").read_text() == "the user's now"
    assert (scene.host.skills / "old" / "outdated.md").read_bytes() == b"first version"


def test_recovery_waits_for_a_config_that_cannot_be_read(make_scene: Callable[[], Scene]) -> None:
    scene = make_scene()
    crash_after(scene, lambda: scene.host.config.read_bytes() == NEW)
    whole = scene.host.config.read_bytes()
    scene.host.config.write_bytes(whole[:-10])
    with pytest.raises(ConfigError) as caught:
        recover(scene.store)
    assert caught.value.error_code == "config.syntax"
    scene.host.config.write_bytes(whole.replace(b'"x"', b'"y"'))
    assert [item.outcome for item in settle(scene)] == ["rolled_back"]
    assert scene.host.data == {"a": 1, "b": [1, 2], "mine": "y"}


def test_the_temporary_file_of_a_write_that_died_goes_with_the_recovery(
    make_scene: Callable[[], Scene],
) -> None:
    scene = make_scene()
    old = scene.tree()
    crash_after(scene, (scene.host.skills / "new").exists)
    leftover = scene.host.state_dir / ".openclaw.json.0123456789ab.tmp"
    leftover.write_bytes(NEW)
    settle(scene)
    assert scene.tree() == old


def test_a_full_disk_under_the_journal_stops_the_run_before_anything_is_changed(
    make_scene: Callable[[], Scene], tmp_path: Path
) -> None:
    scene = make_scene()
    before = scene.tree()
    scene.host.ours.mkdir(mode=0o700)
    (scene.host.ours / "hosts").write_text("a file in the way")
    with pytest.raises(FileError) as caught:
        scene.apply()
    assert str(scene.host.ours / "hosts") in caught.value.message
    assert scene.tree() == before


def test_a_journal_that_cannot_take_the_last_mark_means_that_nothing_was_changed(
    make_scene: Callable[[], Scene],
) -> None:
    class MarkBreaks(DiskFiles):
        """Puts a folder where the journal would replace its receipt, as the last change is made."""

        def __init__(self, receipts: Path) -> None:
            self.receipts = receipts

        def write(self, path: Path, data: bytes, mode: int | None, expected: bytes | None) -> None:
            super().write(path, data, mode, expected)
            if data == NEW:
                [place] = self.receipts.iterdir()
                (place / "receipt.json").rename(place / "aside")
                (place / "receipt.json").mkdir()

    scene = make_scene()
    before = scene.tree()
    with pytest.raises(FileError):
        scene.apply(MarkBreaks(scene.store.folder / "receipts"))
    assert scene.tree() == before
    [place] = (scene.store.folder / "receipts").iterdir()
    (place / "receipt.json").rmdir()
    (place / "aside").rename(place / "receipt.json")
    assert [item.outcome for item in settle(scene)] == ["rolled_back"]
    assert scene.tree() == before


def test_nothing_is_changed_outside_what_the_plan_names(make_scene: Callable[[], Scene]) -> None:
    scene = make_scene()
    before = tree_of(scene.host.home, times=True)
    scene.apply()
    after = tree_of(scene.host.home, times=True)
    named = {str(change.path.relative_to(scene.host.home)) for change in scene.changes()}
    folders = {str(Path(name).parent) for name in named}
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert changed <= {*named, *folders, *_parents(folders)}


def _parents(names: Sequence[str] | set[str]) -> set[str]:
    return {str(parent) for name in names for parent in Path(name).parents}

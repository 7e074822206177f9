"""All or nothing: journal, change, mark; roll back on failure; settle what an earlier crash left."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from openclaw_install.common.errors import ConflictError, FileError, InstallError
from openclaw_install.common.shared_files import CHANGED_MEANWHILE
from openclaw_install.host.config.paths import dotted
from openclaw_install.setup.changes import (
    Change,
    Files,
    carry_out,
    is_at,
    missing_folders,
    standing_folders,
)
from openclaw_install.setup.config_merge import without_edit
from openclaw_install.setup.disk_files import DiskFiles
from openclaw_install.setup.receipt import Receipt, Remnant, new_receipt
from openclaw_install.setup.receipts import ReceiptStore

_LOOKS = 5


@dataclass(frozen=True)
class Recovery:
    """What was done about a run that had died.

    Attributes:
        receipt: its id.
        outcome: `completed` when all its changes were in place, `rolled_back` when they were taken back.
        kept: what stays because somebody changed it since the run died.
    """

    receipt: str
    outcome: Literal["completed", "rolled_back"]
    kept: tuple[str, ...] = ()

    def sentence(self) -> str:
        """The same for a person."""
        kept = f"; changed since and kept: {', '.join(self.kept)}" if self.kept else ""
        return f"an earlier run had died; it was {self.outcome.replace('_', ' ')}{kept}"


def apply_changes(
    command: str,
    changes: Sequence[Change],
    store: ReceiptStore,
    files: Files | None = None,
    takes_back: Sequence[Receipt] = (),
    remnants: Sequence[Remnant] = (),
) -> Receipt:
    """Makes all `changes`, in their order, or none of them.

    The caller holds the store's lock. What lies between two changes of a run that sets up is never half of
    anything: the plan has the config last, and the one that takes back has it first.

    Args:
        command: what the receipt is filed under.
        changes: what to change.
        store: where the receipt goes.
        files: the file system.
        takes_back: the receipts that these changes undo; the folders that they made go when they are empty.
        remnants: what of those receipts is not undone: they go on standing for it.

    Raises:
        ConflictError: `conflict.changed`: a file is not what the plan saw; everything else was taken back.
        FileError: the file system refused; what had been changed was taken back. With `file.rollback` it
            could not be, and the next run does it.
    """
    disk = files or DiskFiles()
    for change in changes:
        _require_planned(change, disk)
    receipt = _begin(command, changes, store, disk, takes_back, remnants)
    try:
        disk.make_folders(missing_folders(receipt.changes, disk))
        for change in receipt.changes:
            # Looked at again: writing the journal took a while.
            _require_planned(change, disk)
            _carry_out(change, disk)
        settled = _finish(receipt, store, disk)
    except BaseException as error:
        # An interrupt counts as a failure: the host goes back to where it was.
        _give_up(receipt, store, disk, error)
        raise
    with contextlib.suppress(FileError):
        store.tidy()  # the run is through; housekeeping can wait for the next one
    return settled


def recover(store: ReceiptStore, files: Files | None = None) -> tuple[Recovery, ...]:
    """Settles every run that died: completes it when all was in place, else takes it back.

    What somebody changed since then stays: of the config, our edit alone is taken out.

    Raises:
        ConfigError: the config was changed since and cannot be read; nothing of it was touched.
        FileError: the file system refused; the next run tries again.
    """
    disk = files or DiskFiles()
    settled = []
    for receipt in reversed(store.interrupted()):
        found = [str(one) for change in receipt.changes for one in _leftovers(change, disk)]
        if all(is_at(change, disk.look(change.path), "after") for change in receipt.changes):
            _finish(receipt, store, disk)
            settled.append(Recovery(receipt.id, "completed", tuple(found)))
        else:
            kept = _roll_back(receipt, disk)
            store.mark(receipt, "rolled_back")
            settled.append(Recovery(receipt.id, "rolled_back", (*kept, *found)))
    store.tidy()
    return tuple(settled)


def _begin(
    command: str,
    changes: Sequence[Change],
    store: ReceiptStore,
    disk: Files,
    takes_back: Sequence[Receipt],
    remnants: Sequence[Remnant],
) -> Receipt:
    made = [folder for other in takes_back for folder in other.folders]
    candidates = [*made, *store.leftover_folders()] if takes_back else []
    receipt = new_receipt(
        command,
        changes,
        store.moment_after_last(),
        folders=[folder.path for folder in missing_folders(changes, disk)],
        emptied=standing_folders(candidates, disk),
        takes_back=[other.id for other in takes_back],
    )
    reach = store.reach.widened(other.reach for other in takes_back)
    receipt = replace(receipt, remnants=tuple(remnants), reach=reach)
    store.begin(receipt)
    return receipt


def _finish(receipt: Receipt, store: ReceiptStore, disk: Files) -> Receipt:
    """The changes are in place: folders that are of no more use go, and the run counts."""
    emptied = [folder.path for folder in receipt.emptied]
    disk.remove_empty_folders(emptied)
    still_used = tuple(folder.path for folder in standing_folders(emptied, disk))
    return store.settle(replace(receipt, folders=still_used if receipt.takes_back else receipt.folders))


def _give_up(receipt: Receipt, store: ReceiptStore, disk: Files, error: BaseException) -> None:
    try:
        _roll_back(receipt, disk)
    except InstallError as worse:
        raise FileError(
            f"{error}; and not everything could be taken back: {worse.message}",
            next_step="repair that and run openclaw-install again: it settles the interrupted run first",
            code="file.rollback",
        ) from error
    with contextlib.suppress(FileError):
        store.mark(receipt, "rolled_back")  # left unmarked, the next run finds everything as it was


def _roll_back(receipt: Receipt, disk: Files) -> tuple[str, ...]:
    """Brings everything back that is still as this run left it; returns what somebody changed since."""
    kept: list[str] = []
    # What a link leads to is not ours to fill again.
    disk.make_folders([folder for folder in receipt.emptied if disk.look(folder.path).link is None])
    for change in reversed(receipt.changes):
        kept += _bring_back(change, disk)
    disk.remove_empty_folders(receipt.folders)
    return tuple(dict.fromkeys(kept))


def _bring_back(change: Change, disk: Files) -> list[str]:
    """Takes one change back; returns what somebody changed since."""
    for left in reversed(range(_LOOKS)):
        present = disk.look(change.path)
        try:
            if is_at(change, present, "before"):
                return []
            if is_at(change, present, "after"):
                carry_out(change.reversed(), disk)
                return []
            if change.kind == "config" and present.content is not None:
                return _take_out(change, present.content, disk)
        except ConflictError as error:
            if not left or error.error_code != CHANGED_MEANWHILE:
                raise
            continue  # it was saved in this very moment: look at what is there now
        return [str(present.link or change.path)]
    raise AssertionError("the last look returns or raises")


def _take_out(change: Change, current: bytes, disk: Files) -> list[str]:
    merged = without_edit(change, current)
    if merged.data != current:
        disk.write(change.path, merged.data, None, current)
    return [f"{change.path}: {dotted(path)}" for path in merged.conflicts]


def _leftovers(change: Change, disk: Files) -> tuple[Path, ...]:
    return () if change.kind == "mode" else disk.remove_leftovers(change.path, (change.before, change.after))


def _require_planned(change: Change, disk: Files) -> None:
    if not is_at(change, disk.look(change.path), "before"):
        raise _changed(f"{change.path} changed after the plan was made")


def _carry_out(change: Change, disk: Files) -> None:
    try:
        carry_out(change, disk)
    except ConflictError as error:
        raise _changed(error.message) from error


def _changed(message: str) -> ConflictError:
    return ConflictError(
        message,
        next_step="run the command again: it plans anew; if this comes back each time, some program "
        "keeps rewriting the file: pause it meanwhile",
        code="conflict.changed",
    )

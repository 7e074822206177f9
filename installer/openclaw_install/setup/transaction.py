"""All or nothing: journal, change, mark; roll back on failure; settle what an earlier crash left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from openclaw_install.common.errors import ConflictError
from openclaw_install.setup.changes import Change, DiskFiles, Files, carry_out, is_at, missing_folders
from openclaw_install.setup.receipts import Receipt, ReceiptStore, new_receipt


@dataclass(frozen=True)
class Recovery:
    """What was done about a run that had died.

    Attributes:
        receipt: its id.
        outcome: `completed` when all its changes were in place, `rolled_back` when they were taken back.
    """

    receipt: str
    outcome: Literal["completed", "rolled_back"]


def apply_changes(
    command: str,
    changes: Sequence[Change],
    store: ReceiptStore,
    files: Files | None = None,
    takes_back: Sequence[Receipt] = (),
) -> Receipt:
    """Makes all `changes`, or none of them.

    The caller holds the store's lock. The config comes last, so that what it refers to is there first.

    Args:
        command: what the receipt is filed under.
        changes: what to change.
        store: where the receipt goes.
        files: the file system.
        takes_back: the receipts that these changes undo; the folders that they made go when they are empty.

    Raises:
        ConflictError: a file is no longer what the plan saw; nothing was changed.
        FileError: the file system refused; what had been changed was taken back.
    """
    disk = files or DiskFiles()
    for change in changes:
        if not is_at(change, disk.look(change.path), "before"):
            raise ConflictError(
                f"{change.path} changed after the plan was made",
                next_step="run the command again: it plans anew",
                code="conflict.changed",
            )
    ordered = sorted(changes, key=lambda change: change.kind == "config")
    undone = [other.id for other in takes_back]
    receipt = new_receipt(command, ordered, missing_folders(ordered), datetime.now(UTC), undone)
    store.begin(receipt)
    try:
        disk.make_folders(receipt.folders)
        for change in receipt.changes:
            carry_out(change, disk)
        disk.remove_empty_folders([folder for other in takes_back for folder in other.folders])
    except BaseException:
        # An interrupt counts as a failure: the host goes back to where it was.
        _roll_back(receipt, disk)
        store.mark(receipt, "rolled_back")
        raise
    return store.settle(receipt)


def recover(store: ReceiptStore, files: Files | None = None) -> tuple[Recovery, ...]:
    """Settles every run that died: completes it when all was in place, else takes it back.

    Raises:
        ConflictError: somebody changed one of its files since; the message names it.
    """
    disk = files or DiskFiles()
    settled = []
    for receipt in reversed(store.interrupted()):
        if all(is_at(change, disk.look(change.path), "after") for change in receipt.changes):
            store.settle(receipt)
            settled.append(Recovery(receipt.id, "completed"))
            continue
        for change in receipt.changes:
            _require_ours(change, disk, receipt)
        _roll_back(receipt, disk)
        store.mark(receipt, "rolled_back")
        settled.append(Recovery(receipt.id, "rolled_back"))
    return tuple(settled)


def _require_ours(change: Change, disk: Files, receipt: Receipt) -> None:
    present = disk.look(change.path)
    if not (is_at(change, present, "before") or is_at(change, present, "after")):
        raise ConflictError(
            f"the interrupted run {receipt.id} was changing {change.path}, and somebody changed it since",
            next_step="compare it with the images in the receipt's folder, restore the right one, run again",
            code="conflict.interrupted",
        )


def _roll_back(receipt: Receipt, disk: Files) -> None:
    for change in reversed(receipt.changes):
        backwards = change.reversed()
        if not is_at(backwards, disk.look(change.path), "after"):
            carry_out(backwards, disk)
    disk.remove_empty_folders(receipt.folders)

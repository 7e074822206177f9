"""Takes runs back: `undo` one receipt, `uninstall` all of them, keeping what the user changed since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openclaw_install.common.errors import ConflictError, UsageError
from openclaw_install.host.config_edit import apply_edits
from openclaw_install.host.hook_boot import BootVerdict, boot_verdict
from openclaw_install.host.json5_text import parse_json5
from openclaw_install.setup.changes import Change, DiskFiles, Files, is_at
from openclaw_install.setup.inverse import inverse_of
from openclaw_install.setup.receipts import Receipt, ReceiptStore
from openclaw_install.setup.transaction import apply_changes


@dataclass(frozen=True)
class Kept:
    """Something that stays, and why."""

    path: str
    reason: str

    def to_json(self) -> dict[str, str]:
        return {"path": self.path, "reason": self.reason}


@dataclass(frozen=True)
class UndoPlan:
    """What taking receipts back would do.

    Attributes:
        receipts: the receipts, newest first.
        changes: the changes to make; empty when the host is already as it was.
        kept: what stays because the user changed it since.
        conflicts: what we changed and the user changed again; undo refuses while there are any.
        next_boot: whether the gateway would start from the restored config; None when it is not touched.
    """

    receipts: tuple[Receipt, ...]
    changes: tuple[Change, ...]
    kept: tuple[Kept, ...]
    conflicts: tuple[str, ...]
    next_boot: BootVerdict | None

    def require_no_conflict(self) -> None:
        """Raises ConflictError that names every conflict."""
        if self.conflicts:
            raise ConflictError(
                "changed since that run: " + ", ".join(self.conflicts),
                next_step="set those back by hand, or keep your values and undo the rest with --keep-changed",
                code="conflict.undo",
            )


def choose_receipt(store: ReceiptStore, wanted: str | None) -> Receipt:
    """The receipt that `undo` means: the named one, else the newest whose changes stand.

    Raises:
        UsageError: there is none, or it was already taken back; the message lists those that stand.
    """
    standing = store.in_force()
    if wanted is None and standing:
        return standing[-1]
    for receipt in standing:
        if receipt.id == wanted:
            return receipt
    known = ", ".join(receipt.id for receipt in standing) or "none"
    what = "there is nothing to undo" if wanted is None else f"no receipt {wanted!r} stands"
    raise UsageError(
        f"{what} on this host", next_step=f"receipts that stand: {known}", code="usage.no_receipt"
    )


def plan_undo(
    receipts: Sequence[Receipt], *, keep_changed: bool = False, files: Files | None = None
) -> UndoPlan:
    """Composes `receipts` (oldest first) and works out how to take them back together.

    Args:
        receipts: one receipt, or all that stand on the host.
        keep_changed: what the user changed again since stays instead of being a conflict.
        files: the file system to look at.
    """
    disk = files or DiskFiles()
    changes: list[Change] = []
    kept: list[Kept] = []
    conflicts: list[str] = []
    verdict: BootVerdict | None = None
    for change in compose(receipts):
        step = _backwards(change, disk)
        if step.conflicts and not keep_changed:
            conflicts += step.conflicts
        kept += [Kept(name, "changed since that run") for name in step.conflicts if keep_changed]
        if step.change is not None:
            changes.append(step.change)
            if change.kind == "config":
                verdict = _verdict_on(step.change.after)
    newest_first = tuple(reversed(receipts))
    return UndoPlan(newest_first, tuple(changes), tuple(kept), tuple(conflicts), verdict)


def carry_out_undo(plan: UndoPlan, command: str, store: ReceiptStore, files: Files | None = None) -> Receipt:
    """Makes the plan's changes in one transaction, after which its receipts stand no more.

    Raises:
        ConflictError: the plan has conflicts, or a file changed since it was made.
        FileError: the file system refused; nothing was changed.
    """
    plan.require_no_conflict()
    return apply_changes(command, plan.changes, store, files, takes_back=plan.receipts)


def compose(receipts: Sequence[Receipt]) -> tuple[Change, ...]:
    """One change a path: from its state before the first receipt to its state after the last."""
    composed: dict[tuple[str, Path], Change] = {}
    for receipt in receipts:
        for change in receipt.changes:
            key = ("mode" if change.kind == "mode" else "content", change.path)
            first = composed.get(key)
            if first is None:
                composed[key] = change
                continue
            paths = tuple(dict.fromkeys(first.key_paths + change.key_paths))
            composed[key] = replace(first, after=change.after, after_mode=change.after_mode, key_paths=paths)
    return tuple(composed.values())


@dataclass(frozen=True)
class _Step:
    change: Change | None = None
    conflicts: tuple[str, ...] = ()


def _backwards(change: Change, disk: Files) -> _Step:
    present = disk.look(change.path)
    if is_at(change, present, "after"):
        return _Step(change.reversed())
    if is_at(change, present, "before"):
        return _Step()
    if change.kind == "config" and present.content is not None and change.after is not None:
        return _merge_config(change, present.content, change.after)
    return _Step(conflicts=(str(change.path),))


def _merge_config(change: Change, current: bytes, ours: bytes) -> _Step:
    text = current.decode("utf-8")
    inverse = inverse_of(_parse(change.before), _parse(ours), _parse(current), change.key_paths)
    conflicts = tuple(f"{change.path}: {name}" for name in inverse.conflicts)
    if not inverse.edits:
        return _Step(conflicts=conflicts)
    merged = apply_edits(text, inverse.edits).encode("utf-8")
    back = Change("config", change.path, change.label, current, merged, key_paths=change.key_paths)
    return _Step(back, conflicts)


def _parse(data: bytes | None) -> Mapping[str, Any]:
    document = parse_json5(data.decode("utf-8")) if data else {}
    return document if isinstance(document, Mapping) else {}


def _verdict_on(data: bytes | None) -> BootVerdict | None:
    return boot_verdict(_parse(data)) if data else None

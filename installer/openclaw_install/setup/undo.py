"""Takes runs back: `undo` one receipt, `uninstall` all of them, keeping what the user changed since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from openclaw_install.common.errors import ConfigError, ConflictError, UsageError
from openclaw_install.host.boot.verdict import BootVerdict
from openclaw_install.host.config.document import config_text, document_of
from openclaw_install.host.config.paths import KeyPath, dotted
from openclaw_install.host.config.secrets import masked_diff, secrets_in
from openclaw_install.host.locate import HostLocation
from openclaw_install.setup.changes import Change, ChangeKind, Files, Kept, Present, is_at, real_path
from openclaw_install.setup.config_merge import Merged, outermost, related, still_holds, without_edit
from openclaw_install.setup.disk_files import LINKED, DiskFiles
from openclaw_install.setup.next_boot import verdict_on_restored
from openclaw_install.setup.receipt import Receipt, Remnant
from openclaw_install.setup.receipts import ReceiptStore
from openclaw_install.setup.transaction import apply_changes

_CHANGED = "changed since that run"


@dataclass(frozen=True)
class UndoPlan:
    """What taking receipts back would do.

    Attributes:
        receipts: the receipts, newest first.
        changes: the changes to make, config first; empty when the host is already as it was.
        kept: what stays because the user changed it since.
        conflicts: what we changed and somebody changed again; undo refuses while there are any.
        remnants: the changes behind `kept`, for which the receipts go on standing.
        next_boot: whether the gateway would start from the restored config; None when it is not touched, or
            goes, or nothing can be said.
    """

    receipts: tuple[Receipt, ...]
    changes: tuple[Change, ...]
    kept: tuple[Kept, ...]
    conflicts: tuple[str, ...]
    next_boot: BootVerdict | None
    remnants: tuple[Remnant, ...] = ()
    diff: str = ""

    @property
    def idle(self) -> bool:
        """Whether it was carried out before: all that still stands was kept then and is kept again."""
        known = [item for receipt in self.receipts for item in receipt.as_remnants()]
        as_before = all(receipt.partial for receipt in self.receipts) and set(known) == set(self.remnants)
        return not self.changes and not self.conflicts and bool(self.receipts) and as_before

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

    One of which only kept items stand comes after all others: else nobody could ever get past those items.

    Raises:
        UsageError: there is none, or it was already taken back; the message lists those that stand.
    """
    standing = store.in_force()
    if wanted is None and standing:
        return max(standing, key=lambda receipt: (not receipt.partial, receipt.id))
    for receipt in standing:
        if receipt.id == wanted:
            return receipt
    known = ", ".join(receipt.id for receipt in standing) or "none"
    what = "there is nothing to undo" if wanted is None else f"no receipt {wanted!r} stands"
    raise UsageError(
        f"{what} on this host",
        next_step=f"receipts that stand: {known}; openclaw-install undo --list shows what each did",
        code="usage.no_receipt",
    )


def plan_undo(
    receipts: Sequence[Receipt],
    *,
    keep_changed: bool = False,
    later: Sequence[Receipt] = (),
    location: HostLocation | None = None,
    files: Files | None = None,
) -> UndoPlan:
    """Works out how to take `receipts` (oldest first) back together: one after the other, newest first.

    Args:
        receipts: one receipt, or all that stand on the host.
        keep_changed: what somebody changed again since stays instead of being a conflict.
        later: receipts that stand and are newer; what they changed again is a conflict in any case.
        location: the host; its config counts wherever its link leads by now.
        files: the file system to look at.

    Raises:
        ConfigError: the config was changed since and cannot be read; with `keep_changed` it stays.
        FileError: something cannot be looked at.
    """
    walk = _Walk(files or DiskFiles(), _moved(receipts, location), later, keep_changed=keep_changed)
    for receipt in reversed(receipts):
        for change in reversed(receipt.changes):
            walk.take_back(receipt, change)
    changes = walk.changes()
    config = next((change for change in changes if change.kind == "config"), None)
    restored = None if config is None else config.after
    verdict = verdict_on(restored, location) if restored is not None and location is not None else None
    diff = _diff(config, location) if config is not None and location is not None else ""
    changed = tuple(dict.fromkeys(walk.conflicts))
    kept, remnants = (changed, tuple(walk.remnants)) if keep_changed else ((), ())
    # What a later run changed is no choice of the user's: it would belong to no receipt any more.
    blocked = (*(() if keep_changed else map(_in_words, changed)), *dict.fromkeys(walk.by_later))
    return UndoPlan(tuple(reversed(receipts)), changes, kept, blocked, verdict, remnants, diff)


def verdict_on(data: bytes, location: HostLocation) -> BootVerdict | None:
    """Whether the gateway would start from a config of these bytes; None where they are none."""
    try:
        document = document_of(location.config_path, data, None, location.env)
    except ConfigError:
        return None
    return verdict_on_restored(document, location)


def _diff(change: Change, location: HostLocation) -> str:
    """What becomes of the config, by the secrets of both versions masked."""
    if change.before is None or change.after is None:
        return ""
    try:
        known = [
            secret
            for data in (change.before, change.after)
            for secret in secrets_in(document_of(location.config_path, data, None, location.env))
        ]
        texts = [config_text(change.path, data) for data in (change.before, change.after)]
    except ConfigError:
        return ""
    return masked_diff(texts[0], texts[1], location.config_path, known)


def _in_words(conflict: Kept) -> str:
    return conflict.path if conflict.reason == _CHANGED else f"{conflict.path} ({conflict.reason})"


def carry_out_undo(plan: UndoPlan, command: str, store: ReceiptStore, files: Files | None = None) -> Receipt:
    """Makes the plan's changes in one transaction, after which its receipts stand for its remnants alone.

    Raises:
        ConflictError: the plan has conflicts, or a file changed since it was made.
        FileError: the file system refused; nothing was changed.
    """
    plan.require_no_conflict()
    return apply_changes(
        command, plan.changes, store, files, takes_back=plan.receipts, remnants=plan.remnants
    )


def _moved(receipts: Sequence[Receipt], location: HostLocation | None) -> Mapping[Path, Path]:
    """Where the config is now, by the places where it was: its link may lead elsewhere by now."""
    if location is None:
        return {}
    named = real_path(location.config_path.parent) / location.config_path.name
    recorded = {change.path for r in receipts for change in r.changes if change.kind == "config"}
    return dict.fromkeys({named, *recorded}, real_path(location.config_path))


@dataclass
class _Step:
    """One path on its way back, through as many runs as changed it."""

    kind: ChangeKind
    path: Path
    label: str
    bundle: str | None
    present: Present
    content: bytes | None
    mode: int | None
    key_paths: list[KeyPath] = field(default_factory=list)
    was_ours: bool = False
    """A newer run's file stood here to the letter: what an older run finds instead, that one replaced."""
    were_ours: set[KeyPath] = field(default_factory=set)
    """The same of the config's key paths."""

    def change(self) -> Change | None:
        """What has to be done to the path, or None where nothing has to."""
        common: dict[str, Any] = {"before_mode": self.present.mode, "bundle": self.bundle}
        if self.kind == "mode":
            if self.mode == self.present.mode:
                return None
            return Change(self.kind, self.path, self.label, after_mode=self.mode, **common)
        if self.content == self.present.content:
            return None
        return Change(
            self.kind,
            self.path,
            self.label,
            before=self.present.content,
            after=self.content,
            # A file that comes back gets the permissions that it had; one that stays keeps its own.
            after_mode=self.mode if self.present.content is None else None,
            key_paths=tuple(dict.fromkeys(self.key_paths)),
            **common,
        )


def _without(change: Change, current: bytes, were_ours: set[KeyPath]) -> Merged:
    """`current` without the edit of `change`; what a newer run had replaced is no conflict.

    Args:
        were_ours: the key paths that held what a newer run had set, to the letter.

    Raises:
        ConfigError: as `without_edit`.
    """
    merged = without_edit(change, current)
    replaced = tuple(path for path in merged.conflicts if path in were_ours)
    if not replaced:
        return merged
    settled = without_edit(replace(change, after=merged.data, key_paths=replaced), merged.data)
    left = tuple(path for path in merged.conflicts if path not in replaced)
    return Merged(settled.data, (*left, *settled.conflicts))


class _Walk:
    """Goes back run by run and keeps for each path what it would be by then."""

    def __init__(
        self, disk: Files, moved: Mapping[Path, Path], later: Sequence[Receipt], *, keep_changed: bool
    ) -> None:
        self.disk = disk
        self.moved = moved
        self.later = later
        self.keep_changed = keep_changed
        self.steps: dict[tuple[bool, Path], _Step] = {}
        self.conflicts: list[Kept] = []
        self.remnants: list[Remnant] = []
        self.by_later: list[str] = []

    def changes(self) -> tuple[Change, ...]:
        return tuple(change for step in self.steps.values() if (change := step.change()))

    def take_back(self, receipt: Receipt, change: Change) -> None:
        step = self._step(change)
        known = len(self.conflicts)
        keys = change.key_paths
        if step.present.link is not None:
            self.conflicts.append(Kept(str(step.present.link), LINKED))
        elif change.kind == "mode":
            self._mode(change, step)
        else:
            keys = self._content(change, step)
        if len(self.conflicts) > known:
            self.remnants.append(Remnant(receipt.id, change.kind, change.path, keys))

    def _conflict(self, name: str) -> None:
        self.conflicts.append(Kept(name, _CHANGED))

    def _step(self, change: Change) -> _Step:
        path = self.moved.get(change.path, change.path)
        key = (change.kind == "mode", path)
        if key not in self.steps:
            present = self.disk.look(path)
            self.steps[key] = _Step(
                change.kind, path, change.label, change.bundle, present, present.content, present.mode
            )
        return self.steps[key]

    def _mode(self, change: Change, step: _Step) -> None:
        if step.mode == change.after_mode:
            step.mode = change.before_mode
        elif step.mode not in (change.before_mode, None):  # what is gone has no permissions
            self._conflict(f"{step.path} (its permissions)")

    def _content(self, change: Change, step: _Step) -> tuple[KeyPath, ...]:
        """Takes content back; returns the key paths of the change that stay where there is a conflict."""
        whole = not step.present.blocked and not change.partial
        if step.content == change.before and not step.present.blocked:
            return ()
        if step.content == change.after and whole and not self._later_run(change):
            step.content, step.mode = change.before, change.before_mode
            step.key_paths += change.key_paths
            step.was_ours = True
            step.were_ours |= set(outermost(change.key_paths))
        elif change.kind == "config" and step.content is not None:
            return self._merge(change, step, step.content)
        elif step.was_ours:
            step.content, step.mode = change.before, change.before_mode
            return ()
        elif later := self._later_run(change):
            self.by_later.append(f"{step.path} ({later})")
        else:
            self._conflict(str(step.path))
        return change.key_paths

    def _merge(self, change: Change, step: _Step, current: bytes) -> tuple[KeyPath, ...]:
        later = {path: self._later_run(change, path) for path in outermost(change.key_paths)}
        alone = replace(change, key_paths=tuple(path for path, run in later.items() if not run))
        try:
            merged = _without(alone, current, step.were_ours)
        except ConfigError:
            if not self.keep_changed:
                raise
            self._conflict(str(step.path))
            return change.key_paths
        step.content = merged.data
        step.key_paths += alone.key_paths
        step.were_ours |= set(alone.key_paths) - set(merged.conflicts)
        for path in merged.conflicts:
            self._conflict(f"{step.path}: {dotted(path)}")
        self.by_later += [f"{step.path}: {dotted(path)} ({run})" for path, run in later.items() if run]
        return tuple(key for key in change.key_paths if any(related(key, path) for path in merged.conflicts))

    def _later_run(self, change: Change, key: KeyPath | None = None) -> str:
        """Names the later run that changed the same again, if one did."""
        for receipt in self.later:
            for other in receipt.changes:
                if other.kind != change.kind or other.path != change.path:
                    continue
                if receipt.partial and not self._holds(other, key):
                    continue  # what the user made of it is no longer that run's
                if key is None or any(related(key, theirs) for theirs in outermost(other.key_paths)):
                    return f"by the later run {receipt.id}; undo that one first"
        return ""

    def _holds(self, other: Change, key: KeyPath | None) -> bool:
        """Whether what was kept of a later run is by now as that run had left it."""
        present = self.disk.look(self.moved.get(other.path, other.path))
        if other.kind != "config" or present.content is None:
            return is_at(other, present, "after")
        keys = [path for path in outermost(other.key_paths) if key is None or related(key, path)]
        return still_holds(other, present.content, keys)

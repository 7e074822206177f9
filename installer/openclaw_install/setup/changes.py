"""What a run changes: one `Change` for each file or permission, with the state before and after."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from openclaw_install.common.files import PRIVATE_FOLDER
from openclaw_install.host.config.paths import KeyPath

ChangeKind = Literal["bundle", "config", "mode"]


@dataclass(frozen=True)
class PlannedChange:
    """One change as it is shown.

    Attributes:
        action: `create`, `update`, `delete` or `chmod 0600`.
        label: what a person calls it.
    """

    kind: ChangeKind
    action: str
    path: Path
    label: str


@dataclass(frozen=True)
class Change:
    """One file that a run brings from one state to another, or one permission that it narrows.

    Attributes:
        kind: `bundle` for a file of a bundle, `config` for the host's config, `mode` for permissions only.
        path: the file or folder, links resolved.
        label: what a person calls it, such as `bundle pingagent: SKILL.md`.
        before: content before, None when there was no file (or for kind `mode`).
        after: content after, None to delete it (or for kind `mode`).
        before_mode: permission bits before, None when there was nothing.
        after_mode: permission bits after, None to keep them.
        key_paths: for kind `config`, the key paths that the edit sets, in order.
        bundle: for kind `bundle`, the bundle's name.
        partial: for kind `config`, the rest of the edit was taken back before: only `key_paths` still stand.
    """

    kind: ChangeKind
    path: Path
    label: str
    before: bytes | None = field(default=None, repr=False)
    after: bytes | None = field(default=None, repr=False)
    before_mode: int | None = None
    after_mode: int | None = None
    key_paths: tuple[KeyPath, ...] = ()
    bundle: str | None = None
    partial: bool = False

    @property
    def shown(self) -> PlannedChange:
        """The change without content."""
        if self.kind == "mode":
            action = f"chmod {self.after_mode:04o}"
        elif self.after is None:
            action = "delete"
        else:
            action = "create" if self.before is None else "update"
        return PlannedChange(self.kind, action, self.path, self.label)

    def reversed(self) -> Change:
        """The change that takes this one back.

        Content that comes back keeps the permissions that the file has by then: they are a change of their
        own. Only a file that was deleted gets its former ones.
        """
        brings_mode = self.kind == "mode" or self.after is None
        return Change(
            self.kind,
            self.path,
            self.label,
            before=self.after,
            after=self.before,
            before_mode=self.after_mode if self.after_mode is not None else self.before_mode,
            after_mode=self.before_mode if brings_mode else None,
            key_paths=self.key_paths,
            bundle=self.bundle,
        )


@dataclass(frozen=True)
class Kept:
    """Something that stays, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Present:
    """What is at a path now.

    Attributes:
        content: the file's bytes; None when there is nothing, or something that is no ordinary file.
        mode: its permission bits; None when there is nothing. Of a link they are the link's own.
        link: the outermost symbolic link on the way to the path, or the path itself where it is one. What
            lies behind it is the user's: nothing is there for us.
    """

    content: bytes | None
    mode: int | None
    link: Path | None = None

    @property
    def blocked(self) -> bool:
        """Whether something is there that is no ordinary file, or lies behind a link."""
        return self.mode is not None and self.content is None


@dataclass(frozen=True)
class Folder:
    """A folder that a run makes or takes away, with its permission bits."""

    path: Path
    mode: int = PRIVATE_FOLDER


class Files(Protocol):
    """The seam to the file system: `DiskFiles`, and a twin in memory that dies at a chosen moment.

    Every method raises FileError with the path and a next step, and doing it twice is as good as once.
    Nothing is ever written, made or deleted through a symbolic link: paths come with their links resolved,
    so one that is on the way by now was put there since.
    """

    def look(self, path: Path) -> Present:
        """What is at `path`; nothing that is a symbolic link, or behind one, is an ordinary file."""

    def write(self, path: Path, data: bytes, mode: int | None, expected: bytes | None) -> None:
        """Replaces a file in one step; `mode` None keeps its permissions, or 0600 for a new one.

        Raises:
            ConflictError: `file.changed_meanwhile`: it does not hold `expected` (None: nothing) any more;
                what is there stays.
        """

    def delete(self, path: Path, expected: bytes | None) -> None:
        """Deletes a file; nothing happens where there is none.

        Raises:
            ConflictError: as `write`.
        """

    def set_mode(self, path: Path, mode: int) -> None:
        """Changes permissions."""

    def make_folders(self, folders: Sequence[Folder]) -> None:
        """Makes those that are missing, in this order."""

    def remove_empty_folders(self, folders: Sequence[Path]) -> None:
        """Removes those of `folders` that are empty, deepest first; others stay."""

    def remove_leftovers(self, path: Path, known: Sequence[bytes | None]) -> tuple[Path, ...]:
        """Removes what a `write` or `delete` of `path` left beside it when its process died.

        Args:
            known: what the path held before and after. A leftover with anything else is somebody's version:
                it gets a name of its own.

        Returns:
            Such versions.
        """


def carry_out(change: Change, files: Files) -> None:
    """Brings one path from its `before` into its `after` state.

    Raises:
        ConflictError: `file.changed_meanwhile`: it is in neither by now; what is there stays.
        FileError: the file system refused.
    """
    if change.kind == "mode":
        if change.after_mode is not None:
            files.set_mode(change.path, change.after_mode)
    elif change.after is None:
        files.delete(change.path, change.before)
    else:
        files.write(change.path, change.after, change.after_mode, change.before)


def is_at(change: Change, present: Present, which: Literal["before", "after"]) -> bool:
    """Whether a path is in the state before or after `change`; never where a link is on the way to it."""
    if present.link is not None:
        return False
    if change.kind == "mode":
        return present.mode == (change.before_mode if which == "before" else change.after_mode)
    content = change.before if which == "before" else change.after
    # Where nothing should be, a folder or a link is something.
    return present.content == content and (content is not None or present.mode is None)


def missing_folders(changes: Sequence[Change], files: Files) -> tuple[Folder, ...]:
    """The folders that do not exist yet and that `changes` need, outermost first."""
    found: dict[Path, None] = {}
    for change in changes:
        if change.after is None:
            continue
        chain: list[Path] = []
        folder = change.path.parent
        while folder not in found and files.look(folder).mode is None:
            chain.append(folder)
            folder = folder.parent
        found.update(dict.fromkeys(reversed(chain)))
    return tuple(Folder(path) for path in found)


def standing_folders(paths: Sequence[Path], files: Files) -> tuple[Folder, ...]:
    """Those of `paths` that exist, with their permissions, outermost first; none that lies behind a link."""
    ordered = sorted(dict.fromkeys(paths), key=lambda path: len(path.parts))
    found = ((path, files.look(path)) for path in ordered)
    return tuple(Folder(path, at.mode) for path, at in found if at.mode is not None and at.link is None)


def real_path(path: Path) -> Path:
    """`path` with every link resolved, whether or not it exists."""
    return Path(os.path.realpath(path))


def permission_bits(status: os.stat_result) -> int:
    """The permission bits of a stat result."""
    return stat.S_IMODE(status.st_mode)

"""What a run changes: one `Change` for each file or folder mode, with the state before and after."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from openclaw_install.common.files import (
    file_error,
    make_private_folder,
    read_if_exists,
    sync_folder,
    write_atomic,
)
from openclaw_install.host.config_paths import KeyPath

ChangeKind = Literal["bundle", "config", "mode"]


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

    def reversed(self) -> Change:
        """The change that takes this one back."""
        return Change(
            self.kind,
            self.path,
            self.label,
            before=self.after,
            after=self.before,
            before_mode=self.after_mode if self.after_mode is not None else self.before_mode,
            after_mode=self.before_mode,
            key_paths=self.key_paths,
            bundle=self.bundle,
        )


@dataclass(frozen=True)
class Present:
    """What is at a path now: its content (None for nothing or a folder) and its permission bits."""

    content: bytes | None
    mode: int | None


class Files(Protocol):
    """The seam to the file system: the real one, and twins in the tests that die at a chosen moment."""

    def look(self, path: Path) -> Present: ...
    def write(self, path: Path, data: bytes, mode: int | None) -> None: ...
    def delete(self, path: Path) -> None: ...
    def set_mode(self, path: Path, mode: int) -> None: ...
    def make_folders(self, folders: Sequence[Path]) -> None: ...
    def remove_empty_folders(self, folders: Sequence[Path]) -> None: ...


class DiskFiles:
    """The real file system. Every method raises FileError with the path and a next step."""

    def look(self, path: Path) -> Present:
        try:
            status = path.stat()
        except FileNotFoundError:
            return Present(None, None)
        except OSError as error:
            raise file_error(error, path, "look at") from error
        mode = stat.S_IMODE(status.st_mode)
        return Present(None if stat.S_ISDIR(status.st_mode) else read_if_exists(path), mode)

    def write(self, path: Path, data: bytes, mode: int | None) -> None:
        write_atomic(path, data, mode=mode)

    def delete(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
        except OSError as error:
            raise file_error(error, path, "delete") from error

    def set_mode(self, path: Path, mode: int) -> None:
        try:
            path.chmod(mode)
        except OSError as error:
            raise file_error(error, path, "change the mode of") from error

    def make_folders(self, folders: Sequence[Path]) -> None:
        for folder in folders:
            make_private_folder(folder)

    def remove_empty_folders(self, folders: Sequence[Path]) -> None:
        """Removes those of `folders` that are empty, deepest first; others stay."""
        for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                try:
                    folder.rmdir()
                except OSError as error:
                    raise file_error(error, folder, "remove") from error


def carry_out(change: Change, files: Files) -> None:
    """Brings one path into its `after` state; doing it again changes nothing.

    Raises:
        FileError: the file system refused.
    """
    if change.kind == "mode":
        if change.after_mode is not None:
            files.set_mode(change.path, change.after_mode)
    elif change.after is None:
        files.delete(change.path)
    else:
        files.write(change.path, change.after, change.after_mode)


def is_at(change: Change, present: Present, which: Literal["before", "after"]) -> bool:
    """Whether a path is in the state before or after `change`."""
    content, mode = (
        (change.before, change.before_mode) if which == "before" else (change.after, change.after_mode)
    )
    if change.kind == "mode":
        return present.mode == mode
    return present.content == content


def missing_folders(changes: Sequence[Change]) -> tuple[Path, ...]:
    """The folders that do not exist yet and that `changes` need, outermost first."""
    found: dict[Path, None] = {}
    for change in changes:
        if change.after is None:
            continue
        chain: list[Path] = []
        folder = change.path.parent
        while not folder.exists():
            chain.append(folder)
            folder = folder.parent
        found.update(dict.fromkeys(reversed(chain)))
    return tuple(found)


def real_path(path: Path) -> Path:
    """`path` with every link resolved, whether or not it exists."""
    return Path(os.path.realpath(path))

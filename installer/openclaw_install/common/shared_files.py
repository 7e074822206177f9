"""Replaces files that other programs edit too: what was saved meanwhile stays, or is kept aside and named.

A caller says on which content it planned. The new file and the old one change places in one step, and what
came out is compared: where it is something else, it goes back, and the caller gets `file.changed_meanwhile`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import signal
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from openclaw_install.common import renames
from openclaw_install.common.errors import ConflictError
from openclaw_install.common.files import (
    MOST_BYTES,
    file_error,
    finished_beside,
    read_if_exists,
    sync_folder,
    temporary_name,
)

CHANGED_MEANWHILE = "file.changed_meanwhile"
_TRIES = 8
# How long a program may take to close a file that it is writing to.
_WRITER_LOOKS, _WRITER_PAUSE = 50, 0.01
_Identity = tuple[int, int]


def write_expected(path: Path, data: bytes, expected: bytes | None, *, mode: int | None = None) -> None:
    """Replaces the content of `path` in one step, if it still is `expected` in that very step.

    A symlink is followed, so the link stays and its target changes.

    Args:
        path: the file; its folder must exist.
        data: the whole new content.
        expected: what the file holds; None where there is none.
        mode: permission bits; None keeps those of the file that is there, or 0600 for a new one.

    Raises:
        ConflictError: `file.changed_meanwhile`: it holds something else, and that stays. Versions that were
            overwritten meanwhile are kept beside it, and named.
        FileError: it cannot be written; the old content is untouched then.
    """
    target = path
    try:
        target = Path(os.path.realpath(path))  # raises where a link becomes a file meanwhile
        _require(target, expected)
        temporary = finished_beside(target, data, mode)
        try:
            if expected is None:
                renames.take_free_name(temporary, target)
            else:
                _replace(temporary, target, data, expected)
        except FileExistsError:
            raise _changed(target, ()) from None
        finally:
            clear_away(temporary, target, (data, expected))
        sync_folder(target.parent)
    except OSError as error:
        raise file_error(error, target, "write") from error


def remove_expected(path: Path, expected: bytes | None) -> None:
    """Deletes `path` if it still holds `expected`; nothing happens where nothing is.

    Raises:
        ConflictError: `file.changed_meanwhile`: it holds something else, and stays.
        FileError: it cannot be deleted, or is no ordinary file.
    """
    aside = temporary_name(path)
    try:
        if stat.S_ISDIR(path.lstat().st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        path.rename(aside)
        try:
            gone = clear_away(aside, None, (expected,))
        except BaseException:
            _returned(aside, path)
            raise
        if not gone:
            raise _changed(path, _returned(aside, path))
        sync_folder(path.parent)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise file_error(error, path, "delete") from error


def clear_away(temporary: Path, path: Path | None, known: Sequence[bytes | None]) -> bool:
    """Deletes a temporary file that holds nothing but what its maker knows.

    Args:
        path: keeps anything else as a version of this file; None leaves it where it is.
        known: the contents that may go.

    Returns:
        Whether it is gone.
    """
    if not os.path.lexists(temporary):
        return True
    content = settled_content(temporary)
    if content is not None and content in known:
        temporary.unlink()
        return True
    if path is not None:
        keep_aside(temporary, path)
    return False


def leftovers_cleared(path: Path, known: Sequence[bytes | None]) -> tuple[Path, ...]:
    """Clears away what processes that were killed left of their changes of `path`.

    Args:
        known: the contents that may go, and each beginning of one: it was being written.

    Returns:
        Where a version of somebody else is kept.
    """
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{12}}\.tmp")
    kept = []
    for entry in path.parent.iterdir() if path.parent.is_dir() else ():
        if not pattern.fullmatch(entry.name):
            continue
        content = settled_content(entry)
        if content is not None and any(one is not None and one.startswith(content) for one in known):
            entry.unlink(missing_ok=True)
        else:
            kept.append(keep_aside(entry, path))
    return tuple(kept)


def _returned(aside: Path, path: Path) -> tuple[Path, ...]:
    """Gives a file its name back; where that is taken by now, a name of its own, which is returned."""
    try:
        renames.take_free_name(aside, path)
    except FileExistsError:
        return (keep_aside(aside, path),)
    return ()


def keep_aside(found: Path, path: Path) -> Path:
    """Gives a version of `path` a name of its own beside it, where a person finds it."""
    kept = path.with_name(f"{path.name}.conflict-{secrets.token_hex(4)}")
    found.rename(kept)
    return kept


def settled_content(path: Path) -> bytes | None:
    """The content of a file that nobody writes to; None where it is written to, or is no ordinary file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES or not _has_no_writer(descriptor):
            return None
        return stream.read()


def _require(target: Path, expected: bytes | None) -> None:
    """A look before anything is written: most conflicts need no exchange."""
    if read_if_exists(target) != expected:
        raise _changed(target, ())


def _replace(temporary: Path, target: Path, data: bytes, expected: bytes) -> None:
    try:
        with _pinned(temporary) as ours:
            renames.exchange(temporary, target)
            if settled_content(temporary) != expected:
                raise _changed(target, _put_back(temporary, target, ours, data))
    except renames.UnsupportedRenameError:
        _replace_looking(temporary, target, expected)
    except FileNotFoundError:
        raise _changed(target, ()) from None  # it was deleted, and stays so


def _put_back(temporary: Path, target: Path, placed: _Identity, data: bytes) -> tuple[Path, ...]:
    """Brings what came out back to its name; returns where a version is that somebody overwrote meanwhile.

    Args:
        temporary: what came out of the exchange.
        target: its name, where `placed` is now, or something that is newer still.
        placed: what was put there.
        data: the content that is ours, and that may go.
    """
    with contextlib.ExitStack() as pins:
        known: bytes | None = data
        for _ in range(_TRIES):
            putting, holds = pins.enter_context(_pinned(temporary)), settled_content(temporary)
            try:
                renames.exchange(temporary, target)
            except FileNotFoundError:
                break  # deleted meanwhile: what came out is kept aside
            if _identity(temporary) == placed and settled_content(temporary) == known:
                break
            # Somebody saved between the two exchanges: that is the newest, and goes back in turn.
            placed, known = putting, holds
    if settled_content(temporary) == data:
        return ()
    return (keep_aside(temporary, target),)


def _replace_looking(temporary: Path, target: Path, expected: bytes) -> None:
    """Where nothing can be exchanged: a last look right before the rename, the old file kept until then."""
    old = temporary_name(target)
    try:
        os.link(target, old, follow_symlinks=False)
    except FileNotFoundError:
        raise _changed(target, ()) from None
    except OSError:
        old = target  # no hard links either: the last look has to do
    try:
        if settled_content(old) != expected or _identity(old) != _identity(target):
            raise _changed(target, ())
        temporary.replace(target)
        if old != target and settled_content(old) != expected:
            raise _changed(target, (keep_aside(old, target),))
    finally:
        if old != target:
            old.unlink(missing_ok=True)


def _identity(path: Path) -> _Identity:
    status = path.lstat()
    return status.st_dev, status.st_ino


@contextlib.contextmanager
def _pinned(path: Path) -> Iterator[_Identity]:
    """The file's identity; it is nobody else's as long as this is held."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # a link, or not ours to read: its number has to do
        yield _identity(path)
        return
    try:
        status = os.fstat(descriptor)
        yield status.st_dev, status.st_ino
    finally:
        os.close(descriptor)


def _has_no_writer(descriptor: int) -> bool:
    """Whether nobody has the file open for writing, waiting a moment for a writer's end.

    A read lease is granted only then (fcntl(2)). Where there are no leases (macOS, another user's file, some
    file systems) nobody can say, and the answer is yes.
    """
    if sys.platform != "linux":
        return True
    import fcntl

    try:
        # Whoever opens it while we look would have us killed by SIGIO; SIGURG does nothing.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
    except OSError:
        return True
    for _ in range(_WRITER_LOOKS):
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            if error.errno != errno.EAGAIN:
                return True
        else:
            return True
        time.sleep(_WRITER_PAUSE)
    return False


def _changed(path: Path, kept: tuple[Path, ...]) -> ConflictError:
    note = f"; a version that was overwritten meanwhile is kept as {kept[0]}" if kept else ""
    return ConflictError(
        f"{path} was changed by another program in the very moment it was to be replaced{note}",
        next_step="look at it and run the command again; what is there now is theirs",
        code=CHANGED_MEANWHILE,
    )

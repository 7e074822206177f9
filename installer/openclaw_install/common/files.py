"""Atomic and durable writes of files, private folders, safe joins of paths, and errors that name the file."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from openclaw_install.common.errors import FileError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


MOST_BYTES = 64 * 1024 * 1024


def sha256(data: bytes) -> str:
    """The SHA-256 of `data` in lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def read_if_exists(path: Path, limit: int = MOST_BYTES) -> bytes | None:
    """The file's bytes, or None when nothing is there.

    Args:
        path: the file; a link is followed.
        limit: the most bytes that such a file can sensibly have.

    Raises:
        FileError: something is there that is no regular file (a pipe would be waited on for ever), that has
            more bytes than `limit`, or that cannot be read.
    """
    stream = open_if_exists(path, limit)
    if stream is None:
        return None
    try:
        with stream:
            return stream.read()
    except OSError as error:
        raise file_error(error, path, "read") from error


def open_if_exists(path: Path, limit: int = MOST_BYTES) -> BinaryIO | None:
    """The file, opened to be read, or None when nothing is there; as `read_if_exists`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise file_error(error, path, "read") from error
    try:
        _require_readable(path, os.fstat(descriptor), limit)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _require_readable(path: Path, status: os.stat_result, limit: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise file_error(IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)), path, "read")
    if not stat.S_ISREG(status.st_mode):
        raise FileError(
            f"cannot read {path}: it is no regular file",
            next_step="move it away: an ordinary file belongs there",
            code="file.not_regular",
        )
    if status.st_size > limit:
        raise FileError(
            f"cannot read {path}: it has {status.st_size} bytes, and no such file has more than {limit}",
            next_step="move it away, or cut it down",
            code="file.too_large",
        )


def write_atomic(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Replaces the content of `path` in one step: temporary file, fsync, rename, fsync of the folder.

    For files that are ours alone: whatever is there goes. What others write too is changed by `shared_files`.
    A symlink is followed, so the link stays and its target changes.

    Args:
        path: the file; its folder must exist.
        data: the whole new content.
        mode: permission bits; None keeps those of the file that is there, or 0600 for a new one.

    Raises:
        FileError: the folder is read-only, the disk is full, or a folder stands in the way. The old
            content is untouched then.
    """
    try:
        target = Path(os.path.realpath(path))  # raises where a link becomes a file meanwhile
        temporary = finished_beside(target, data, mode)
        try:
            temporary.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(target.parent)
    except OSError as error:
        raise file_error(error, path, "write") from error


def finished_beside(target: Path, data: bytes, mode: int | None) -> Path:
    """A new file beside `target` with `data` durably in it; a failure leaves nothing behind.

    Args:
        mode: permission bits; None for those of `target`, or 0600 where there is none.
    """
    if mode is None:
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else PRIVATE_FILE
    temporary = temporary_name(target)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    return temporary


def temporary_name(target: Path) -> Path:
    """A name beside `target` that nobody has: `.<name>.<12 hex digits>.tmp`."""
    return target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")


def make_private_folder(path: Path) -> None:
    """Makes `path` and its missing parents, each with mode 0700; folders that exist keep their mode.

    Raises:
        FileError: a file stands in the way, or the place is read-only.
    """
    try:
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            # `parents=True` would give only the last one the mode.
            folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    except OSError as error:
        raise file_error(error, path, "make the folder") from error


def file_stamp(path: Path) -> object:
    """What is another when the file was changed or replaced, or cannot be looked at any more."""
    try:
        status = path.stat()
    except OSError as error:
        return error.errno
    return status.st_mtime_ns, status.st_size, status.st_ino


def sync_folder(path: Path) -> None:
    """Makes renames inside `path` durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def safe_join(root: Path, name: str) -> Path:
    """`root / name` for a relative name that somebody else chose.

    Raises:
        FileError: the name is empty, absolute, has a NUL, a backslash or `..`, or leaves `root` by a link.
    """
    pure = PurePosixPath(name)
    parts = pure.parts
    odd = not parts or pure.is_absolute() or ".." in parts or "\0" in name or "\\" in name
    joined = root.joinpath(*parts) if not odd else root
    if odd or not joined.resolve().is_relative_to(root.resolve()):
        raise FileError(
            f"the name {name!r} does not stay inside {root}",
            next_step="use a relative name without '..' and without links that lead out of the folder",
            code="file.unsafe_name",
        )
    return joined


_NEXT_STEPS = {
    errno.EACCES: "give this user the right to do so, or run as the user who owns the host",
    errno.EPERM: "give this user the right to do so, or run as the user who owns the host",
    errno.EROFS: "remount the file system read-write",
    errno.ENOSPC: "free some disk space and run the command again",
    errno.EDQUOT: "free some of your quota and run the command again",
    errno.ENOTDIR: "a file stands where a folder is needed: move it away",
    errno.EEXIST: "a file stands where a folder is needed: move it away",
    errno.EISDIR: "a folder stands where a file is needed: move it away",
    errno.ELOOP: "the symbolic links form a loop: point them at a real file",
}


def file_error(error: OSError, path: Path, verb: str) -> FileError:
    """Turns an OSError into an error that says which file, what failed and what to do."""
    reason = error.strerror or type(error).__name__
    return FileError(
        f"cannot {verb} {path}: {reason}",
        next_step=_NEXT_STEPS.get(error.errno or 0, "check the path and try again"),
        code="file." + (errno.errorcode.get(error.errno or 0, "oserror").lower()),
    )

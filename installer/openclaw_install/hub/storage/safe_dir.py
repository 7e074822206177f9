"""Files below a folder that somebody else writes in too: by descriptors, so that no link is ever followed.

To look whether a name is a link and then to open it leaves a moment in between. Here each folder is opened
once, refusing links, and everything below it is named relative to that descriptor. It also takes a fifth of
the system calls of resolving paths; each of them lets go of the interpreter's lock, which a busy hub is slow
to give back.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from openclaw_install.common.files import MOST_BYTES, PRIVATE_FILE, PRIVATE_FOLDER

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def opened(name: str | Path, inside: int | None = None) -> Iterator[int]:
    """A folder's descriptor.

    Args:
        name: one name in the folder `inside`, which may be no link; or, without that, a path of our own.
        inside: a folder's descriptor.

    Raises:
        OSError: it is not there, is a link (ELOOP or ENOTDIR), or is no folder.
    """
    flags = _FOLDER if inside is None else _FOLDER | os.O_NOFOLLOW
    descriptor = os.open(name, flags, dir_fd=inside)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def names_in(folder: int) -> list[str]:
    """What is in a folder, sorted.

    Raises:
        OSError: it cannot be read.
    """
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def make_folder(inside: int, name: str) -> bool:
    """Makes the folder with mode 0700, durably; returns whether there was nothing of that name.

    Raises:
        OSError: it cannot be made.
    """
    try:
        os.mkdir(name, PRIVATE_FOLDER, dir_fd=inside)
    except FileExistsError:
        return False
    os.fsync(inside)
    return True


def read_file(inside: int, name: str) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: it is not there, is a link (ELOOP), is no regular file, or is larger than any of ours can be.
    """
    descriptor = os.open(name, _FILE, dir_fd=inside)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        if status.st_size > MOST_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return stream.read()


def replace_file(inside: int, name: str, data: bytes) -> None:
    """Replaces the content in one step: temporary file, fsync, rename, fsync of the folder.

    A file that is there keeps its permission bits; a new one gets 0600.

    Raises:
        OSError: a link (ELOOP) or a folder is in its place, or there is no room or no right.
    """
    mode = _mode_of(inside, name)
    temporary = f".{name}.{secrets.token_hex(6)}.tmp"
    descriptor = os.open(temporary, _NEW_FILE, mode, dir_fd=inside)
    try:
        try:
            _write_all(descriptor, data)
            # The process's umask had a say in the mode.
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, name, src_dir_fd=inside, dst_dir_fd=inside)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=inside)
        raise
    os.fsync(inside)


def _mode_of(inside: int, name: str) -> int:
    try:
        status = os.stat(name, dir_fd=inside, follow_symlinks=False)
    except FileNotFoundError:
        return PRIVATE_FILE
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return stat.S_IMODE(status.st_mode)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]

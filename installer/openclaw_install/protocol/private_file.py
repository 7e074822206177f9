"""Reads and writes one private file: never through a link, never half, never open to others."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

from openclaw_install.common.errors import FileError, InstallError
from openclaw_install.common.files import PRIVATE_FILE, file_error, sync_folder
from openclaw_install.protocol.errors import IdentityError
from openclaw_install.protocol.identity_document import MAX_IDENTITY_BYTES

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def read_private(path: Path) -> bytes | None:
    """The file's bytes (at most one more than an identity may have), or None when nothing is there.

    Raises:
        IdentityError: it is a symbolic link, or others can read or change it.
        FileError: it is no regular file, or cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _link(path) from None
        raise file_error(error, path, "read") from error
    try:
        _require_private(path, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return stream.read(MAX_IDENTITY_BYTES + 1)
    except OSError as error:
        raise file_error(error, path, "read") from error
    finally:
        os.close(descriptor)


def _require_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise FileError(
            f"cannot read {path}: it is no regular file",
            next_step="move it away: an ordinary file belongs there",
            code="file.not_regular",
        )
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise IdentityError(
            f"the identity at {path} can be read or changed by other users of this machine",
            next_step=f"chmod 600 {path}; if others may have read it, rotate: pingagent identity rotate",
            code="identity.too_open",
        )


def _write_exclusive(path: Path, data: bytes) -> None:
    """Makes `path`, which must not exist, with `data` durably in it; a failure leaves nothing behind."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), PRIVATE_FILE)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise


def temporary_beside(path: Path, data: bytes) -> Path:
    """A new file beside `path` with `data` durably in it.

    Raises:
        FileError: it cannot be written; nothing is left behind then.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        _write_exclusive(temporary, data)
    except OSError as error:
        raise file_error(error, path, "write") from error
    return temporary


def sweep_temporaries(path: Path) -> None:
    """Removes what a killed process left beside `path`: it may hold keys that were to be forgotten."""
    for left in path.parent.glob(f".{path.name}*.tmp"):
        with contextlib.suppress(OSError):
            left.unlink()


def replace_private(path: Path, data: bytes) -> None:
    """Puts `data` at `path` in one step; a link there is replaced, never followed."""
    temporary = temporary_beside(path, data)
    try:
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise file_error(error, path, "write") from error


def claim_name(temporary: Path, path: Path, data: bytes) -> None:
    """Gives the finished file its name, unless the name is taken."""
    try:
        path.hardlink_to(temporary)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A file system without hard links: still exclusive, though a reader may meet a part of it.
        _write_exclusive(path, data)


def _link(path: Path) -> InstallError:
    return IdentityError(
        f"the identity at {path} is a symbolic link, which is not followed",
        next_step="put the file itself there, or name its place with PINGAGENT_IDENTITY_PATH",
        code="identity.link",
    )

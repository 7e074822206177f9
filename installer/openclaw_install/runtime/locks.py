"""Lock files that show which process runs; looking at one never takes it away."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import ConflictError
from openclaw_install.common.files import file_error

# Whoever looks at a lock holds it for a moment, so one refusal does not mean that it is taken.
LOOK_SECONDS = 1.0
_POLL_SECONDS = 0.02


@contextlib.contextmanager
def held(path: Path, message: str, code: str, *, seconds: float = LOOK_SECONDS) -> Iterator[None]:
    """Holds a lock file.

    Raises:
        ConflictError: with `message` and `code`: somebody else has held it for `seconds`.
        FileError: the file cannot be opened.
    """
    import filelock

    lock = filelock.FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=seconds, poll_interval=_POLL_SECONDS)
    except filelock.Timeout as error:
        raise ConflictError(message, next_step="openclaw-install runtime status", code=code) from error
    except OSError as error:
        raise file_error(error, path, "lock") from error
    try:
        with contextlib.suppress(OSError):
            os.utime(path)  # when it was taken hold of, for those who look
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock; the file need not exist.

    Raises:
        FileError: this user may not look at it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise file_error(error, path, "look at") from error
    try:
        # Shared: two who look at once do not see each other as holders.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.EWOULDBLOCK, errno.EACCES)
    finally:
        os.close(descriptor)
    return False


def identity_of(path: Path) -> tuple[int, int] | None:
    """Which file the path names now; None when there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def age_of(path: Path) -> float | None:
    """Seconds since somebody last took hold of it, by the wall clock; None when that is not known."""
    try:
        return wall_time() - path.stat().st_mtime
    except OSError:
        return None

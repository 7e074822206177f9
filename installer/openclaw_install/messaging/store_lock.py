"""Lock on a store: at most one bridge drives it, and a process that died holds nothing."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from openclaw_install.common.errors import ConflictError
from openclaw_install.common.files import PRIVATE_FILE, file_error, make_private_folder

_SUFFIX = ".lease"
_PATIENCE = 1.0
_PAUSE = 0.02


def lease_path(store: Path) -> Path:
    """The file beside the store that is locked; the kernel lets go of it when its holder dies."""
    return store.with_name(store.name + _SUFFIX)


@contextlib.contextmanager
def held(store: Path, *, patience: float = _PATIENCE) -> Iterator[None]:
    """Holds the lock on a store.

    Args:
        store: the store's path.
        patience: seconds to wait; somebody who only looks (`is_held`) may be in the way for a moment.

    Raises:
        ConflictError: another process drives this store.
        FileError: the file cannot be made.
    """
    descriptor = _open(store)
    try:
        end = time.monotonic() + patience
        while not _locked(descriptor, fcntl.LOCK_EX):
            if time.monotonic() >= end:
                raise ConflictError(
                    f"another runtime drives the store {store}",
                    next_step="stop the other one, or leave the work to it",
                    code="conflict.bridge_running",
                )
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def is_held(store: Path) -> bool:
    """Whether a bridge drives this store now."""
    if not lease_path(store).exists():
        return False
    descriptor = _open(store)
    try:
        return not _locked(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _open(store: Path) -> int:
    path = lease_path(store)
    make_private_folder(path.parent)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as error:
        raise file_error(error, path, "open") from error


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""A file that reserves disk space, so that acknowledgements and sweeps work on a full disk."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from openclaw_install.common.files import PRIVATE_FILE

RESERVE_BYTES = 1024 * 1024


class DiskReserve:
    """Room for acknowledgements and sweeps: given up when the disk is full, taken again when there is some.

    Args:
        path: the file; its content is of no use to anybody.
    """

    def __init__(self, path: Path, size: int = RESERVE_BYTES) -> None:
        self._path, self._size = path, size

    def take(self) -> bool:
        """Makes sure that the room is held; False where the disk has not that much."""
        with contextlib.suppress(OSError):
            if self._path.stat().st_size == self._size:
                return True
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
            try:
                # Written, because a hole takes no room.
                os.pwrite(descriptor, b"\0" * self._size, 0)
                os.ftruncate(descriptor, self._size)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            self.give_up()
            return False
        return self._path.stat().st_size == self._size

    def give_up(self) -> None:
        """Frees the room."""
        with contextlib.suppress(OSError):
            self._path.unlink()


def free_bytes(folder: Path) -> int:
    """How much of the disk is free for us.

    Raises:
        OSError: the folder is gone.
    """
    return shutil.disk_usage(folder).free

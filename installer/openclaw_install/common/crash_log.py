"""A log file for an error that nobody foresaw: its kind and its frames, and no value of anything."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime
from pathlib import Path

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import InstallError
from openclaw_install.common.files import make_private_folder, write_atomic


def write_crash_log(error: BaseException, name: str) -> Path | None:
    """Writes the traceback to a file of its own, and returns its place; None when even that fails.

    Args:
        error: an exception's own text may quote what it choked on, so only its type is written.
        name: begins the file's name.
    """
    import platformdirs

    try:
        folder = platformdirs.user_log_path("openclaw-install")
        make_private_folder(folder)
        path = folder / f"{name}-{datetime.fromtimestamp(wall_time(), UTC):%Y%m%dT%H%M%S.%fZ}.log"
        frames = "".join(traceback.format_tb(error.__traceback__))
        write_atomic(path, f"{type(error).__name__}\n{frames}".encode(), mode=0o600)
    except (OSError, InstallError):
        return None
    return path

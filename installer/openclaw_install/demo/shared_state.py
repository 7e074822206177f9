"""What all OpenClaw hosts of one user share outside their state folders: mended and tidied."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from pathlib import Path

# No variable moves it: OpenClaw 2026.9.6 keeps it at this path for every host of the user.
HANDOFFS = Path("/tmp/openclaw/managed-update-handoffs.sqlite")  # noqa: S108 - OpenClaw's choice, not ours

# The same: empty files for each database of each host, named by a hash of the database's path.
LOCKS = Path(f"/tmp/openclaw-state-locks-{os.getuid()}")  # noqa: S108 - OpenClaw's choice, not ours


def settle_handoffs(path: Path = HANDOFFS) -> bool:
    """Lets SQLite roll back what a gateway that was killed left half-written in the shared database.

    A gateway that has to migrate something at its start opens this file read-only; read-only
    connections cannot roll back a hot journal (SQLITE_READONLY_ROLLBACK), so every such start of every
    host fails with "attempt to write a readonly database" until somebody opens the file for writing.

    Args:
        path: the database.

    Returns:
        Whether a journal lay there that is gone now.
    """
    journal = path.with_name(f"{path.name}-journal")
    if not _is_ours(path) or not _is_ours(journal):
        return False
    with contextlib.suppress(sqlite3.Error):
        connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=5)
        with contextlib.closing(connection):
            # A journal of a process that lives is not hot, and stays: SQLite tells by the locks.
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return not journal.exists()


def forget_locks(root: Path, locks: Path = LOCKS) -> None:
    """Removes the lock files of the databases below `root`, whose host has ended and will not come back.

    Args:
        root: the scratch folder of one host.
        locks: OpenClaw's folder of lock files.
    """
    if locks.is_symlink():
        return
    for database in root.rglob("*.sqlite"):
        digest = hashlib.sha256(str(database.resolve()).encode()).hexdigest()[:8]
        for lock in locks.glob(f"*.{digest}.lock.sqlite*"):
            with contextlib.suppress(OSError):
                lock.unlink()


def _is_ours(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_uid == os.getuid()

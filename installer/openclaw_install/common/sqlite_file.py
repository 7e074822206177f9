"""Opens SQLite files: private, WAL mode, durable commits, a busy timeout; or read-only."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from openclaw_install.common.errors import FileError
from openclaw_install.common.files import PRIVATE_FILE, file_error

LOCK_SECONDS = 10.0
_PAUSE_SECONDS = 0.02
_T = TypeVar("_T")


def connect_file(
    path: Path, *, check_same_thread: bool = True, lock_seconds: float = LOCK_SECONDS
) -> sqlite3.Connection:
    """A connection in autocommit mode to the database at `path`, made with mode 0600 where there is none.

    A commit returns only when the disk has it (`synchronous = FULL`).

    Args:
        path: the file; its folder must exist.
        check_same_thread: as `sqlite3.connect` has it.
        lock_seconds: how long to wait for a lock that another connection holds.

    Raises:
        OSError: the file cannot be made.
        sqlite3.Error: it cannot be opened, is no database, or stayed locked for `lock_seconds`.
    """
    _make(path)
    connection = sqlite3.connect(
        path, timeout=lock_seconds, isolation_level=None, check_same_thread=check_same_thread
    )
    try:
        patiently(lambda: connection.execute("PRAGMA journal_mode = WAL").close(), lock_seconds)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reading(
    path: Path, *, check_same_thread: bool = True, past_log: bool = True
) -> sqlite3.Connection:
    """A connection that changes nothing, neither in the database at `path` nor beside it.

    Args:
        path: the file; it must exist.
        check_same_thread: as `sqlite3.connect` has it.
        past_log: read the file alone where it has no log. Nothing keeps another process from writing into
            it meanwhile, and then it seems damaged: where `stamp_of` has changed, look again without this.

    Raises:
        sqlite3.Error: it cannot be opened, or is no database.
    """
    place = Path(os.path.realpath(path))
    # Without a log nobody has the file open, and SQLite would make one, only to look into it
    # (https://www.sqlite.org/wal.html#readonly): `immutable` has it read the file alone.
    alone = past_log and not _has_log(place)
    flags = "mode=ro&immutable=1" if alone else "mode=ro"
    return sqlite3.connect(
        f"{place.as_uri()}?{flags}",
        uri=True,
        timeout=LOCK_SECONDS,
        isolation_level=None,
        check_same_thread=check_same_thread,
    )


def stamp_of(path: Path) -> tuple[int, int, bool]:
    """What is another when another process has written into the database at `path`, or has opened it.

    Raises:
        OSError: it is not there.
    """
    place = Path(os.path.realpath(path))
    status = place.stat()
    return status.st_mtime_ns, status.st_size, _has_log(place)


def _has_log(place: Path) -> bool:
    return place.with_name(f"{place.name}-wal").exists()


def _make(path: Path) -> None:
    """Makes the file where there is none, and never opens one that is there.

    To close a file drops all POSIX locks that this process has on it, also those of SQLite's other
    connections (https://www.sqlite.org/howtocorrupt.html, section 2.2). Another process would then take
    itself for the last one, and remove the journal that those connections go on writing into.
    """
    place = Path(os.path.realpath(path))
    if place.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if place.exists():
        if not os.access(place, os.R_OK | os.W_OK):
            # Whoever may do anything meets it as well where the file system is mounted read-only.
            is_fixed = os.statvfs(place).f_flag & os.ST_RDONLY
            reason = errno.EROFS if is_fixed else errno.EACCES
            raise OSError(reason, os.strerror(reason), str(path))
        return
    # SQLite gives its journal files the mode of the database, so that has to be right from the start.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE))


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction that takes the write lock at its start, so that what it reads stays true."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # Some failures, a full disk among them, have rolled back by themselves.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


class NewerDatabaseError(Exception):
    """The database was written by a newer version of this program; the caller says what to do about it."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(f"version {found}, newer than {known}")
        self.found = found
        self.known = known


@dataclass(frozen=True)
class DatabaseKind:
    """How the operator is told of errors of one kind of database.

    Attributes:
        name: what it is called, such as `store`.
        code: what the codes begin with; `busy`, `damaged`, `newer` or `unusable` follows.
        if_damaged: the next step for a damaged one.
    """

    name: str
    code: str
    if_damaged: str

    @contextlib.contextmanager
    def errors(self, path: Path) -> Iterator[None]:
        """Turns errors of SQLite into ones that name the file and the next step.

        Raises:
            FileError: instead of `sqlite3.Error` and `NewerDatabaseError`.
        """
        try:
            yield
        except sqlite3.Error as error:
            raise self.error(error, path) from error
        except NewerDatabaseError as error:
            upgrade = "pip install --upgrade openclaw-install"
            raise self._error(f"a newer openclaw-install wrote {path}", upgrade, "newer") from error

    def error(self, error: sqlite3.Error, path: Path) -> FileError:
        """What an error of SQLite means for the operator."""
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith("SQLITE_FULL"):
            return file_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), path, "write")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            wait = "wait until the other program has ended, or end it"
            return self._error(f"another process has held {path} for too long", wait, "busy")
        if is_damage(error):
            return self._error(f"the {self.name} {path} is damaged", self.if_damaged, "damaged")
        check = "check the folder's permissions and the free space"
        return self._error(f"cannot use the {self.name} {path}: {error}", check, "unusable")

    def _error(self, message: str, next_step: str, code: str) -> FileError:
        return FileError(message, next_step=next_step, code=f"{self.code}{code}")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the file is no database, or no whole one."""
    name = getattr(error, "sqlite_errorname", "") or ""
    return name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def patiently(act: Callable[[], _T], lock_seconds: float = LOCK_SECONDS) -> _T:
    """Does `act`, and again while SQLite says that the file is busy.

    The switch to WAL, and the recovery of a log that a dead process left, ask for an exclusive lock
    without calling the busy handler, so that `timeout` does nothing for them
    (https://www.sqlite.org/c3ref/busy_handler.html).

    Args:
        act: what to do; it must be safe to repeat.
        lock_seconds: for how long.

    Raises:
        sqlite3.OperationalError: it was still busy at the end, or something else was wrong.
    """
    end = time.monotonic() + lock_seconds
    while True:
        try:
            return act()
        except sqlite3.OperationalError as error:
            busy = (getattr(error, "sqlite_errorname", "") or "").startswith("SQLITE_BUSY")
            if not busy or time.monotonic() >= end:
                raise
        time.sleep(_PAUSE_SECONDS)

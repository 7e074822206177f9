"""Reads and writes an identity's file: never lost, never half, never through a link or open to others."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from openclaw_install.common.errors import ConflictError, FileError
from openclaw_install.common.files import (
    PRIVATE_FILE,
    file_error,
    finished_beside,
    make_private_folder,
    sync_folder,
)
from openclaw_install.protocol.errors import IdentityError, ProtocolError
from openclaw_install.protocol.identity import Identity, new_identity
from openclaw_install.protocol.identity_document import MAX_IDENTITY_BYTES, read_identity, write_identity
from openclaw_install.protocol.profile import backup_of
from openclaw_install.protocol.rotation import extends

LOCK_SECONDS = 30.0
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def load_identity(path: Path) -> Identity:
    """The identity in `path`.

    Raises:
        IdentityError: `identity.missing`, `identity.too_open` (others may read it), `identity.link`, or
            `identity.damaged`; each names the file and the way out.
        FileError: it cannot be read.
    """
    data = _read_private(path)
    if data is None:
        raise IdentityError(
            f"there is no identity at {path}",
            next_step="create one with: openclaw-install; or bring yours: pingagent identity import",
            code="identity.missing",
        )
    try:
        return read_identity(data)
    except ProtocolError as error:
        reason = error.message.removeprefix("the identity is damaged: ")
        raise IdentityError(
            f"the identity at {path} is damaged: {reason}",
            next_step=f"copy {backup_of(path)} over it, or move it away and run: pingagent identity import",
            code="identity.damaged",
        ) from None


def create_identity(
    path: Path, now: float, *, alias: str | None = None, display_name: str | None = None
) -> Identity:
    """Makes a new identity and writes it to `path`, which must not exist.

    Args:
        now: seconds since 1970.

    Raises:
        ConflictError: something is there already; it is left alone.
        FileError: it cannot be written.
    """
    identity = new_identity(now, alias=alias, display_name=display_name)
    store_new_identity(path, identity)
    return identity


def ensure_identity(path: Path, now: float) -> tuple[Identity, bool]:
    """The identity in `path`, and whether it was made just now; racing callers all get the same one.

    Raises:
        IdentityError, FileError: as `load_identity`, but for a missing file.
    """
    if not os.path.lexists(path):
        with contextlib.suppress(ConflictError):
            return create_identity(path, now), True
    return load_identity(path), False


def store_new_identity(path: Path, identity: Identity) -> None:
    """Writes `identity` to `path`, which must not exist, in one step: nobody ever sees half of it.

    Raises:
        ConflictError: something is there already; it is left alone.
        IdentityError: only the second copy of an identity is there, which a new one would overwrite.
        FileError: it cannot be written.
    """
    make_private_folder(path.parent)
    # In this order, because whoever creates one writes the copy last.
    if os.path.lexists(backup_of(path)) and not os.path.lexists(path):
        raise IdentityError(
            f"the identity at {path} is gone, but its second copy is there",
            next_step=f"mv {backup_of(path)} {path}; or move the copy away to begin with a new identity",
            code="identity.only_backup",
        )
    data = write_identity(identity)
    try:
        temporary = finished_beside(path, data, PRIVATE_FILE)
        try:
            _claim_name(temporary, path, data)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    except FileExistsError:
        raise ConflictError(
            f"there is an identity at {path} already; it is left as it is",
            next_step="keep using it, or move it away first (and export it: it cannot be made again)",
            code="identity.exists",
        ) from None
    except OSError as error:
        raise file_error(error, path, "write") from error
    _replace_private(backup_of(path), data)


def save_identity(path: Path, identity: Identity) -> None:
    """Replaces the identity in `path` by a newer state of the same agent, and then its second copy.

    The copy holds the new state too: an older one would keep keys that were to be forgotten. Use
    `update_identity` where another process may write as well.

    Raises:
        ConflictError: the file is another agent's, or its rotation log is not contained in the new one.
        IdentityError, FileError: the present file or the place is not usable.
    """
    present = load_identity(path)
    if present.did != identity.did or not extends(present.rotation, identity.rotation):
        raise ConflictError(
            f"the identity at {path} is another agent's, or newer; it is left as it is",
            next_step="load it again and repeat the change",
            code="identity.conflict",
        )
    _sweep_temporaries(path)
    data = write_identity(identity)
    for place in (path, backup_of(path)):
        _replace_private(place, data)


def update_identity(path: Path, change: Callable[[Identity], Identity]) -> Identity:
    """Loads, changes and saves the identity while no other process does the same.

    Args:
        change: a pure function, such as a rotation; when it returns what it was given, nothing is written.

    Raises:
        ConflictError: another process holds the lock for longer than 30 s.
        IdentityError, FileError: as `load_identity` and `save_identity`.
    """
    load_identity(path)  # before the lock, which would make the folder of a wrong path
    with _locked(path):
        before = load_identity(path)
        after = change(before)
        if after != before:
            save_identity(path, after)
        return after


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    # Only a change of an identity needs it, and it takes longer to load than what is around it.
    import filelock

    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"), timeout=LOCK_SECONDS, mode=PRIVATE_FILE)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise ConflictError(
            f"another process has been changing {path} for {LOCK_SECONDS:.0f} s",
            next_step="wait for it to end, then run the command again",
            code="identity.locked",
        ) from None
    except OSError as error:
        raise file_error(error, path, "lock") from error
    try:
        yield
    finally:
        lock.release()


def _read_private(path: Path) -> bytes | None:
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


def _sweep_temporaries(path: Path) -> None:
    """Removes what a killed process left beside `path`: it may hold keys that were to be forgotten."""
    for left in path.parent.glob(f".{path.name}*.tmp"):
        with contextlib.suppress(OSError):
            left.unlink()


def _replace_private(path: Path, data: bytes) -> None:
    """Puts `data` at `path` in one step; a link there is replaced, never followed."""
    try:
        temporary = finished_beside(path, data, PRIVATE_FILE)
        try:
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise file_error(error, path, "write") from error


def _claim_name(temporary: Path, path: Path, data: bytes) -> None:
    """Gives the finished file its name, unless the name is taken."""
    try:
        path.hardlink_to(temporary)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A file system without hard links: still exclusive, though a reader may meet a part of it.
        _write_exclusive(path, data)


def _link(path: Path) -> IdentityError:
    return IdentityError(
        f"the identity at {path} is a symbolic link, which is not followed",
        next_step="put the file itself there, or name its place with PINGAGENT_IDENTITY_PATH",
        code="identity.link",
    )

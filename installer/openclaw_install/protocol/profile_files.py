"""How an agent's identity gets to its file and back without ever being lost or shown."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock

from openclaw_install.common.errors import ConflictError
from openclaw_install.common.files import (
    PRIVATE_FILE,
    file_error,
    make_private_folder,
    sync_folder,
)
from openclaw_install.protocol.errors import IdentityError, ProtocolError
from openclaw_install.protocol.identity import Identity, new_identity
from openclaw_install.protocol.identity_document import (
    export_identity,
    import_identity,
    read_identity,
    write_identity,
)
from openclaw_install.protocol.private_file import (
    claim_name,
    read_private,
    replace_private,
    sweep_temporaries,
    temporary_beside,
)
from openclaw_install.protocol.profile import DEFAULT_PROFILE, ProfilePaths, backup_of, profile_paths
from openclaw_install.protocol.rotation import extends

__all__ = [
    "DEFAULT_PROFILE",
    "ProfilePaths",
    "backup_of",
    "create_identity",
    "ensure_identity",
    "export_identity",
    "import_identity",
    "load_identity",
    "profile_paths",
    "save_identity",
    "store_new_identity",
    "update_identity",
]

LOCK_SECONDS = 30.0


def load_identity(path: Path) -> Identity:
    """The identity in `path`.

    Raises:
        IdentityError: `identity.missing`, `identity.too_open` (others may read it), `identity.link`, or
            `identity.damaged`; each names the file and the way out.
        FileError: it cannot be read.
    """
    data = read_private(path)
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
    temporary = temporary_beside(path, data)
    try:
        claim_name(temporary, path, data)
        sync_folder(path.parent)
    except FileExistsError:
        raise ConflictError(
            f"there is an identity at {path} already; it is left as it is",
            next_step="keep using it, or move it away first (and export it: it cannot be made again)",
            code="identity.exists",
        ) from None
    except OSError as error:
        raise file_error(error, path, "write") from error
    finally:
        temporary.unlink(missing_ok=True)
    replace_private(backup_of(path), data)


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
    sweep_temporaries(path)
    data = write_identity(identity)
    for place in (path, backup_of(path)):
        replace_private(place, data)


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

"""One run's receipt, in memory with the contents of files, and as `receipt.json` stores it without them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from openclaw_install.common.errors import FileError
from openclaw_install.common.files import sha256
from openclaw_install.common.jsonable import record_from
from openclaw_install.host.config.paths import KeyPath
from openclaw_install.setup.changes import Change, ChangeKind, Folder
from openclaw_install.setup.host_scope import HostScope

ReceiptStatus = Literal["applying", "applied", "rolled_back", "undone"]
FORMAT = 1
DOCUMENT = "receipt.json"
_A_DAY = timedelta(days=1)
ReadImage = Callable[["Image"], bytes]


@dataclass(frozen=True)
class Remnant:
    """A change that goes on standing when its run is taken back, because somebody changed the same since.

    Attributes:
        receipt: id of the run that made the change.
        kind: as the change has it; kind and path name it within its run.
        path: as the change has it.
        key_paths: of the config, the key paths of the edit that stay.
    """

    receipt: str
    kind: ChangeKind
    path: Path
    key_paths: tuple[KeyPath, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """One run's record.

    Attributes:
        id: sorts by time; what `undo` takes.
        command: the command that made it.
        status: `applying` until the last change is made; then `applied`; `rolled_back` when it was taken back
            before its end; `undone` when a later run took it back.
        created: when it began.
        changes: what it changed, with both images.
        folders: folders that it created; of a run that takes others back, those of theirs that
            are still in use.
        emptied: folders that it may remove when they are empty, with their permissions.
        takes_back: ids of the receipts that this run undoes; empty for a run that sets up.
        remnants: what of those receipts was kept: they stand for it until a later run takes it back.
        reach: the host that the run was for.
        partial: the run was taken back, and `changes` are its remnants alone; this is not stored.
    """

    id: str
    command: str
    status: ReceiptStatus
    created: datetime
    changes: tuple[Change, ...]
    folders: tuple[Path, ...] = ()
    emptied: tuple[Folder, ...] = ()
    takes_back: tuple[str, ...] = ()
    remnants: tuple[Remnant, ...] = ()
    reach: HostScope | None = None
    partial: bool = False

    def reduced_to(self, remnants: Sequence[Remnant]) -> Receipt:
        """The receipt as it stands after a run that took it back but for `remnants`."""
        left = {(item.kind, item.path): item.key_paths for item in remnants if item.receipt == self.id}
        changes = []
        for change in self.changes:
            keys = left.get((change.kind, change.path))
            if keys is None:
                continue
            whole = set(keys) == set(change.key_paths)
            changes.append(change if whole else replace(change, key_paths=keys, partial=True))
        return replace(self, changes=tuple(changes), partial=True)

    def as_remnants(self) -> tuple[Remnant, ...]:
        """All that stands of it."""
        return tuple(Remnant(self.id, item.kind, item.path, item.key_paths) for item in self.changes)

    @property
    def stored(self) -> StoredReceipt:
        """The receipt without content."""
        return StoredReceipt(
            host=self.reach,
            id=self.id,
            command=self.command,
            status=self.status,
            created=self.created.isoformat(),
            folders=self.folders,
            emptied=tuple(StoredFolder(folder.path, f"{folder.mode:04o}") for folder in self.emptied),
            takes_back=self.takes_back,
            remnants=self.remnants,
            changes=tuple(_stored_change(change, number) for number, change in enumerate(self.changes)),
        )


@dataclass(frozen=True)
class Image:
    """A file beside `receipt.json`, with its SHA-256."""

    file: str
    sha256: str


@dataclass(frozen=True)
class StoredFolder:
    """A folder with its permission bits, as four octal digits."""

    path: Path
    mode: str


@dataclass(frozen=True)
class StoredChange:
    """One change without content.

    Attributes:
        bundle: name of the bundle that the file belongs to.
        before_mode, after_mode: permission bits as four octal digits; an `after_mode` of null keeps them.
        key_paths: of the config, the key paths that the run set or removed; numbers are places in lists.
    """

    kind: ChangeKind
    path: Path
    label: str
    bundle: str | None
    before: Image | None
    after: Image | None
    before_mode: str | None
    after_mode: str | None
    key_paths: tuple[KeyPath, ...]


@dataclass(frozen=True, kw_only=True)
class StoredReceipt:
    """The document `receipt.json`: names, hashes and permissions, and no content; otherwise as `Receipt`.

    Attributes:
        created: ISO 8601 with microseconds.
        host: the host of the run; a receipt that names anything else on the machine is not believed.
    """

    format: Literal[1] = 1
    id: str
    command: str
    status: ReceiptStatus
    created: str
    folders: tuple[Path, ...]
    emptied: tuple[StoredFolder, ...]
    takes_back: tuple[str, ...]
    changes: tuple[StoredChange, ...]
    # Receipts of earlier versions do not have these.
    remnants: tuple[Remnant, ...] = ()
    host: HostScope | None = None

    def loaded(self, image: ReadImage) -> Receipt:
        """The receipt with its contents.

        Raises:
            ValueError: permission bits that are none, or an image that is altered.
            FileError: an image cannot be read.
        """
        return Receipt(
            self.id,
            self.command,
            self.status,
            datetime.fromisoformat(self.created),
            tuple(_loaded_change(change, image) for change in self.changes),
            self.folders,
            tuple(Folder(folder.path, int(folder.mode, 8)) for folder in self.emptied),
            self.takes_back,
            self.remnants,
            self.host,
        )

    def outside(self, host: HostScope) -> Path | None:
        """The first path of the receipt that is no part of `host`."""
        folders = [*self.folders, *(folder.path for folder in self.emptied)]
        return host.widened([self.host]).outside([change.path for change in self.changes], folders)


def new_receipt(
    command: str,
    changes: Sequence[Change],
    now: datetime,
    *,
    folders: Sequence[Path] = (),
    emptied: Sequence[Folder] = (),
    takes_back: Sequence[str] = (),
) -> Receipt:
    """A receipt with status `applying` and an id that sorts by `now`."""
    moment = now.astimezone(UTC)
    identity = f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond:06d}Z-{secrets.token_hex(2)}"
    return Receipt(
        identity,
        command,
        "applying",
        moment,
        tuple(changes),
        tuple(folders),
        tuple(emptied),
        tuple(takes_back),
    )


def read_stored(place: Path, text: bytes) -> StoredReceipt:
    """The receipt in the folder `place`, without its images.

    Raises:
        FileError: `file.receipt_damaged`, or `file.receipt_newer` where a later version wrote it.
    """
    try:
        document = json.loads(text)
        if document["format"] > FORMAT:
            raise FileError(
                f"a newer openclaw-install wrote the receipt {place / DOCUMENT}",
                next_step="pip install --upgrade openclaw-install",
                code="file.receipt_newer",
            )
        stored = replace(record_from(StoredReceipt, document), id=place.name)
        created = datetime.fromisoformat(stored.created)
        if created.tzinfo is None:
            raise ValueError("a time of no zone")
        created.astimezone(UTC) + _A_DAY  # later ones are made to follow it
        if not all(item.receipt in stored.takes_back for item in stored.remnants):
            raise ValueError("a remnant of a run that stands")
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise damaged(place, f"is damaged ({type(error).__name__})") from error
    return stored


def damaged(place: Path, how: str) -> FileError:
    """The error for a receipt that is not believed."""
    return FileError(
        f"the receipt {place / DOCUMENT} {how}",
        next_step="move that folder away; what its run changed then has to be undone by hand",
        code="file.receipt_damaged",
    )


def _stored_change(change: Change, number: int) -> StoredChange:
    return StoredChange(
        change.kind,
        change.path,
        change.label,
        change.bundle,
        None if change.before is None else Image(f"before-{number}", sha256(change.before)),
        None if change.after is None else Image(f"after-{number}", sha256(change.after)),
        None if change.before_mode is None else f"{change.before_mode:04o}",
        None if change.after_mode is None else f"{change.after_mode:04o}",
        change.key_paths,
    )


def _loaded_change(change: StoredChange, image: ReadImage) -> Change:
    return Change(
        change.kind,
        change.path,
        change.label,
        None if change.before is None else image(change.before),
        None if change.after is None else image(change.after),
        None if change.before_mode is None else int(change.before_mode, 8),
        None if change.after_mode is None else int(change.after_mode, 8),
        change.key_paths,
        change.bundle,
    )

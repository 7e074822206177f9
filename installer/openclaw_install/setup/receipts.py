"""The journal: each run's receipt, with the images before and after, written before anything is changed.

Layout, below our state folder (0700, files 0600)::

    hosts/<host id>/lock
    hosts/<host id>/receipts/<receipt id>/receipt.json
    hosts/<host id>/receipts/<receipt id>/{before,after}-<n>

Images can hold secrets of the host's config; `receipt.json` holds none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast

import filelock
import platformdirs

from openclaw_install.common.errors import ConflictError, FileError
from openclaw_install.common.files import make_private_folder, read_if_exists, sha256, write_atomic
from openclaw_install.host.locate import HostLocation
from openclaw_install.setup.changes import Change, ChangeKind, real_path

ReceiptStatus = Literal["applying", "applied", "rolled_back", "undone"]
_FORMAT = 1
_KEPT_AT_MOST = 10


@dataclass(frozen=True)
class Receipt:
    """One run's record.

    Attributes:
        id: sorts by time; what `undo` takes.
        command: the command that made it.
        status: `applying` until the last change is made; then `applied`; `rolled_back` or `undone` later.
        created: when it began.
        changes: what it changed, with both images.
        folders: folders that it created.
        takes_back: ids of the receipts that this run undoes; empty for a run that sets up.
    """

    id: str
    command: str
    status: ReceiptStatus
    created: datetime
    changes: tuple[Change, ...]
    folders: tuple[Path, ...]
    takes_back: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The stored document (`schemas/receipt.schema.json`)."""
        return {
            "format": _FORMAT,
            "id": self.id,
            "command": self.command,
            "status": self.status,
            "created": self.created.isoformat(),
            "folders": [str(folder) for folder in self.folders],
            "takes_back": list(self.takes_back),
            "changes": [_change_to_json(change, n) for n, change in enumerate(self.changes)],
        }


def new_receipt(
    command: str,
    changes: Sequence[Change],
    folders: Sequence[Path],
    now: datetime,
    takes_back: Sequence[str] = (),
) -> Receipt:
    """A receipt with status `applying` and an id that sorts by `now` (UTC)."""
    identity = f"{now:%Y%m%dT%H%M%S}.{now.microsecond:06d}Z-{secrets.token_hex(2)}"
    return Receipt(identity, command, "applying", now, tuple(changes), tuple(folders), tuple(takes_back))


class ReceiptStore:
    """The receipts of one host.

    Args:
        location: the host; its config path and state folder name the store.
        root: our state folder; the user's own unless given.
    """

    def __init__(self, location: HostLocation, root: Path | None = None) -> None:
        base = root or platformdirs.user_state_path("openclaw-install")
        # The config's own link is not followed: pointed elsewhere, it is still the same host.
        config = real_path(location.config_path.parent) / location.config_path.name
        names = f"{config}\0{real_path(location.state_dir)}"
        self.folder = base / "hosts" / hashlib.sha256(names.encode()).hexdigest()[:16]

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Holds this host for one run.

        Raises:
            ConflictError: another run holds it.
        """
        make_private_folder(self.folder)
        lock = filelock.FileLock(self.folder / "lock", mode=0o600)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise ConflictError(
                "another openclaw-install run is changing this host",
                next_step="wait until it has ended and run the command again",
                code="conflict.locked",
            ) from error
        try:
            yield
        finally:
            lock.release()

    def begin(self, receipt: Receipt) -> None:
        """Writes images and receipt, durably, before anything is changed."""
        place = self.place(receipt.id)
        make_private_folder(place)
        for n, change in enumerate(receipt.changes):
            for name, data in (("before", change.before), ("after", change.after)):
                if data is not None:
                    write_atomic(place / f"{name}-{n}", data, mode=0o600)
        self._write(receipt)

    def settle(self, receipt: Receipt) -> Receipt:
        """Records that all changes of a run are in place, and what that means for the runs it takes back."""
        if not receipt.takes_back:
            return self.mark(receipt, "applied")
        for other in self.all():
            if other.id in receipt.takes_back:
                self.mark(other, "undone")
        settled = self.mark(receipt, "undone")
        self._prune()
        return settled

    def mark(self, receipt: Receipt, status: ReceiptStatus) -> Receipt:
        """Records what became of a run."""
        marked = replace(receipt, status=status)
        self._write(marked)
        return marked

    def place(self, receipt_id: str) -> Path:
        """The folder of one receipt."""
        return self.folder / "receipts" / receipt_id

    def all(self) -> tuple[Receipt, ...]:
        """Every receipt of this host, oldest first; a folder without one was never begun and is left out."""
        base = self.folder / "receipts"
        if not base.is_dir():
            return ()
        places = sorted(place for place in base.iterdir() if (place / "receipt.json").is_file())
        return tuple(self._read(place) for place in places)

    def in_force(self) -> tuple[Receipt, ...]:
        """The receipts whose changes stand, oldest first."""
        return tuple(receipt for receipt in self.all() if receipt.status == "applied")

    def interrupted(self) -> tuple[Receipt, ...]:
        """The receipts of runs that died before their end, oldest first."""
        return tuple(receipt for receipt in self.all() if receipt.status == "applying")

    def forget_all(self) -> None:
        """Deletes the store of this host, images included."""
        shutil.rmtree(self.folder / "receipts", ignore_errors=True)

    def _prune(self) -> None:
        """Deletes all but the newest receipts that stand no more, with their images."""
        over = [receipt for receipt in self.all() if receipt.status in {"undone", "rolled_back"}]
        for receipt in over[:-_KEPT_AT_MOST]:
            shutil.rmtree(self.place(receipt.id), ignore_errors=True)

    def _write(self, receipt: Receipt) -> None:
        text = json.dumps(receipt.to_json(), indent=2) + "\n"
        write_atomic(self.place(receipt.id) / "receipt.json", text.encode(), mode=0o600)

    def _read(self, place: Path) -> Receipt:
        try:
            document = json.loads((place / "receipt.json").read_text(encoding="utf-8"))
            changes = tuple(_change_from_json(item, place) for item in document["changes"])
            return Receipt(
                id=place.name,
                command=document["command"],
                status=cast("ReceiptStatus", document["status"]),
                created=datetime.fromisoformat(document["created"]),
                changes=changes,
                folders=tuple(Path(folder) for folder in document["folders"]),
                takes_back=tuple(document["takes_back"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FileError(
                f"the receipt {place / 'receipt.json'} is damaged ({type(error).__name__})",
                next_step="move that folder away; what its run changed then has to be undone by hand",
                code="file.receipt_damaged",
            ) from error


def _change_to_json(change: Change, number: int) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "path": str(change.path),
        "label": change.label,
        "bundle": change.bundle,
        "before": None
        if change.before is None
        else {"file": f"before-{number}", "sha256": sha256(change.before)},
        "after": None
        if change.after is None
        else {"file": f"after-{number}", "sha256": sha256(change.after)},
        "before_mode": None if change.before_mode is None else f"{change.before_mode:04o}",
        "after_mode": None if change.after_mode is None else f"{change.after_mode:04o}",
        "key_paths": [list(path) for path in change.key_paths],
    }


def _change_from_json(item: dict[str, Any], place: Path) -> Change:
    return Change(
        kind=cast("ChangeKind", item["kind"]),
        path=Path(item["path"]),
        label=item["label"],
        before=_image(item["before"], place),
        after=_image(item["after"], place),
        before_mode=None if item["before_mode"] is None else int(item["before_mode"], 8),
        after_mode=None if item["after_mode"] is None else int(item["after_mode"], 8),
        key_paths=tuple(tuple(path) for path in item["key_paths"]),
        bundle=item["bundle"],
    )


def _image(reference: dict[str, str] | None, place: Path) -> bytes | None:
    if reference is None:
        return None
    data = read_if_exists(place / Path(reference["file"]).name)
    if data is None or sha256(data) != reference["sha256"]:
        raise ValueError("image missing or altered")
    return data

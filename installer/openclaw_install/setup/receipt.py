"""One run's receipt, and the document that it is stored as (`schemas/receipt.schema.json`)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast, get_args

from openclaw_install.common.errors import FileError
from openclaw_install.common.files import sha256
from openclaw_install.setup.changes import Change, ChangeKind, Folder

ReceiptStatus = Literal["applying", "applied", "rolled_back", "undone"]
FORMAT = 1
DOCUMENT = "receipt.json"
STATUSES: tuple[ReceiptStatus, ...] = get_args(ReceiptStatus)
KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)
ReadImage = Callable[[str, str], bytes]


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
    """

    id: str
    command: str
    status: ReceiptStatus
    created: datetime
    changes: tuple[Change, ...]
    folders: tuple[Path, ...] = ()
    emptied: tuple[Folder, ...] = ()
    takes_back: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The stored document; it holds names, hashes and modes, and no content."""
        return {
            "format": FORMAT,
            "id": self.id,
            "command": self.command,
            "status": self.status,
            "created": self.created.isoformat(),
            "folders": [str(folder) for folder in self.folders],
            "emptied": [{"path": str(f.path), "mode": _mode_text(f.mode)} for f in self.emptied],
            "takes_back": list(self.takes_back),
            "changes": [_change_to_json(change, n) for n, change in enumerate(self.changes)],
        }


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


def receipt_from_json(document: Mapping[str, Any], receipt_id: str, image: ReadImage) -> Receipt:
    """The receipt that a stored document stands for.

    Args:
        document: the parsed document.
        receipt_id: the name of the folder that holds it.
        image: gives the bytes of an image by file name and SHA-256.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is not what `to_json` writes.
        FileError: an image cannot be read.
    """
    return Receipt(
        id=receipt_id,
        command=_text(document["command"]),
        status=_one_of(document["status"], STATUSES),
        created=datetime.fromisoformat(document["created"]),
        changes=tuple(_change_from_json(item, image) for item in document["changes"]),
        folders=tuple(Path(folder) for folder in document["folders"]),
        emptied=tuple(Folder(Path(f["path"]), int(f["mode"], 8)) for f in document["emptied"]),
        takes_back=tuple(map(_text, document["takes_back"])),
    )


def _change_to_json(change: Change, number: int) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "path": str(change.path),
        "label": change.label,
        "bundle": change.bundle,
        "before": _image_to_json(change.before, f"before-{number}"),
        "after": _image_to_json(change.after, f"after-{number}"),
        "before_mode": _mode_text(change.before_mode),
        "after_mode": _mode_text(change.after_mode),
        "key_paths": [list(path) for path in change.key_paths],
    }


def _image_to_json(data: bytes | None, name: str) -> dict[str, str] | None:
    return None if data is None else {"file": name, "sha256": sha256(data)}


def _mode_text(mode: int | None) -> str | None:
    return None if mode is None else f"{mode:04o}"


def _change_from_json(item: Mapping[str, Any], image: ReadImage) -> Change:
    before, after = item["before"], item["after"]
    return Change(
        kind=cast("ChangeKind", _one_of(item["kind"], KINDS)),
        path=Path(item["path"]),
        label=_text(item["label"]),
        before=None if before is None else image(before["file"], before["sha256"]),
        after=None if after is None else image(after["file"], after["sha256"]),
        before_mode=None if item["before_mode"] is None else int(item["before_mode"], 8),
        after_mode=None if item["after_mode"] is None else int(item["after_mode"], 8),
        key_paths=tuple(tuple(path) for path in item["key_paths"]),
        bundle=None if item["bundle"] is None else _text(item["bundle"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value


def _one_of(value: Any, known: Sequence[Any]) -> Any:
    if value not in known:
        raise ValueError("unknown word")
    return value


@dataclass(frozen=True)
class StoredReceipt:
    """A stored receipt whose images were not read yet."""

    place: Path
    document: dict[str, Any]

    @property
    def id(self) -> str:
        return self.place.name

    @property
    def status(self) -> str:
        return str(self.document["status"])

    @property
    def takes_back(self) -> list[str]:
        return list(self.document["takes_back"])


def read_stored(place: Path, text: bytes) -> StoredReceipt:
    """The receipt in the folder `place`, as far as the store has to know it.

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
        entry = StoredReceipt(place, document)
        datetime.fromisoformat(document["created"]).astimezone(UTC)
        sound = entry.status in STATUSES and isinstance(document["folders"], list)
        if not sound or not all(isinstance(name, str) for name in entry.takes_back):
            raise ValueError("unknown status or wrong lists")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(place, error) from error
    return entry


def damaged(place: Path, error: Exception) -> FileError:
    """The error for a receipt that is not what `to_json` writes."""
    return FileError(
        f"the receipt {place / DOCUMENT} is damaged ({type(error).__name__})",
        next_step="move that folder away; what its run changed then has to be undone by hand",
        code="file.receipt_damaged",
    )

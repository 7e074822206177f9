"""One run's receipt, and the document that it is stored as (`schemas/receipt.schema.json`)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast, get_args

from openclaw_install.common.files import sha256
from openclaw_install.host.config.paths import KeyPath
from openclaw_install.setup.changes import Change, ChangeKind, Folder
from openclaw_install.setup.host_scope import HostScope

ReceiptStatus = Literal["applying", "applied", "rolled_back", "undone"]
FORMAT = 1
DOCUMENT = "receipt.json"
STATUSES: tuple[ReceiptStatus, ...] = get_args(ReceiptStatus)
KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)
ReadImage = Callable[[str, str], bytes]


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

    def to_json(self) -> dict[str, Any]:
        keys = [list(path) for path in self.key_paths]
        return {"receipt": self.receipt, "kind": self.kind, "path": str(self.path), "key_paths": keys}


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

    def to_json(self) -> dict[str, Any]:
        """The stored document; it holds names, hashes and modes, and no content."""
        return {
            **({} if self.reach is None else {"host": self.reach.to_json()}),
            "format": FORMAT,
            "id": self.id,
            "command": self.command,
            "status": self.status,
            "created": self.created.isoformat(),
            "folders": [str(folder) for folder in self.folders],
            "emptied": [{"path": str(f.path), "mode": _mode_text(f.mode)} for f in self.emptied],
            "takes_back": list(self.takes_back),
            "remnants": [remnant.to_json() for remnant in self.remnants],
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
        remnants=remnants_from_json(document),
        reach=reach_from_json(document),
    )


def remnants_from_json(document: Mapping[str, Any]) -> tuple[Remnant, ...]:
    """The remnants in a stored document; errors as of `receipt_from_json`."""
    return tuple(
        Remnant(
            _text(item["receipt"]),
            _one_of(item["kind"], KINDS),
            Path(item["path"]),
            tuple(tuple(path) for path in item["key_paths"]),
        )
        for item in document.get("remnants", ())  # receipts of earlier versions have none
    )


def reach_from_json(document: Mapping[str, Any]) -> HostScope | None:
    """The host in a stored document, None in one of an earlier version; errors as of `receipt_from_json`."""
    return HostScope.from_json(document["host"]) if "host" in document else None


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

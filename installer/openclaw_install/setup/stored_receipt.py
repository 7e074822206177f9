"""A receipt as it lies in the journal: what the store has to know of it, and when it is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from openclaw_install.common.errors import FileError
from openclaw_install.setup.host_scope import HostScope
from openclaw_install.setup.receipt import (
    DOCUMENT,
    FORMAT,
    STATUSES,
    Remnant,
    reach_from_json,
    remnants_from_json,
)


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

    @property
    def remnants(self) -> tuple[Remnant, ...]:
        return remnants_from_json(self.document)

    @property
    def folders(self) -> tuple[Path, ...]:
        return tuple(map(Path, self.document["folders"]))

    def require_of(self, host: HostScope) -> None:
        """Makes sure that the receipt speaks of `host` and of nothing else on this machine.

        Raises:
            FileError: `file.receipt_damaged`.
            ValueError, KeyError, TypeError, AttributeError: it is no receipt at all.
        """
        recorded = reach_from_json(self.document)
        if recorded is not None and not recorded.same_host(host):
            raise _damaged(self.place, "is of another host")
        paths = [Path(item["path"]) for item in self.document["changes"]]
        folders = [*self.folders, *(Path(item["path"]) for item in self.document["emptied"])]
        outside = host.widened([recorded]).outside(paths, folders)
        if outside is not None:
            raise _damaged(self.place, f"names {outside}, which is no part of this host")


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
        sound = sound and all(item.receipt in entry.takes_back for item in entry.remnants)
        if not sound or not all(isinstance(name, str) for name in entry.takes_back):
            raise ValueError("unknown status or wrong lists")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(place, error) from error
    return entry


def damaged(place: Path, error: Exception) -> FileError:
    """The error for a receipt that is not what `to_json` writes."""
    return _damaged(place, f"is damaged ({type(error).__name__})")


def _damaged(place: Path, how: str) -> FileError:
    return FileError(
        f"the receipt {place / DOCUMENT} {how}",
        next_step="move that folder away; what its run changed then has to be undone by hand",
        code="file.receipt_damaged",
    )

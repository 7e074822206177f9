"""The journal: each run's receipt, with the images before and after, written before anything is changed.

Layout, below our state folder (0700, files 0600)::

    hosts/<host id>/lock
    hosts/<host id>/boot.json    (what OpenClaw last said of the config; host/boot/memory.py)
    hosts/<host id>/receipts/<receipt id>/receipt.json
    hosts/<host id>/receipts/<receipt id>/{before,after}-<n>

Images can hold secrets of the host's config; `receipt.json` holds none. A receipt counts from the moment its
`receipt.json` is there, so that file comes last; one replacement of it decides what became of a run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import ConflictError
from openclaw_install.common.files import (
    file_error,
    read_if_exists,
    sha256,
    sync_folder,
    write_atomic,
)
from openclaw_install.common.jsonable import jsonable
from openclaw_install.host.boot.memory import MEMORY
from openclaw_install.host.locate import HostLocation
from openclaw_install.setup.host_scope import HostScope
from openclaw_install.setup.private_state import make_private_chain, own_state, remove_empty, require_ours
from openclaw_install.setup.receipt import (
    DOCUMENT,
    Image,
    Receipt,
    ReceiptStatus,
    Remnant,
    StoredReceipt,
    damaged,
    read_stored,
)

_KEPT_AT_MOST = 10


class ReceiptStore:
    """The receipts of one host.

    Args:
        location: the host; its config path and state folder name the store.
        root: our state folder; the user's own unless given.
    """

    def __init__(self, location: HostLocation, root: Path | None = None) -> None:
        self.reach = HostScope.of(location)
        names = f"{self.reach.config}\0{self.reach.state_dir}"
        hosts = (root or own_state()) / "hosts"
        self.folder = hosts / hashlib.sha256(names.encode()).hexdigest()[:16]
        self._chain = (hosts.parent, hosts, self.folder, self._receipts)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Holds this host for one run.

        Raises:
            ConflictError: another run holds it.
            FileError: our state folder cannot be written, or others can write it.
        """
        import filelock

        require_ours(self._chain)
        make_private_chain(self.folder)
        lock = filelock.FileLock(self._lock_file, mode=0o600)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise ConflictError(
                "another openclaw-install run is changing this host",
                next_step="wait until it has ended and run the command again",
                code="conflict.locked",
            ) from error
        except OSError as error:
            raise file_error(error, self._lock_file, "lock") from error
        try:
            yield
        finally:
            lock.release()

    def moment_after_last(self) -> datetime:
        """The present moment, or one just after the newest receipt's where the clock was set back."""
        now = datetime.fromtimestamp(wall_time(), UTC)
        moments = [datetime.fromisoformat(entry.created) for entry in self._entries()]
        return max([now, *(moment + timedelta(microseconds=1) for moment in moments)])

    def begin(self, receipt: Receipt) -> None:
        """Writes images and receipt, durably, before anything is changed.

        Raises:
            FileError: the journal cannot be written; nothing of the receipt is left then.
        """
        place = self.place(receipt.id)
        try:
            make_private_chain(place)
            for n, change in enumerate(receipt.changes):
                for name, data in (("before", change.before), ("after", change.after)):
                    if data is not None:
                        write_atomic(place / f"{name}-{n}", data, mode=0o600)
            self._write(receipt.stored)
        except BaseException:
            self._discard(place)
            raise

    def settle(self, receipt: Receipt) -> Receipt:
        """Records that all changes of a run are in place: from here on it counts.

        The receipts that it takes back stand no more from the same moment; `tidy` writes that into theirs.
        """
        return self.mark(receipt, "applied")

    def mark(self, receipt: Receipt, status: ReceiptStatus) -> Receipt:
        """Records what became of a run."""
        marked = replace(receipt, status=status)
        self._write(marked.stored)
        return marked

    def place(self, receipt_id: str) -> Path:
        """The folder of one receipt."""
        return self._receipts / receipt_id

    def in_force(self) -> tuple[Receipt, ...]:
        """The receipts whose changes stand, oldest first; of one that was taken back in part, the rest.

        Raises:
            FileError: `file.receipt_damaged` or `file.receipt_newer`: one cannot be read.
        """
        entries = self._entries()
        left = _left_of(entries)
        standing = (e for e in entries if e.status == "applied" and not e.takes_back)
        found = []
        for entry in standing:
            remnants = left.get(entry.id)
            if remnants is None:
                found.append(self._load(entry))
            elif remnants:
                found.append(self._load(entry).reduced_to(remnants))
        return tuple(found)

    def interrupted(self) -> tuple[Receipt, ...]:
        """The receipts of runs that died before their end, oldest first.

        Raises:
            FileError: as `in_force`.
        """
        return tuple(self._load(entry) for entry in self._entries() if entry.status == "applying")

    def leftover_folders(self) -> tuple[Path, ...]:
        """Folders that we made for runs that were taken back since, and that were still in use then."""
        undoing = [entry for entry in self._entries() if entry.status == "applied" and entry.takes_back]
        for entry in undoing:
            self._confine(entry)
        return tuple(folder for entry in undoing for folder in entry.folders)

    def tidy(self) -> None:
        """Housekeeping: finishes what a crash left undone here, and deletes receipts that stand no more.

        The caller holds the lock.

        Raises:
            FileError: a receipt cannot be read or written.
        """
        entries = self._entries()
        begun = {self.place(entry.id) for entry in entries}
        for gone in self.folder.glob(".gone-*"):
            shutil.rmtree(gone, ignore_errors=True)
        for place in self._places():
            if place not in begun:
                self._discard(place)
            for leftover in place.glob(".*.tmp"):
                with contextlib.suppress(OSError):
                    leftover.unlink()
        left = _left_of(entries)
        for entry in entries:
            if left.get(entry.id) == () and entry.status == "applied":
                # Its images may be damaged by now: nobody needs them any more.
                self._write(replace(entry, status="undone"))
        self._prune()

    def forget_all(self) -> None:
        """Deletes the receipts of this host, images included, then the lock and the folders that are empty.

        The caller holds the lock. Whoever opened its file before finds it gone and opens it anew.

        Raises:
            FileError: something of them cannot be deleted; the message names it.
        """
        try:
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self._moved_away(self._receipts))
            (self.folder / MEMORY).unlink(missing_ok=True)
            self._lock_file.unlink(missing_ok=True)
        except OSError as error:
            raise file_error(error, Path(error.filename or self._receipts), "delete") from error
        remove_empty((self.folder, self.folder.parent, self.folder.parent.parent))

    def forget_undone(self) -> None:
        """Deletes the receipts that stand no more, with their images; what is still kept needs none of them.

        The caller holds the lock.
        """
        self._prune(0)

    def _prune(self, kept_at_most: int = _KEPT_AT_MOST) -> None:
        """Deletes all but the newest receipts that stand no more, with their images."""
        entries = self._entries()
        alive = {entry.id for entry in entries if entry.status == "applied"}
        over = [
            entry
            for entry in entries
            if entry.status in {"undone", "rolled_back"}
            or (entry.takes_back and entry.status == "applied" and not entry.folders)
        ]
        for entry in over[: max(0, len(over) - kept_at_most)]:
            if not alive & set(entry.takes_back):
                self._discard(self.place(entry.id))

    def _discard(self, place: Path) -> None:
        with contextlib.suppress(OSError):
            shutil.rmtree(self._moved_away(place), ignore_errors=True)

    def _moved_away(self, place: Path) -> Path:
        """Renames what is to be deleted: a crash in the middle must leave no receipt without its images."""
        gone = self.folder / f".gone-{secrets.token_hex(6)}"
        place.rename(gone)
        sync_folder(self.folder)
        return gone

    @property
    def _lock_file(self) -> Path:
        return self.folder / "lock"

    @property
    def _receipts(self) -> Path:
        return self.folder / "receipts"

    def _places(self) -> Sequence[Path]:
        try:
            require_ours(self._chain)
            places = sorted(place for place in self._receipts.iterdir() if place.is_dir())
            require_ours(path for place in places for path in (place, place / DOCUMENT))
            return places
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise file_error(error, self._receipts, "list") from error

    def _entries(self) -> Sequence[StoredReceipt]:
        """Every receipt of this host, oldest first; a folder without one was never begun and is left out."""
        found = []
        for place in self._places():
            text = read_if_exists(place / DOCUMENT)
            if text is not None:
                found.append(read_stored(place, text))
        return found

    def _load(self, entry: StoredReceipt) -> Receipt:
        place = self.place(entry.id)

        def read(image: Image) -> bytes:
            data = read_if_exists(place / Path(image.file).name)
            if data is None or sha256(data) != image.sha256:
                raise ValueError("image missing or altered")
            return data

        self._confine(entry)
        try:
            return entry.loaded(read)
        except ValueError as error:
            raise damaged(place, f"is damaged ({type(error).__name__})") from error

    def _confine(self, entry: StoredReceipt) -> None:
        """Makes sure that a receipt speaks of this host and of nothing else on this machine."""
        if entry.host is not None and not entry.host.same_host(self.reach):
            raise damaged(self.place(entry.id), "is of another host")
        if (path := entry.outside(self.reach)) is not None:
            raise damaged(self.place(entry.id), f"names {path}, which is no part of this host")

    def _write(self, entry: StoredReceipt) -> None:
        text = json.dumps(jsonable(entry), indent=2) + "\n"
        write_atomic(self.place(entry.id) / DOCUMENT, text.encode(), mode=0o600)


def _left_of(entries: Sequence[StoredReceipt]) -> Mapping[str, tuple[Remnant, ...]]:
    """What still stands of the receipts that were taken back, by id; the newest such run has the say."""
    left: dict[str, tuple[Remnant, ...]] = {}
    for entry in entries:
        if entry.status == "applied":
            for name in entry.takes_back:
                left[name] = tuple(item for item in entry.remnants if item.receipt == name)
    return left

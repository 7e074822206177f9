"""What is left after an uninstall, with what each part holds, and its deletion for good on request."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.common.errors import ConflictError
from openclaw_install.common.files import file_error
from openclaw_install.host.locate import HostLocation
from openclaw_install.protocol.profile import ProfilePaths, backup_of
from openclaw_install.setup.changes import real_path

Show = Callable[[str], None]
Confirm = Callable[[str], bool]


@dataclass(frozen=True)
class Left:
    """A file or folder of ours that an uninstall leaves.

    Attributes:
        path: where it is.
        what: what it holds, which is what is lost with it.
        bytes: its size, with all that is below it.
    """

    path: Path
    what: str
    bytes: int


_AMONG_OURS: Mapping[str, str] = {
    "hub": "the own hub: its keys, its agents and their skills, messages that nobody fetched yet",
    "sync": "what was sent to which cloud agent, and what you agreed to",
    "provisioned": "the OpenClaw that demo and tests fetched; it is fetched again where it is needed",
    "verdicts": "what the last look at each host said",
}
_ANYTHING = "a record of ours, such as a log of an error"
IMAGES = "the files of this host before and after what is still kept, with the tokens that were in them"


def left(places: Iterable[tuple[Path, str]]) -> tuple[Left, ...]:
    """Those of `places` (path, and what it holds) that are there, each once."""
    found = {}
    for path, what in places:
        if path not in found and os.path.lexists(path):
            found[path] = Left(path, what, size_of(path))
    return tuple(found.values())


# What we put beside a file of the agent: a database's journals, copies, locks, unfinished files.
_BESIDE = re.compile(
    r"(-wal|-shm|-journal|\.lease|\.bak|\.retired|\.conflict-[0-9a-f]+"
    r"|\.(before-v\d+|damaged-\d{8}T\d{6}Z)(-wal|-shm|-journal)?)"
)
_BESIDE_HIDDEN = re.compile(r"\.(lock|[0-9a-f]{12}\.tmp|before-v\d+\.tmp)")


def profile_places(paths: ProfilePaths) -> Iterator[tuple[Path, str]]:
    """The files of an agent that nobody could make again, what is beside each, and what each holds.

    A variable may name any path: a folder in the place of a file is none of ours.
    """
    identity = "the agent's identity: nobody can be this agent again without it"
    copy = backup_of(paths.identity)
    for path, what in (
        (paths.identity, identity),
        (paths.store, "contacts, threads and messages"),
        (paths.trust_policy, "what you allowed to other agents"),
    ):
        for place in (path, *_beside(path)):
            words = "the second copy of the identity" if place == copy else f"kept beside {path.name}: {what}"
            if not place.is_dir():
                yield place, what if place == path else words


def _beside(path: Path) -> Iterator[Path]:
    """What of ours lies beside a file, wherever a variable puts it."""
    with contextlib.suppress(OSError):
        for place in sorted(path.parent.iterdir()):
            rest, hidden = place.name.removeprefix(path.name), place.name.removeprefix(f".{path.name}")
            if (rest != place.name and _BESIDE.fullmatch(rest)) or (
                hidden != place.name and _BESIDE_HIDDEN.fullmatch(hidden)
            ):
                yield place


def of_ours(path: Path) -> tuple[Path, str]:
    """A place in one of our own folders, and what it holds."""
    return path, _AMONG_OURS.get(path.name, _ANYTHING)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; links are not followed."""
    with contextlib.suppress(OSError):
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode):
            return status.st_size
        return sum(size_of(child) for child in path.iterdir())
    return 0


def purge(
    found: Sequence[Left], location: HostLocation, *, in_use: str, show: Show, confirm: Confirm
) -> tuple[Left, ...]:
    """Deletes what is left, after a question of its own; returns what is gone.

    Nothing of OpenClaw is deleted, wherever our settings say that our files lie, nothing through a link, and
    nothing that holds another file system.

    Args:
        in_use: names the process that works with these files; empty where none does.
        show: shows a line.
        confirm: asks for consent.

    Raises:
        ConflictError: `conflict.in_use`.
        FileError: something cannot be deleted; what went before it is gone.
        UsageError: there is nobody to ask.
    """
    doomed = [one for one in found if not _is_spared(one.path, location)]
    if not doomed:
        return ()
    if in_use:
        raise ConflictError(
            f"nothing is deleted: {in_use}",
            next_step="end that process, and run openclaw-install uninstall --purge again",
            code="conflict.in_use",
        )
    for one in doomed:
        show(f"delete for good: {one.path} ({in_words(one.bytes)}): {one.what}")
    if not confirm(f"Delete these for good ({in_words(sum(one.bytes for one in doomed))})?"):
        return ()
    for one in doomed:
        _delete(one.path)
    return tuple(doomed)


def in_words(size: int) -> str:
    """A number of bytes for a person."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes" if size != 1 else "1 byte"


def _is_spared(path: Path, location: HostLocation) -> bool:
    """Whether it is a link, holds another file system, or touches what is OpenClaw's, or the user's home."""
    if path.is_symlink() or _holds_mount(path, path.parent):
        return True
    place = real_path(path)
    kept = (real_path(location.state_dir), real_path(location.config_path), real_path(location.home))
    holds = any(one.is_relative_to(place) for one in kept)
    return holds or place.is_relative_to(kept[0])


def _holds_mount(path: Path, above: Path) -> bool:
    """Whether a folder, or one below it, is of another file system than the folder above it."""
    with contextlib.suppress(OSError):
        status = path.lstat()
        if status.st_dev != above.stat().st_dev:
            return True
        if stat.S_ISDIR(status.st_mode):
            return any(_holds_mount(child, path) for child in path.iterdir())
    return False


def _delete(path: Path) -> None:
    try:
        if stat.S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise file_error(error, Path(error.filename or path), "delete") from error

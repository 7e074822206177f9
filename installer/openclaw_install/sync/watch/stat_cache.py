"""What the file system says about files without opening them: a digest, and when they were changed."""

# Thousands of paths are looked at, and plain strings are ten times as fast as Path objects.
# ruff: noqa: PTH116

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.common.clock import wall_time
from openclaw_install.host.skills.discovery import MAX_DEPTH

# What is younger than this many seconds may change once more within the same tick of the file system's clock.
# It is longer than the leap of a clock that nobody notices (`clock`).
_YOUNG = 6.0
_NS = 1_000_000_000


@dataclass(frozen=True)
class StatSnapshot:
    """What a full scan depended on, apart from the config.

    Attributes:
        paths: the folders that were looked into, and the files that were read.
        digest: of the facts that the file system gives about them; empty where these are too young to tell
            one content from the next.
    """

    paths: tuple[str, ...] = ()
    digest: bytes = b""

    def hold(self) -> bool:
        """Whether all is as it was, as far as the file system says without anything being opened."""
        return bool(self.digest) and _digest(self.paths)[0] == self.digest


def stat_snapshot(roots: Sequence[str], files: Sequence[str], began: float) -> StatSnapshot:
    """The snapshot for a scan that has just ended.

    Args:
        roots: the folders that it started from.
        files: the files that it read, each called SKILL.md.
        began: when it did, in seconds since the epoch; what changed since then may have gone unseen.
    """
    folders = frozenset(map(os.path.dirname, files))
    paths = tuple(dict.fromkeys((*_looked_into(roots, folders), *files)))
    digest, youngest = _digest(paths)
    is_young = youngest >= min(began, wall_time()) - _YOUNG
    return StatSnapshot(paths, b"" if is_young else digest)


def _digest(paths: Sequence[str]) -> tuple[bytes, float]:
    """A digest of what is at these paths, and the time of the newest change among them."""
    digest = hashlib.blake2b(digest_size=16)
    youngest = 0
    for path in paths:
        try:
            facts = os.lstat(path)
            digest.update(_packed(facts))
            if stat.S_ISLNK(facts.st_mode):
                youngest = max(youngest, facts.st_ctime_ns)
                facts = os.stat(path)
                digest.update(_packed(facts))
        except OSError as error:
            digest.update(b"%d;" % (error.errno or 0))
        else:
            youngest = max(youngest, facts.st_ctime_ns)
    return digest.digest(), youngest / _NS


def _packed(facts: os.stat_result) -> bytes:
    # The times of a folder change with what is in it, and those of a file with its content or its rights.
    return b"%d %d %d %d %d %d %d;" % (
        facts.st_dev,
        facts.st_ino,
        facts.st_mode,
        facts.st_nlink,
        facts.st_size,
        facts.st_mtime_ns,
        facts.st_ctime_ns,
    )


def _looked_into(roots: Sequence[str], skills: Collection[str]) -> Iterator[str]:
    """Every folder, and every link, that the search for skills may have looked at; rather more than fewer.

    It goes where `host.skill_discovery` goes: not into a skill's own folder, unless that is a root.
    """
    entered: set[tuple[int, int]] = set()
    queue = [(root, 0) for root in roots]
    # Grows while it is walked through.
    for folder, depth in queue:
        yield folder
        # A root may hold its skills in a folder `skills`, from where the depth counts anew.
        if depth > MAX_DEPTH + 1 or (depth > 0 and folder in skills):
            continue
        try:
            here = os.stat(folder)
            if (here.st_dev, here.st_ino) in entered:
                continue
            entered.add((here.st_dev, here.st_ino))
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name == "node_modules":
                        continue
                    if entry.is_dir():
                        queue.append((entry.path, depth + 1))
                    elif entry.is_symlink():
                        yield entry.path
        except OSError:
            continue


# An event comes at most so long after its change, in seconds.
_EVENT_SECONDS = 0.5


def older_than(paths: Sequence[str], wall: float) -> str:
    """One of the files that were last changed before a point in time; empty if there is none."""
    for path in paths:
        with contextlib.suppress(OSError):
            if Path(path).stat().st_ctime < wall:
                return path
    return ""


def ages(files: Collection[str], wall: float) -> dict[str, float]:
    """How long ago each file was changed, in seconds; 0 where that cannot be known."""
    found = {}
    for file in files:
        try:
            found[file] = max(0.0, wall - Path(file).stat().st_ctime)
        except OSError:
            found[file] = 0.0
    return found


def saved_at(heard_at: float | None, changed_at: float) -> float | None:
    """When a file was saved: as the file itself says, if that fits what the events say."""
    if heard_at is None:
        return None
    return changed_at if 0.0 <= heard_at - changed_at <= _EVENT_SECONDS else heard_at

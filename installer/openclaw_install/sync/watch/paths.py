"""What a change on disk means for skills: one file to read again, a full rescan, or nothing. Pure."""

# Thousands of events may come at once, and paths as plain strings are ten times as fast as Path objects.
# ruff: noqa: PTH119, PTH206

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

IGNORED = frozenset({".git", "node_modules", ".venv", "__pycache__"})
_FILE = "skill.md"
# So many at once may be more than the kernel's queue held.
_TOO_MANY = 5_000


@dataclass(frozen=True)
class Change:
    """One change that a source saw.

    Attributes:
        path: absolute.
        deleted: whether nothing is at the path any more, as far as the source knows.
        is_folder: whether a folder, or a link to something, is there now.
    """

    path: str
    deleted: bool = False
    is_folder: bool = False


@dataclass(frozen=True)
class KnownPaths:
    """The paths of the skills that are known, as they were found and with every link followed.

    Attributes:
        files: SKILL.md's path to the one under which the skill is known.
        folders: skill folders to the same, and the folders above them, up to the root, to an empty text.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Meaning:
    """What changes mean: these files are to be read again; or, if `everything`, a full rescan is needed."""

    files: frozenset[str] = frozenset()
    everything: bool = False


def ignored(path: str, roots: Sequence[str]) -> bool:
    """Whether a path lies in a folder below a root that never holds skills of an operator's own."""
    for root in roots:
        if path.startswith(root + os.sep):
            return not IGNORED.isdisjoint(path[len(root) :].split(os.sep))
    return False


def meaning(changes: Iterable[Change], known: KnownPaths) -> Meaning:
    """What changes mean. Editors' temporary files mean nothing, nor do other files of a skill."""
    files: set[str] = set()
    everything = False
    count = 0
    for change in changes:
        count += 1
        if file := known.files.get(change.path) or known.folders.get(change.path):
            files.add(file)
            # A folder that is gone, or another one of that name, may have held more than this skill.
            everything = everything or change.deleted or change.path in known.folders
        elif change.path in known.folders:
            everything = everything or change.deleted or change.is_folder
        else:
            named_so = os.path.basename(change.path).lower() == _FILE
            everything = everything or named_so or (change.is_folder and not change.deleted)
    return Meaning(frozenset(files), everything or count > _TOO_MANY)

"""Folders as OpenClaw's discovery sees them, each looked at once and only when somebody asks."""

# A check looks at thousands of folders, and paths as plain strings are ten times as fast as Path objects.
# ruff: noqa: PTH112, PTH118, PTH119

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property

from openclaw_install.host.skills.file import SKILL_FILE_NAME, resolve

_UPPER = SKILL_FILE_NAME.upper()


@dataclass(frozen=True)
class Entry:
    """A folder, or a link to something, inside a folder."""

    name: str
    is_link: bool


class Folder:
    """One folder. `path` is how it was reached, `real` the same place with every link followed."""

    def __init__(self, path: str, real: str) -> None:
        self.path = path
        self.real = real

    @classmethod
    def at(cls, path: str) -> Folder | None:
        """The folder at `path`, or None if there is none."""
        real = resolve(path)
        return cls(path, real) if real is not None and os.path.isdir(real) else None

    @property
    def name(self) -> str:
        """The last part of its path."""
        return os.path.basename(self.path)

    @cached_property
    def _listing(self) -> tuple[tuple[Entry, ...], bool, int, str]:
        """Folders and links in it by name, whether something is called SKILL.md, how much it holds, and what
        is called nearly so.
        """
        entries: list[Entry] = []
        has_skill = False
        misspelled = ""
        count = 0
        try:
            with os.scandir(self.path) as listing:
                for item in listing:
                    count += 1
                    if item.name == SKILL_FILE_NAME:
                        has_skill = True
                    elif len(item.name) == len(SKILL_FILE_NAME) and item.name.upper() == _UPPER:
                        misspelled = item.name
                    is_link = item.is_symlink()
                    if is_link or item.is_dir(follow_symlinks=False):
                        entries.append(Entry(item.name, is_link))
        except OSError:
            # A folder that may be entered but not listed can still hold a skill.
            has_skill = os.path.lexists(os.path.join(self.path, SKILL_FILE_NAME))
        entries.sort(key=lambda entry: utf16_key(entry.name))
        return tuple(entries), has_skill, count, "" if has_skill else misspelled

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The folders and links in it, in OpenClaw's order."""
        return self._listing[0]

    @property
    def has_skill(self) -> bool:
        """Whether something called SKILL.md is in it, whatever it is."""
        return self._listing[1]

    @property
    def misspelled(self) -> str:
        """What is called SKILL.md but for upper and lower case, where nothing is called so; else empty."""
        return self._listing[3]

    @property
    def size(self) -> int:
        """How many things of any kind are in it."""
        return self._listing[2]

    @cached_property
    def folders(self) -> tuple[Folder, ...]:
        """The folders that OpenClaw looks into: not hidden, not `node_modules`; links to folders count."""
        return tuple(
            child
            for entry in self.entries
            if not entry.name.startswith(".") and entry.name != "node_modules"
            if (child := self.child(entry)) is not None
        )

    def child(self, entry: Entry) -> Folder | None:
        """The folder behind an entry, or None for a link to something else."""
        known = self._children.get(entry.name)
        if known is None:
            path = os.path.join(self.path, entry.name)
            known = Folder.at(path) if entry.is_link else Folder(path, os.path.join(self.real, entry.name))
            if known is not None:
                self._children[entry.name] = known
        return known

    @cached_property
    def _children(self) -> dict[str, Folder]:
        return {}


def utf16_key(name: str) -> bytes:
    """A sort key in JavaScript's order, which compares UTF-16 units."""
    return name.encode("utf-16-be", "surrogatepass")

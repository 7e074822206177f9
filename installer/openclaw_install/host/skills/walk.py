"""Every SKILL.md below a folder, with the reason where OpenClaw's own discovery would not get to it."""

# A check looks at thousands of folders, and paths as plain strings are ten times as fast as Path objects.
# ruff: noqa: PTH118, PTH120

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from openclaw_install.host.skills.discovery import MAX_DEPTH, Discovery
from openclaw_install.host.skills.file import SKILL_FILE_NAME
from openclaw_install.host.skills.folders import Folder

_MAX_FOLDERS = 200_000
_SKIPPED = ".git"  # holds thousands of folders, and no file that anybody checked in


@dataclass(frozen=True)
class Unreached:
    """A folder with a SKILL.md that OpenClaw would not load from this root, and why not."""

    folder: Folder
    reason: str


def unreached(root: Folder, discovery: Discovery) -> Iterator[Unreached]:
    """The skills below `root` that are not among the discovery's candidates; links are not followed.

    At most 200,000 folders are looked at.
    """
    reached = {candidate.folder.path for candidate in discovery.candidates}
    escaped = {os.path.dirname(escape.path) for escape in discovery.escapes}
    if discovery.own:
        reached.add(discovery.own.folder.path)
    pending: list[tuple[Folder, int, str | None]] = [(root, 0, None)]
    seen = 0
    while pending and seen < _MAX_FOLDERS:
        folder, depth, reason = pending.pop()
        seen += 1
        if folder.has_skill and folder.path not in reached and folder.path not in escaped:
            yield Unreached(folder, reason or _why(folder, depth, discovery))
        below = reason
        if below is None and folder.has_skill:
            below = f"it lies below another skill ({os.path.join(folder.path, SKILL_FILE_NAME)})"
        for entry in reversed(folder.entries):
            if entry.is_link or entry.name == _SKIPPED:
                continue
            child = folder.child(entry)
            if child is not None:
                pending.append((child, depth + 1, below or _why_not_looked_at(entry.name)))


def _why_not_looked_at(name: str) -> str | None:
    if name.startswith("."):
        return f"it lies in a hidden folder ({name})"
    if name == "node_modules":
        return "it lies in node_modules"
    return None


def _why(folder: Folder, depth: int, discovery: Discovery) -> str:
    base = discovery.base.path
    if not (folder.path == base or folder.path.startswith(base + os.sep)):
        return f"of this root, only {base} is read"
    if depth > MAX_DEPTH:
        return f"it lies deeper than {MAX_DEPTH} folders"
    return "the limits of skills.limits end the search before it"

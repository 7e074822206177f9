"""Reads one SKILL.md from disk on OpenClaw's terms: inside its folder, regular, not linked, not large."""

# A check looks at thousands of folders, and paths as plain strings are ten times as fast as Path objects.
# ruff: noqa: PTH118, PTH119, PTH123

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping

from openclaw_install.host.javascript import trim
from openclaw_install.host.skills.file import SkillFile, parse_skill, refused

SKILL_FILE_NAME = "SKILL.md"
MAX_SKILL_BYTES = 256_000
_ORIGIN_FILE = os.path.join(".openclaw", "source-origin.json")
_MAX_ORIGIN_BYTES = 16_384


def inside(root: str, path: str) -> bool:
    """Whether the resolved `path` is `root` or lies below it."""
    return path == root or path.startswith(root if root.endswith(os.sep) else root + os.sep)


def resolve(path: str) -> str | None:
    """The path with every link followed, or None for a link that leads nowhere or round in circles."""
    try:
        return os.path.realpath(path, strict=True)
    except (OSError, ValueError):
        return None


def read_skill(
    folder: str, real_folder: str, *, max_bytes: int = MAX_SKILL_BYTES, allow_hard_links: bool = False
) -> SkillFile:
    """Reads and parses `folder`/SKILL.md. It never raises: what cannot be read is refused with the reason.

    Args:
        folder: the skill's folder as it was reached; its name is the skill's where the file gives none.
        real_folder: the folder with all links followed; the file must lie inside it.
        max_bytes: the largest size that is read.
        allow_hard_links: true for the skills that come with OpenClaw.
    """
    path = os.path.join(folder, SKILL_FILE_NAME)
    try:
        data = _read(path, real_folder, max_bytes, allow_hard_links=allow_hard_links)
    except (OSError, ValueError) as error:
        return refused(str(error) if isinstance(error, _RefusedError) else _reason(error))
    return parse_skill(data, os.path.basename(folder))


class _RefusedError(ValueError):
    """The file is there, but OpenClaw does not read such a file."""


def _read(path: str, real_folder: str, max_bytes: int, *, allow_hard_links: bool) -> bytes:
    # Without O_NOFOLLOW and O_NONBLOCK a link could be swapped in, and a pipe would hang the reader.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError:
        target = os.path.realpath(path, strict=True)
        if not inside(real_folder, target):
            raise _RefusedError("SKILL.md is a link that leads out of the skill's folder") from None
        descriptor = os.open(target, flags)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise _RefusedError("SKILL.md is not a regular file")
        if facts.st_nlink > 1 and not allow_hard_links:
            raise _RefusedError("SKILL.md has more than one hard link, which OpenClaw refuses")
        data = b""
        while len(data) <= max_bytes and (piece := os.read(descriptor, max_bytes + 1 - len(data))):
            data += piece
    finally:
        os.close(descriptor)
    if len(data) > max_bytes:
        raise _RefusedError(f"File exceeds {max_bytes} bytes")
    return data


def _reason(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return f"SKILL.md cannot be read: {reason or type(error).__name__}"


def origin_slug(folder: str) -> str | None:
    """The name under which OpenClaw installed the skill from a source; its config entry goes by it."""
    path = os.path.join(folder, _ORIGIN_FILE)
    real_folder = resolve(folder)
    real_path = resolve(path)
    if real_folder is None or real_path is None or not inside(real_folder, real_path):
        return None
    try:
        with open(real_path, "rb") as stream:
            data = stream.read(_MAX_ORIGIN_BYTES + 1)
        origin = json.loads(data) if len(data) <= _MAX_ORIGIN_BYTES else None
    except (OSError, ValueError, RecursionError):
        return None
    slug = origin.get("slug") if isinstance(origin, Mapping) else None
    return trim(slug) or None if isinstance(slug, str) else None

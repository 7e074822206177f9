"""One SKILL.md as it goes up: its exact bytes, their hash, and OpenClaw's verdict on them."""

# A sync looks at thousands of files, and paths as plain strings are ten times as fast as Path objects.

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field

from openclaw_install.host.skills.file import SKILL_FILE_NAME, SkillFile, inside, parse_skill

__all__ = ["SKILL_FILE_NAME", "Frontmatter", "Source", "frontmatter_of", "parse_source", "read_source"]

# Stands for the folder's name while a content is judged without its folder.
_NO_NAME = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class Source:
    """A file's bytes and hash, or why it cannot be sent."""

    data: bytes = field(default=b"", repr=False)
    sha256: str = ""
    problem: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Frontmatter:
    """What a content says: its name, empty if it gives none, and OpenClaw's reason to refuse it."""

    name: str
    error: str


def parse_source(data: bytes) -> SkillFile:
    """OpenClaw's verdict on a content, whatever folder it lies in."""
    return parse_skill(data, _NO_NAME)


def frontmatter_of(file: SkillFile) -> Frontmatter:
    """What a content says about itself, by the verdict of `parse_source`."""
    name = "" if file.name in (None, _NO_NAME) else str(file.name)
    return Frontmatter(name, "" if file.valid else file.error or "invalid")


def read_source(path: str, real_folder: str, *, max_bytes: int, allow_hard_links: bool = False) -> Source:
    """Reads a SKILL.md on OpenClaw's terms: inside its folder, regular, one link, small, UTF-8.

    The rules are those of `host.skill_reader.read_skill`, which keeps no bytes.
    """
    try:
        return _read(path, real_folder, max_bytes, allow_hard_links=allow_hard_links)
    except OSError as error:
        return Source(
            problem="unreadable", reason=f"it cannot be read: {error.strerror or type(error).__name__}"
        )
    except ValueError:
        return Source(problem="unreadable", reason="its path cannot be used")


def _read(path: str, real_folder: str, max_bytes: int, *, allow_hard_links: bool) -> Source:
    # Without O_NOFOLLOW and O_NONBLOCK a link could be swapped in, and a pipe would hang the reader.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError:
        target = os.path.realpath(path, strict=True)
        if not inside(real_folder, target):
            return Source(problem="outside", reason="SKILL.md is a link that leads out of the skill's folder")
        descriptor = os.open(target, flags)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            return Source(problem="unreadable", reason="SKILL.md is not a regular file")
        if facts.st_nlink > 1 and not allow_hard_links:
            return Source(
                problem="unreadable", reason="SKILL.md has more than one hard link, which OpenClaw refuses"
            )
        data = _read_all(descriptor, max_bytes)
    finally:
        os.close(descriptor)
    if len(data) > max_bytes:
        return Source(
            problem="too_large", reason=f"it is larger than {max_bytes} bytes, so OpenClaw does not load it"
        )
    digest = hashlib.sha256(data).hexdigest()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        reason = f"it is not UTF-8 (byte {error.start})"
        return Source(data, digest, "not_utf8", reason)
    return Source(data, digest)


def _read_all(descriptor: int, limit: int) -> bytes:
    data = b""
    while len(data) <= limit and (piece := os.read(descriptor, limit + 1 - len(data))):
        data += piece
    return data

"""One SKILL.md, read from disk and judged on OpenClaw's terms: name, description, requirements, verdict.

Source of the rules: `src/skills/loading/local-loader.ts` and `src/skills/loading/frontmatter.ts` of OpenClaw
2026.9.6. A file must lie inside its folder, be regular, have one name, and not be large.
"""

# A check looks at thousands of folders, and paths as plain strings are ten times as fast as Path objects.
# ruff: noqa: PTH118, PTH119, PTH123

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from openclaw_install.host.javascript import join_surrogates, number_text, trim
from openclaw_install.host.skills.requirements import Requirements

# The second is an older name of the product, and counts where the first is absent.
MANIFEST_KEYS = ("openclaw", "clawdbot")
NO_REQUIREMENTS = Requirements()
SKILL_FILE_NAME = "SKILL.md"
MAX_SKILL_BYTES = 256_000
_ORIGIN_FILE = os.path.join(".openclaw", "source-origin.json")
_MAX_ORIGIN_BYTES = 16_384


@dataclass(frozen=True)
class Uncertain:
    """A frontmatter that OpenClaw may read differently.

    Attributes:
        block: the text between its delimiters.
        doubts: why, in words.
        folder_name: the name of the folder it lies in.
    """

    block: str = field(repr=False)
    doubts: tuple[str, ...]
    folder_name: str


@dataclass(frozen=True)
class SkillFile:
    """What OpenClaw makes of one SKILL.md.

    Attributes:
        name: the frontmatter's `name`, else the folder's; None where OpenClaw does not get as far.
        description: the frontmatter's `description`, trimmed; None if there is none.
        valid: whether OpenClaw loads the skill.
        error: OpenClaw's reason for refusing it; None if it is valid.
        fields: all frontmatter fields as text.
        requirements: what the manifest asks of the host.
        skill_key: the manifest's `skillKey`, under which the skill is configured; None for the name.
        uncertain: set where OpenClaw may read the frontmatter differently.
    """

    name: str | None
    description: str | None
    valid: bool
    error: str | None
    fields: Mapping[str, str] = field(default_factory=dict)
    requirements: Requirements = NO_REQUIREMENTS
    skill_key: str | None = None
    uncertain: Uncertain | None = None


def refused(error: str) -> SkillFile:
    """A file that OpenClaw refuses before it knows a name."""
    return SkillFile(None, None, valid=False, error=error)


def parse_skill(content: str | bytes, folder_name: str) -> SkillFile:
    """Reads a SKILL.md's content; it never fails, whatever the content.

    Args:
        content: the file's text, or its bytes (anything that is not UTF-8 becomes U+FFFD, as in OpenClaw).
        folder_name: name of the folder it lies in, the name of a skill that does not give one.
    """
    from openclaw_install.host.skills.frontmatter.reading import read_frontmatter

    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
    frontmatter = read_frontmatter(text)
    issue = frontmatter.issue
    reason = f"{issue.code}: {issue.message}" if issue else None
    file = skill_file(frontmatter.fields, reason, folder_name)
    if not frontmatter.doubts:
        return file
    doubts = tuple(sorted(doubt.value for doubt in frontmatter.doubts))
    return replace(file, uncertain=Uncertain(frontmatter.block, doubts, folder_name))


def skill_file(fields: Mapping[str, str], issue: str | None, folder_name: str) -> SkillFile:
    """What OpenClaw makes of a frontmatter.

    Args:
        fields: the frontmatter's fields as text.
        issue: why the frontmatter is refused, or None.
        folder_name: name of the folder the file lies in.
    """
    if issue:
        return refused(f"invalid frontmatter: {issue}")
    name = trim(fields.get("name", "")) or trim(folder_name)
    description = trim(fields.get("description", ""))
    error = None
    if not name:
        error = "name is required"
    elif not description:
        error = "description is required"
    requirements, skill_key = _from_manifest(fields.get("metadata"))
    return SkillFile(
        name=name or None,
        description=description or None,
        valid=error is None,
        error=error,
        fields=fields,
        requirements=requirements,
        skill_key=skill_key,
    )


def _from_manifest(metadata: str | None) -> tuple[Requirements, str | None]:
    try:
        manifest = _manifest(metadata)
        requirements = _requirements(manifest)
    except RecursionError:
        return NO_REQUIREMENTS, None  # nested beyond anything that means something
    key = manifest.get("skillKey")
    return requirements, key if isinstance(key, str) and key else None


def _manifest(metadata: str | None) -> Mapping[str, object]:
    """The product's object inside `metadata`, which is JSON5 text; empty if there is none to be read."""
    if not metadata:
        return {}
    from openclaw_install.host.config.json5_text import parse_json5
    from openclaw_install.host.config.json5_tree import Json5Error

    try:
        parsed = parse_json5(metadata)
    except Json5Error:
        return {}
    if isinstance(parsed, Mapping):
        for key in MANIFEST_KEYS:
            candidate = parsed.get(key)
            if isinstance(candidate, Mapping | list):
                return candidate if isinstance(candidate, Mapping) else {}
    return {}


def _requirements(manifest: Mapping[str, object]) -> Requirements:
    requires = manifest.get("requires")
    lists = requires if isinstance(requires, Mapping) else {}
    primary = manifest.get("primaryEnv")
    return Requirements(
        bins=string_list(lists.get("bins")),
        any_bins=string_list(lists.get("anyBins")),
        env=string_list(lists.get("env")),
        config=string_list(lists.get("config")),
        os=string_list(manifest.get("os")),
        always=manifest.get("always") is True,
        primary_env=primary if isinstance(primary, str) else None,
    )


def string_list(value: object) -> tuple[str, ...]:
    """A list of texts, or text with commas, as the manifest may spell one; blanks are dropped."""
    if isinstance(value, str):
        entries = value.split(",")
    elif isinstance(value, list):
        entries = [_as_text(entry) for entry in value]
    else:
        return ()
    trimmed = (trim(join_surrogates(entry)) for entry in entries)
    return tuple(entry for entry in trimmed if entry)


def _as_text(value: object) -> str:
    """JavaScript's `String(value)` for a JSON value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int | float):
        return number_text(float(value))
    if isinstance(value, list):
        return ",".join("" if item is None else _as_text(item) for item in value)
    return "[object Object]"


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

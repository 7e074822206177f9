"""What there is to say about one skill on a host: what it lacks, and what its format's validator objects to.

The format of agentskills.io is narrower than OpenClaw's, so the validator's objections are advice for authors
and never a gate here. Its rules are at https://agentskills.io/specification.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from openclaw_install.host.hooks.agents import section
from openclaw_install.host.skills.file import SkillFile, origin_slug, string_list
from openclaw_install.host.skills.requirements import KnownFacts, Missing, missing
from openclaw_install.host.skills.roots import SkillHost

_BUNDLED_SOURCES = frozenset({"openclaw-bundled", "openclaw-custodian"})
KNOWN_FIELDS = frozenset({"name", "description", "license", "compatibility", "metadata", "allowed-tools"})
_MAX_NAME = 64
_MAX_DESCRIPTION = 1024
_MAX_COMPATIBILITY = 500
_PREFIX = "agentskills.io: "


@dataclass(frozen=True)
class Eligibility:
    """Whether OpenClaw would use a skill here, what it lacks, and which setting turns it off, if one does."""

    eligible: bool
    missing: Missing
    turned_off: str | None = None


class HostFacts:
    """Answers for one host; each program is looked for once."""

    def __init__(self, host: SkillHost) -> None:
        self.host = host
        self._bins: dict[str, bool] = {}
        self._entries = section(host.config, "skills", "entries")
        allowed = section(host.config, "skills").get("allowBundled")
        self._allowed_bundled = frozenset(string_list(allowed)) if isinstance(allowed, list) else frozenset()

    def eligibility(self, file: SkillFile, folder: str, source: str) -> Eligibility:
        """What `openclaw skills list` says about a valid skill.

        Args:
            file: the parsed SKILL.md.
            folder: the skill's folder.
            source: OpenClaw's label of its root.
        """
        name = file.name or ""
        key = self._key(file, folder)
        settings = section(self._entries, key)
        turned_off = None
        if settings.get("enabled") is False:
            turned_off = f"skills.entries.{key}.enabled"
        elif source in _BUNDLED_SOURCES and self._allowed_bundled and not {key, name} & self._allowed_bundled:
            turned_off = "skills.allowBundled"
        facts = KnownFacts(self.host.config, self.host.env, self.has_bin, self.host.platform, settings)
        lacks = missing(file.requirements, facts)
        return Eligibility(not lacks and turned_off is None, lacks, turned_off)

    def _key(self, file: SkillFile, folder: str) -> str:
        """The name under which the config speaks of the skill."""
        if file.skill_key:
            return file.skill_key
        # The origin file matters only where the config has something to say.
        slug = origin_slug(folder) if self._entries or self._allowed_bundled else None
        return slug or file.name or ""

    def has_bin(self, name: str) -> bool:
        """Whether PATH has something of this name that may be executed."""
        known = self._bins.get(name)
        if known is None:
            known = self._bins[name] = any(self._runs(f"{part}/{name}") for part in self._path())
        return known

    def _path(self) -> list[str]:
        return [part for part in self.host.env.get("PATH", "").split(os.pathsep) if part]

    @staticmethod
    def _runs(path: str) -> bool:
        try:
            # `..` is folded without asking the disk, as Node does it.
            return os.access(os.path.normpath(path), os.X_OK)
        except ValueError:
            return False


def dialect_warnings(fields: Mapping[str, str], folder_name: str) -> tuple[str, ...]:
    """One sentence for each objection of the validator of agentskills.io.

    Args:
        fields: the frontmatter's fields as text.
        folder_name: the name of the skill's folder.
    """
    found: list[str] = []
    unknown = sorted(set(fields) - KNOWN_FIELDS)
    if unknown:
        found.append(f"unknown frontmatter fields: {', '.join(unknown)}")
    name = unicodedata.normalize("NFKC", fields.get("name", "").strip())
    if name:
        found += _name_objections(name, unicodedata.normalize("NFKC", folder_name))
    else:
        found.append("name is missing")
    for key, limit in (("description", _MAX_DESCRIPTION), ("compatibility", _MAX_COMPATIBILITY)):
        if len(fields.get(key, "")) > limit:
            found.append(f"{key} has {len(fields[key])} characters; at most {limit} are allowed")
    return tuple(_PREFIX + objection for objection in found)


def _name_objections(name: str, folder_name: str) -> list[str]:
    found = []
    if len(name) > _MAX_NAME:
        found.append(f"name has {len(name)} characters; at most {_MAX_NAME} are allowed")
    if name != name.lower():
        found.append("name must be in lower case")
    if name.startswith("-") or name.endswith("-"):
        found.append("name must not start or end with a hyphen")
    if "--" in name:
        found.append("name must not have two hyphens in a row")
    if not all(char.isalnum() or char == "-" for char in name):
        found.append("name may have letters, digits and hyphens only")
    if name != folder_name:
        found.append("name must be the name of the folder")
    return found

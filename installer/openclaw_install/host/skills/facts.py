"""A host's facts for skills: programs on PATH, and what the config says about each skill."""

from __future__ import annotations

import os
from dataclasses import dataclass

from openclaw_install.host.hooks.agents import section
from openclaw_install.host.skills.file import SkillFile, origin_slug, string_list
from openclaw_install.host.skills.requirements import KnownFacts, Missing, missing
from openclaw_install.host.skills.roots import SkillHost

_BUNDLED_SOURCES = frozenset({"openclaw-bundled", "openclaw-custodian"})


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

"""The folders that OpenClaw loads skills from, highest precedence first, and who wins a name.

Source of the rules: `src/skills/loading/workspace-skill-sources.ts`, `skill-root-loader.ts` and
`skill-precedence.ts` of OpenClaw 2026.9.6.
"""

# A check looks at thousands of folders, and paths as plain strings are ten times as fast as Path objects.
# ruff: noqa: PTH100, PTH118

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from openclaw_install.host.hooks.agents import agent_ids, default_agent, section
from openclaw_install.host.hooks.text import text_items
from openclaw_install.host.javascript import trim
from openclaw_install.host.skills.discovery import Discovery, Limits, discover
from openclaw_install.host.skills.file import SkillFile, inside, read_skill, resolve
from openclaw_install.host.skills.folders import Folder
from openclaw_install.host.skills.loader import FrontmatterLoader, LoaderAnswer, answers_about, settled

_SHIPPED_SOURCES = frozenset({"openclaw-bundled", "openclaw-custodian"})
_PLUGINS = "plugin-skills"


@dataclass(frozen=True)
class SkillHost:
    """Everything about a host that decides which skills it has and whether they are eligible.

    Attributes:
        state_dir: the state folder.
        workspace: the agent's workspace folder.
        home: the home folder that `~` stands for in the config.
        config: the config document with `$include` and `${ENV}` resolved.
        env: the environment as the gateway sees it (its `.env` files and the config's `env` included).
        is_default_state: whether the state folder is the home's own; only then personal skills count.
        bundled_dir: the `skills` folder of the OpenClaw package, or None if it is not known.
        platform: Node's name of the platform (`linux`, `darwin`, `win32`).
        loader: who is asked about frontmatter of which our own reader is not sure, or None.
    """

    state_dir: Path
    workspace: Path
    home: Path
    config: Mapping[str, object] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    is_default_state: bool = True
    bundled_dir: Path | None = None
    platform: str = "linux"
    loader: FrontmatterLoader | None = None

    @property
    def account_home(self) -> Path:
        """The home of the personal skills, which `OPENCLAW_HOME` does not move."""
        home = self.env.get("HOME", "").strip()
        return Path(home) if home not in ("", "undefined", "null") else self.home

    def load_setting(self, name: str) -> tuple[str, ...]:
        """The texts of the list `skills.load.<name>`, trimmed, without blanks."""
        items = text_items(section(self.config, "skills", "load").get(name))
        return tuple(text for item in items if (text := trim(item)))

    def user_path(self, text: str) -> str:
        """A path from the config: `~` expanded, absolute."""
        if text == "~" or text.startswith("~/"):
            text = str(self.home) + text[1:]
        return os.path.abspath(text)


@dataclass(frozen=True)
class Root:
    """One place that skills are loaded from; `source` is OpenClaw's label for it."""

    path: str
    source: str
    is_plugin_links: bool = False


@dataclass(frozen=True)
class LoadedSkill:
    """A skill folder and what its SKILL.md says."""

    folder: Folder
    source: str
    file: SkillFile


@dataclass(frozen=True)
class LoadedRoot:
    """A root and what was found in it.

    Attributes:
        root: the place.
        folder: the folder there, or None if there is none.
        loaded: what OpenClaw loads from it, refused ones included, in its order.
        left_out: candidates that it passes over, as the root is full or a skill itself.
        discovery: how the search went, or None without a folder.
    """

    root: Root
    folder: Folder | None
    loaded: tuple[LoadedSkill, ...] = ()
    left_out: tuple[LoadedSkill, ...] = ()
    discovery: Discovery | None = None


def skill_roots(host: SkillHost) -> tuple[Root, ...]:
    """All roots of the host, highest precedence first; they need not exist."""
    roots = [
        Root(str(host.workspace / "skills"), "openclaw-workspace"),
        Root(str(host.workspace / ".agents" / "skills"), "agents-skills-project"),
    ]
    if host.is_default_state:
        roots.append(Root(str(host.account_home / ".agents" / "skills"), "agents-skills-personal"))
    roots.append(Root(str(host.state_dir / "skills"), "openclaw-managed"))
    agent = default_agent(host.config)
    workshop = host.state_dir / "agents" / (agent or agent_ids(host.config)[0]) / "agent" / "workshop-skills"
    roots.append(Root(str(workshop), "openclaw-workshop"))
    if host.bundled_dir:
        if agent:
            roots.append(Root(str(host.bundled_dir.parent / "custodian-skills"), "openclaw-custodian"))
        roots.append(Root(str(host.bundled_dir), "openclaw-bundled"))
    roots.append(Root(str(host.state_dir / _PLUGINS), "openclaw-extra", is_plugin_links=True))
    extra = [host.user_path(text) for text in host.load_setting("extraDirs")]
    roots += [Root(path, "openclaw-extra") for path in reversed(extra)]
    return tuple(roots)


@dataclass(frozen=True)
class ReadRoot:
    """A root and all skills in it, before it is decided which of them OpenClaw takes.

    Attributes:
        root: the place.
        folder: the folder there, or None if there is none.
        own: the root's own SKILL.md, where it has one.
        skills: its other skills, in OpenClaw's order.
        discovery: how the search went, or None without a search.
    """

    root: Root
    folder: Folder | None
    own: LoadedSkill | None = None
    skills: tuple[LoadedSkill, ...] = ()
    discovery: Discovery | None = None

    @property
    def files(self) -> Iterator[SkillFile]:
        """What was read of each."""
        if self.own:
            yield self.own.file
        yield from (skill.file for skill in self.skills)


def read_root(root: Root, host: SkillHost) -> ReadRoot:
    """Finds and reads the skills of one root."""
    folder = Folder.at(root.path)
    if folder is None:
        return ReadRoot(root, None)
    limits = Limits.from_config(host.config)
    if root.is_plugin_links:
        return ReadRoot(root, folder, None, _plugin_skills(root, folder, limits))
    found = discover(folder, root.source, limits, allowed_targets(host))
    own = load(found.own.folder, root.source, limits) if found.own else None
    skills = tuple(load(candidate.folder, root.source, limits) for candidate in found.candidates)
    return ReadRoot(root, folder, own, skills, found)


def load_roots(host: SkillHost) -> tuple[LoadedRoot, ...]:
    """The skills of all roots of the host as OpenClaw would load them, highest precedence first."""
    read = [read_root(root, host) for root in skill_roots(host)]
    answers = answers_about((file for root in read for file in root.files), host.loader)
    limits = Limits.from_config(host.config)
    return tuple(loaded_of(root, limits, answers) for root in read)


def loaded_of(read: ReadRoot, limits: Limits, answers: Mapping[str, LoaderAnswer]) -> LoadedRoot:
    """What OpenClaw takes of a root.

    Args:
        read: the root with its skills.
        limits: how many skills a root may give.
        answers: what OpenClaw said about frontmatter of which the reader is not sure.
    """
    own = read.own and replace(read.own, file=settled(read.own.file, answers))
    skills = tuple(replace(skill, file=settled(skill.file, answers)) for skill in read.skills)
    if own and own.file.valid:
        return LoadedRoot(read.root, read.folder, (own,), skills, read.discovery)
    count = len(skills)
    if read.discovery and not read.discovery.root_is_skill:
        count = _within(skills, limits.skills)
    return LoadedRoot(read.root, read.folder, skills[:count], skills[count:], read.discovery)


def _within(skills: Sequence[LoadedSkill], limit: int) -> int:
    """How many skills are looked at until `limit` valid ones are found."""
    valid = 0
    for position, skill in enumerate(skills):
        if valid >= limit:
            return position
        valid += skill.file.valid
    return len(skills)


def allowed_targets(host: SkillHost) -> tuple[str, ...]:
    """The resolved folders of `skills.load.allowSymlinkTargets`; those that do not exist are dropped."""
    resolved = (resolve(host.user_path(text)) for text in host.load_setting("allowSymlinkTargets"))
    return tuple(path for path in resolved if path is not None)


def load(folder: Folder, source: str, limits: Limits) -> LoadedSkill:
    """Reads the SKILL.md of one folder under the conditions of its source."""
    shipped = source in _SHIPPED_SOURCES
    file = read_skill(folder.path, folder.real, max_bytes=limits.file_bytes, allow_hard_links=shipped)
    return LoadedSkill(folder, source, file)


def _plugin_skills(root: Root, folder: Folder, limits: Limits) -> tuple[LoadedSkill, ...]:
    """The links that OpenClaw keeps for the skills of its plugins; they lead to where the plugins are."""
    skills = []
    for entry in folder.entries:
        child = folder.child(entry) if entry.is_link else None
        if child and child.has_skill and inside(child.real, os.path.join(child.real, "SKILL.md")):
            file = read_skill(child.path, child.real, max_bytes=limits.file_bytes, allow_hard_links=True)
            skills.append(LoadedSkill(child, root.source, file))
    return tuple(skills)


def winners(roots: Sequence[LoadedRoot]) -> dict[str, LoadedSkill]:
    """The skill that OpenClaw uses for each name: of the highest root, and there of the last one read."""
    by_name: dict[str, LoadedSkill] = {}
    for loaded_root in reversed(roots):
        for skill in loaded_root.loaded:
            if skill.file.valid and skill.file.name is not None:
                by_name[skill.file.name] = skill
    return by_name

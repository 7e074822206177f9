"""The skills of this machine that can go up: the host's own roots, the Workspace folder and named folders."""

# A sync looks at thousands of folders, and paths as plain strings are ten times as fast as Path objects.
# ruff: noqa: PTH100, PTH118, PTH119, PTH120

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from openclaw_install.common.data_files import data_folder
from openclaw_install.common.errors import UsageError
from openclaw_install.common.jsonable import jsonable
from openclaw_install.host.bundles import MANIFEST_FILE
from openclaw_install.host.config.document import read_config
from openclaw_install.host.locate import HostLocation
from openclaw_install.host.skills.discovery import Limits, discover
from openclaw_install.host.skills.folders import Folder
from openclaw_install.host.skills.host import skill_host
from openclaw_install.host.skills.loader import answers_about, settle, settled
from openclaw_install.host.skills.roots import Root, SkillHost, allowed_targets, skill_roots
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.skill_source import (
    SKILL_FILE_NAME,
    Frontmatter,
    Source,
    frontmatter_of,
    parse_source,
    read_source,
)
from openclaw_install.sync.text import shown

FACT_VERSION = "1"
WORKSPACE_SOURCE = "workspace-folder"
NAMED_SOURCE = "named-root"
_WORKSPACE = ("Workspace", "openclaw", "skills")
# They come with OpenClaw: not the operator's own, and on the far side already where they are wanted.
SHIPPED_SOURCES = frozenset({"openclaw-bundled", "openclaw-custodian"})
_NO_LIMITS = 1_000_000


@dataclass(frozen=True)
class LocalSkill:
    """One skill folder of this machine.

    Attributes:
        name: the folder's name, under which it goes up.
        path: its SKILL.md.
        root: the root that it was found in.
        source: OpenClaw's label of that root, or one of ours.
        sha256: of the file's bytes; empty where it could not be read.
        size: bytes.
        declared: the name in its frontmatter, where that differs from the folder's.
        problem: why it cannot go up, as a word: `invalid`, `unreadable`, `outside`, `not_utf8`, `bad_name`,
            `shadowed`; empty if it can.
        reason: the same in a sentence.
        shipped: whether it comes with OpenClaw, and so goes up only when it is named.
        installed: whether it is one of the bundles that the setup installs: they serve this host, and go up
            only when they are named, too.
    """

    name: str
    path: str
    root: str
    source: str
    sha256: str = ""
    size: int = 0
    declared: str = ""
    problem: str = ""
    reason: str = ""
    shipped: bool = False
    installed: bool = False

    @property
    def only_by_name(self) -> bool:
        """Whether it is not the operator's own, so that `--all` does not mean it."""
        return self.shipped or self.installed


@dataclass(frozen=True)
class Inventory:
    """All skills, highest precedence first; at most one of each name is without a problem."""

    skills: tuple[LocalSkill, ...]
    roots: tuple[str, ...]
    learned: Mapping[str, Any]

    def usable(self) -> dict[str, LocalSkill]:
        """The skills that can go up, by name, those that are not the operator's own included."""
        return {skill.name: skill for skill in self.skills if not skill.problem}


Known = Callable[[Sequence[str]], Mapping[str, Any]]


def inventory_of(location: HostLocation, roots: Sequence[Path], ledger: Ledger) -> Inventory:
    """The skills of a located host; what is learned about contents goes into the ledger.

    Raises:
        ConfigError: the host's config cannot be read.
        UsageError: a root is no folder.
        FileError: the ledger cannot be used.
    """
    host = skill_host(location, read_config(location.config_path, location.env))
    found = take_inventory(host, roots, lambda hashes: ledger.facts("frontmatter", FACT_VERSION, hashes))
    ledger.learn("frontmatter", FACT_VERSION, found.learned)
    return found


def own_roots(location: HostLocation, roots: Sequence[Path]) -> tuple[str, ...]:
    """The folders in which the operator's own skills lie, or may lie one day.

    Raises:
        ConfigError, UsageError: as `inventory_of`.
    """
    host = skill_host(location, read_config(location.config_path, location.env))
    return tuple(root.path for root in sync_roots(host, roots) if root.source not in SHIPPED_SOURCES)


def take_inventory(host: SkillHost, extra: Sequence[Path], known: Known) -> Inventory:
    """Finds, reads and judges every skill.

    Precedence: the named folders in their order, the host's roots in OpenClaw's, the Workspace folder.
    OpenClaw's limits on the number of skills do not apply: they bound its prompt, not what an operator keeps.

    Args:
        host: the host whose roots count.
        extra: further folders.
        known: gives the frontmatter facts of contents by hash, so that a known content is not parsed again.

    Raises:
        UsageError: a named folder is none.
    """
    found = [skill for root in sync_roots(host, extra) for skill in _skills_of(root, host)]
    facts = dict(known([source.sha256 for _, source in found if source.sha256]))
    learned = _learn(
        {source.sha256: source.data for skill, source in found if not skill.problem}, facts, host
    )
    skills = [
        skill if skill.problem else _judged(skill, Frontmatter(**facts[source.sha256]))
        for skill, source in found
    ]
    roots = dict.fromkeys(skill.root for skill, _ in found)
    return Inventory(tuple(with_shadows(skills)), tuple(roots), learned)


def _learn(contents: Mapping[str, bytes], facts: dict[str, Any], host: SkillHost) -> dict[str, Any]:
    """Adds the facts about contents that have none yet, and returns those that hold for good.

    Where OpenClaw could not be asked about an uncertain content, it is worth asking again next time.
    """
    files = {sha256: parse_source(data) for sha256, data in contents.items() if sha256 not in facts}
    answers = answers_about(files.values(), host.loader)
    learned: dict[str, Any] = {}
    for sha256, read in files.items():
        file = settled(read, answers)
        facts[sha256] = jsonable(frontmatter_of(file))
        if not file.uncertain:
            learned[sha256] = facts[sha256]
    return learned


def sync_roots(host: SkillHost, extra: Sequence[Path]) -> list[Root]:
    """The roots that skills are taken from, highest precedence first; the host's own need not exist.

    Raises:
        UsageError: a named folder is none.
    """
    named = []
    for path in extra:
        if not path.expanduser().is_dir():
            raise UsageError(f"--root {path} is not a folder", next_step="name a folder that holds skills")
        named.append(Root(os.path.abspath(path.expanduser()), NAMED_SOURCE))
    own = [root for root in skill_roots(host) if not root.is_plugin_links]
    return [*named, *own, Root(os.path.join(host.home, *_WORKSPACE), WORKSPACE_SOURCE)]


def _skills_of(root: Root, host: SkillHost) -> Iterator[tuple[LocalSkill, Source]]:
    """The skills of one root with their contents; a folder that two roots share is found in both."""
    limits = Limits.from_config(host.config)
    folder = Folder.at(root.path)
    if folder is None:
        return
    source = root.source if root.source not in (NAMED_SOURCE, WORKSPACE_SOURCE) else "openclaw-workspace"
    free = Limits(_NO_LIMITS, _NO_LIMITS, limits.file_bytes)
    found = discover(folder, source, free, allowed_targets(host))
    shipped = root.source in SHIPPED_SOURCES
    if found.own:
        own = _read(found.own.folder, root, limits.file_bytes, shipped=shipped)
        if not own[0].problem and settle(parse_source(own[1].data), host.loader).valid:
            yield own
            return
    seen: set[str] = set()
    # A link inside the root shows the same folder again: it counts once, at its shortest path.
    for candidate in sorted(found.candidates, key=lambda candidate: candidate.folder.path.count(os.sep)):
        if candidate.folder.real in seen:
            continue
        seen.add(candidate.folder.real)
        yield _read(candidate.folder, root, limits.file_bytes, shipped=shipped)
    for escape in found.escapes:
        is_file = os.path.basename(escape.path) == SKILL_FILE_NAME
        path = escape.path if is_file else os.path.join(escape.path, SKILL_FILE_NAME)
        if os.path.lexists(path):
            name = os.path.basename(os.path.dirname(path))
            yield (
                LocalSkill(
                    *(shown(name), shown(path, 4096), root.path, root.source),
                    problem="outside",
                    reason="a link leads out of the root, so OpenClaw does not load it",
                    shipped=shipped,
                ),
                Source(),
            )


@cache
def _bundle_names() -> frozenset[str]:
    return frozenset(path.name for path in data_folder("skills").iterdir())


def _read(folder: Folder, root: Root, limit: int, *, shipped: bool) -> tuple[LocalSkill, Source]:
    path = os.path.join(folder.path, SKILL_FILE_NAME)
    source = read_source(path, folder.real, max_bytes=limit, allow_hard_links=shipped)
    skill = LocalSkill(
        name=folder.name,
        path=path,
        root=root.path,
        source=root.source,
        sha256=source.sha256,
        size=len(source.data),
        problem=source.problem,
        reason=source.reason,
        shipped=shipped,
        installed=folder.name in _bundle_names()
        and os.path.lexists(os.path.join(folder.path, MANIFEST_FILE)),
    )
    if folder.name != shown(folder.name, 255):
        return replace(
            skill,
            name=shown(folder.name),
            path=shown(path, 4096),
            problem="bad_name",
            reason="the folder's name has characters that cannot be shown, so no service can take it",
        ), source
    return skill, source


def read_again(skill: LocalSkill, host: SkillHost) -> LocalSkill:
    """One skill as its file is now; whether a namesake counts instead is for `with_shadows` to say.

    Args:
        skill: as it was found before, in a folder of its own.
        host: whose limits count.
    """
    path = os.path.dirname(skill.path)
    folder = Folder(path, os.path.realpath(path))
    limit = Limits.from_config(host.config).file_bytes
    again, source = _read(folder, Root(skill.root, skill.source), limit, shipped=skill.shipped)
    if again.problem:
        return again
    return _judged(again, frontmatter_of(settle(parse_source(source.data), host.loader)))


def _judged(skill: LocalSkill, frontmatter: Frontmatter) -> LocalSkill:
    declared = frontmatter.name if frontmatter.name not in ("", skill.name) else ""
    if frontmatter.error:
        return replace(skill, problem="invalid", reason=f"OpenClaw refuses it: {frontmatter.error}")
    return replace(skill, declared=shown(declared, 120)) if declared else skill


def with_shadows(skills: Sequence[LocalSkill]) -> Iterator[LocalSkill]:
    """The same skills, where OpenClaw passes one over for a namesake, or its name is taken, marked so.

    Args:
        skills: in an inventory's order, each judged for itself.
    """
    by_declared: dict[str, LocalSkill] = {}
    by_folder: dict[str, LocalSkill] = {}
    for skill in _later_wins_within_root(skills):
        if not skill.problem:
            by_declared.setdefault(skill.declared or skill.name, skill)
    for skill in skills:
        if skill.problem:
            yield skill
            continue
        winner = by_declared[skill.declared or skill.name]
        if winner is skill:
            winner = by_folder.setdefault(skill.name, skill)
        if winner is skill or winner.path == skill.path:
            yield (
                skill
                if winner is skill
                else replace(skill, problem="shadowed", reason="the same file was found before")
            )
        else:
            yield replace(skill, problem="shadowed", reason=f"for this name {winner.path} counts")


def _later_wins_within_root(skills: Sequence[LocalSkill]) -> Iterator[LocalSkill]:
    """The skills in order of their say: root by root, and within a root the last one read first."""
    start = 0
    for end in range(1, len(skills) + 1):
        if end == len(skills) or _place(skills[end]) != _place(skills[start]):
            yield from reversed(skills[start:end])
            start = end


def _place(skill: LocalSkill) -> tuple[str, str]:
    return skill.source, skill.root

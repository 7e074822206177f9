"""An index of the skills on disk: built by a full scan, then updated file by file as they change.

Missing skills mean that somebody deleted them, or that a disk is missing.
"""

# There are thousands of paths, and plain strings are ten times as fast as Path objects.
# ruff: noqa: PTH114, PTH118, PTH120

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import ConfigError
from openclaw_install.host.config.document import read_config
from openclaw_install.host.locate import HostLocation
from openclaw_install.host.skills.host import skill_host
from openclaw_install.host.skills.roots import SkillHost
from openclaw_install.sync.consent import StandingChoice
from openclaw_install.sync.inventory import (
    SHIPPED_SOURCES,
    LocalSkill,
    read_again,
    sync_roots,
    take_inventory,
    with_shadows,
)
from openclaw_install.sync.watch.source import KnownPaths
from openclaw_install.sync.watch.stat_cache import StatSnapshot, stat_snapshot

Known = Callable[[Sequence[str]], Mapping[str, Any]]


@dataclass(frozen=True)
class View:
    """What one scan found. It is never changed: a new scan makes a new one.

    Attributes:
        skills: those that were chosen, by name; of namesakes the one that counts.
        roots: the folders that events are wanted from, whether they exist or not.
        paths: what changes are held against.
        linked: real folders of skills that lie outside the roots.
        learned: facts about contents that were not known, for the ledger.
        warnings: what an operator has to know about the scan itself.
    """

    skills: Mapping[str, LocalSkill] = field(default_factory=dict)
    roots: tuple[str, ...] = ()
    paths: KnownPaths = field(default_factory=KnownPaths)
    linked: tuple[str, ...] = ()
    learned: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def changed_since(self, older: View) -> tuple[str, ...]:
        """The names whose skill is new or another content or problem than it was."""
        return tuple(name for name, skill in self.skills.items() if older.skills.get(name) != skill)

    def deleted_since(self, older: View) -> tuple[str, ...]:
        """The names that are no longer there."""
        return tuple(name for name in older.skills if name not in self.skills)


class SkillIndex:
    """Scans all skills of a host, or reads some of them again. Not for several threads at once.

    Args:
        location: the host.
        choice: which skills count.
        known: gives what is known about contents by hash.
    """

    def __init__(self, location: HostLocation, choice: StandingChoice, known: Known) -> None:
        self._location = location
        self._choice = choice
        self._known = known
        self._facts: dict[str, Any] = {}
        self._host: SkillHost | None = None
        self._extra: list[Path] = []
        self._snapshot = StatSnapshot()
        self._all: tuple[LocalSkill, ...] = ()
        self._by_path: dict[str, int] = {}
        self._real_files: dict[str, str] = {}
        self.view = View()

    def successor(self) -> SkillIndex:
        """A new index with what this one learned, to scan everything while this one stays in use."""
        heir = SkillIndex(self._location, self._choice, self._known)
        heir._facts, heir._host = dict(self._facts), self._host
        heir._extra, heir._snapshot = self._extra, self._snapshot
        return heir

    def scan_if_changed(self) -> View | None:
        """As `scan`; None, and nothing is read, where all seems to be as when its predecessor scanned.

        It goes by the config and by what the file system says about folders and files (`stat_cache`).
        """
        host, extra = self._host, self._extra
        if host is not None and self._snapshot.hold():
            again, extra_again, warnings = self._read_host()
            if not warnings and (again, extra_again) == (host, extra):
                return None
        return self.scan()

    def scan(self) -> View:
        """Scans everything.

        Raises:
            ConfigError: the host's config cannot be read, and never could.
        """
        began = wall_time()
        host, extra, warnings = self._read_host()
        found = take_inventory(host, extra, self._facts_of)
        self._facts.update(found.learned)
        self._all = tuple(_unshadowed(skill) for skill in found.skills)
        self._by_path = {skill.path: place for place, skill in enumerate(self._all)}
        self._extra = extra
        self._snapshot = stat_snapshot(
            [root.path for root in sync_roots(host, extra)], [skill.path for skill in found.skills], began
        )
        roots = self._roots(host, extra)
        real_roots = [os.path.realpath(root) for root in roots]
        paths, linked, self._real_files = _paths(found.skills, real_roots)
        self.view = View(self._chosen(found.skills), roots, paths, linked, found.learned, tuple(warnings))
        return_free_memory()
        return self.view

    def roots(self) -> tuple[str, ...]:
        """The folders that a scan would look into, without scanning.

        Raises:
            ConfigError: as `scan`.
        """
        host, extra, _warnings = self._read_host()
        return self._roots(host, extra)

    def _read_host(self) -> tuple[SkillHost, list[Path], list[str]]:
        warnings = []
        try:
            document = read_config(self._location.config_path, self._location.env)
            self._host = skill_host(self._location, document)
        except ConfigError as error:
            if self._host is None:
                raise
            warnings.append(f"{error.message}; the roots are those from before")
        extra = [Path(root) for root in self._choice.roots if Path(root).is_dir()]
        warnings += [f"{root} is not a folder" for root in self._choice.roots if Path(root) not in extra]
        return self._host, extra, warnings

    def _roots(self, host: SkillHost, extra: Sequence[Path]) -> tuple[str, ...]:
        roots = [root.path for root in sync_roots(host, extra) if root.source not in SHIPPED_SOURCES]
        return (*roots, *(root for root in self._choice.roots if root not in roots))

    def reread(self, files: Collection[str]) -> View | None:
        """Reads some skills again, by the paths of their files.

        Returns:
            The new view; None where one of them is not where it was, so that everything has to be scanned.
        """
        everything = list(self._all)
        reshuffled = False
        for file in files:
            place = self._by_path.get(file)
            if place is None or self._host is None or not os.path.lexists(file):
                return None
            before = everything[place]
            if os.path.dirname(file) == before.root:
                return None  # whether a root is a skill itself decides about all others in it
            after = before if before.problem == "outside" else read_again(before, self._host)
            if os.path.realpath(file) != self._real_files.get(file):
                return None  # a link leads elsewhere now: whether it may is for a full scan to say
            everything[place] = after
            counts_as = (bool(before.problem), before.declared), (bool(after.problem), after.declared)
            reshuffled = reshuffled or counts_as[0] != counts_as[1]
        self._all = tuple(everything)
        if reshuffled:
            skills = self._chosen(tuple(with_shadows(everything)))
        else:
            again = {everything[self._by_path[file]].path: everything[self._by_path[file]] for file in files}
            skills = {name: again.get(skill.path, skill) for name, skill in self.view.skills.items()}
        self.view = replace(self.view, skills=skills, learned={}, warnings=())
        return self.view

    def _facts_of(self, hashes: Sequence[str]) -> Mapping[str, Any]:
        if missing := [digest for digest in hashes if digest not in self._facts]:
            self._facts.update(self._known(missing))
        kept = {digest: self._facts[digest] for digest in hashes if digest in self._facts}
        self._facts = dict(kept)
        return kept

    def _chosen(self, skills: Sequence[LocalSkill]) -> dict[str, LocalSkill]:
        names = self._choice.names
        chosen: dict[str, LocalSkill] = {}
        for skill in skills:
            if skill.problem == "shadowed" or (
                skill.only_by_name if names is None else skill.name not in names
            ):
                continue
            known = chosen.get(skill.name)
            if known is None or (known.problem and not skill.problem):
                chosen[skill.name] = skill
        return chosen


def return_free_memory() -> None:
    """Returns the C library's free pages to the system; where it has no call for that, nothing happens.

    A scan holds all contents at once, and what it frees of them would stay with the process: some megabytes
    with thousands of skills, for as long as the watcher runs.
    """
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, and it takes less than 1 ms
    if trim is not None:
        trim(0)


def _unshadowed(skill: LocalSkill) -> LocalSkill:
    return replace(skill, problem="", reason="") if skill.problem == "shadowed" else skill


def _paths(
    skills: Sequence[LocalSkill], real_roots: Sequence[str]
) -> tuple[KnownPaths, tuple[str, ...], dict[str, str]]:
    """What changes are held against, the real folders outside the roots, and where each file really lies."""
    real_files: dict[str, str] = {}
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    linked: dict[str, None] = {}
    parents: dict[str, str] = {}
    for skill in skills:
        if skill.shipped:
            continue
        folder, file = os.path.split(skill.path)
        real_folder = _real_folder(folder, parents)
        in_real_folder = skill.path if real_folder == folder else os.path.join(real_folder, file)
        real = os.path.realpath(in_real_folder) if os.path.islink(in_real_folder) else in_real_folder
        real_files[skill.path] = real
        for path in {skill.path, in_real_folder, real}:
            files.setdefault(path, skill.path)
            folders.setdefault(os.path.dirname(path), skill.path)
        for above in _above(folder, skill.root):
            folders.setdefault(above, "")
        if not any(real.startswith(root + os.sep) for root in real_roots):
            linked.setdefault(os.path.dirname(real))
    return KnownPaths(files, folders), tuple(linked), real_files


def _real_folder(folder: str, parents: dict[str, str]) -> str:
    """As `os.path.realpath`, with the folder above looked up once for all that lie in it."""
    above, name = os.path.split(folder)
    if os.path.islink(folder):
        return os.path.realpath(folder)
    if above not in parents:
        parents[above] = os.path.realpath(above)
    return folder if parents[above] == above else os.path.join(parents[above], name)


def _above(folder: str, root: str) -> Iterator[str]:
    above = os.path.dirname(folder)
    while len(above) > len(root):
        yield above
        above = os.path.dirname(above)


_FEW = 3


@dataclass(frozen=True)
class Deletions:
    """What is no longer there.

    Attributes:
        names: skills that somebody deleted.
        warning: reported instead of the names where so much is missing that it was hardly meant.
    """

    names: tuple[str, ...] = ()
    warning: str = ""


def classify(names: Sequence[str], older: View) -> Deletions:
    """What is missing since an older view: a vanished root, or most skills at once, is no deletion."""
    roots = {older.skills[name].root for name in names}
    missing = sorted(root for root in roots if not os.path.isdir(root))  # noqa: PTH112 - paths are texts here
    if missing:
        return Deletions(
            warning=f"{_counted(len(names))} went out of sight with the folder {', '.join(missing)}"
        )
    if len(names) > max(_FEW, len(older.skills) // 2):
        return Deletions(warning=f"{_counted(len(names))} of {len(older.skills)} went away at once")
    return Deletions(tuple(names))


def _counted(count: int) -> str:
    return "1 skill" if count == 1 else f"{count} skills"

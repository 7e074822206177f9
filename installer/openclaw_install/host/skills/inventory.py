"""`skills check` and `skills list`: what OpenClaw makes of each SKILL.md, and which of them it uses."""

# A check looks at thousands of folders, and paths as plain strings are ten times as fast as Path objects.
# ruff: noqa: PTH100, PTH118, PTH119, PTH120

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from openclaw_install.common.errors import ConfigError, UsageError
from openclaw_install.host.config.document import read_config
from openclaw_install.host.locate import HostLocation
from openclaw_install.host.skills.discovery import Discovery, Escape, Limits, discover, misspelled, unreached
from openclaw_install.host.skills.facts import Eligibility, HostFacts, dialect_warnings
from openclaw_install.host.skills.file import SKILL_FILE_NAME, SkillFile, refused
from openclaw_install.host.skills.folders import Folder
from openclaw_install.host.skills.host import skill_host
from openclaw_install.host.skills.loader import LoaderAnswer, answers_about, settled
from openclaw_install.host.skills.requirements import Missing
from openclaw_install.host.skills.results import (
    ListedRoot,
    ListedSkill,
    SkillRecord,
    SkillsCheck,
    SkillsList,
)
from openclaw_install.host.skills.roots import (
    LoadedRoot,
    LoadedSkill,
    SkillHost,
    allowed_targets,
    load,
    load_roots,
    loaded_of,
    read_root,
    skill_roots,
    winners,
)

# Folders named on the command line are judged as a workspace's skills would be: a link must stay inside.
_CHECKED_AS = "openclaw-workspace"
# Begins the warning about a frontmatter that OpenClaw may read differently.
PARSE_UNCERTAIN = "skill.parse_uncertain"
_NO_LIMITS = 1_000_000
_MOST_NOTES = 20
_LEADS_OUT = "the link leads out of the root"
_LEADS_NOWHERE = "the link leads nowhere"


def check_skills(location: HostLocation, paths: Sequence[Path]) -> SkillsCheck:
    """Checks every SKILL.md below `paths`, or in the host's own roots where none is given.

    A config that cannot be read does not stop the check of folders: a note says that settings count as unset.

    Raises:
        ConfigError: no path is given, and the host's config cannot be read.
        UsageError: a path is neither a folder nor a SKILL.md.
    """
    try:
        document = read_config(location.config_path, location.env)
    except ConfigError as error:
        if not paths:
            raise
        found = check(paths, skill_host(location, None))
        note = f"the host's config was left out of account: {error.message}"
        return replace(found, notes=(*found.notes, note))
    return check(paths, skill_host(location, document))


def list_skills(location: HostLocation) -> SkillsList:
    """The host's skill roots in order of precedence, and who wins each name.

    Raises:
        ConfigError: the host's config cannot be read.
    """
    return list_roots(skill_host(location, read_config(location.config_path, location.env)))


def check(paths: Sequence[Path], host: SkillHost) -> SkillsCheck:
    """Checks every SKILL.md below the given folders, or in the host's own roots where none is given.

    Args:
        paths: folders or SKILL.md files. They count as roots of descending precedence.
        host: the host whose config and programs decide about eligibility.

    Raises:
        UsageError: a path is neither a folder nor a SKILL.md.
    """
    return _Check(host).of_paths(paths) if paths else _Check(host).of_host()


def list_roots(host: SkillHost) -> SkillsList:
    """The host's roots with what OpenClaw finds in each, and the winner of each name."""
    facts = HostFacts(host)
    roots = load_roots(host)
    used = winners(roots)
    return SkillsList(tuple(_listed_root(root, used, facts) for root in roots))


def _listed_root(loaded: LoadedRoot, used: dict[str, LoadedSkill], facts: HostFacts) -> ListedRoot:
    skills = []
    for skill in loaded.loaded:
        file = skill.file
        path = _file(skill.folder)
        winner = _file(used[file.name].folder) if file.valid and file.name is not None else None
        skills.append(
            ListedSkill(
                path=path,
                name=file.name,
                valid=file.valid,
                eligible=file.valid and facts.eligibility(file, skill.folder.path, skill.source).eligible,
                wins=winner == path,
                winner=winner,
                warnings=tuple(_uncertainty(file)),
            )
        )
    return ListedRoot(Path(loaded.root.path), loaded.root.source, loaded.folder is not None, tuple(skills))


@dataclass
class _Found:
    """A skill on its way to a record."""

    skill: LoadedSkill
    warnings: list[str] = field(default_factory=list)

    def settled(self, answers: Mapping[str, LoaderAnswer]) -> _Found:
        """The same one as OpenClaw reads it, where it was asked."""
        return _Found(replace(self.skill, file=settled(self.skill.file, answers)), self.warnings)


class _Check:
    def __init__(self, host: SkillHost) -> None:
        self.host = host
        self.facts = HostFacts(host)
        self.allowed = allowed_targets(host)
        self.limits = Limits.from_config(host.config)
        self.notes: list[str] = []

    def of_host(self) -> SkillsCheck:
        read = [read_root(root, self.host) for root in skill_roots(self.host)]
        beyond = [
            list(self._beyond(root.folder, root.discovery, root.root.source))
            if root.folder and root.discovery
            else []
            for root in read
        ]
        files = [file for root in read for file in root.files]
        files += [item.skill.file for items in beyond for item in items]
        answers = answers_about(files, self.host.loader)
        roots = [loaded_of(root, self.limits, answers) for root in read]
        found: list[_Found] = []
        for root, items in zip(roots, beyond, strict=True):
            found += [_Found(skill) for skill in root.loaded]
            if root.discovery:
                found += self._left_out(root)
                found += [item.settled(answers) for item in items]
                self._note_limits(root.root.path, root.discovery)
        used = {name: skill.folder for name, skill in winners(roots).items()}
        return self._result(found, used)

    def of_paths(self, paths: Sequence[Path]) -> SkillsCheck:
        read = [list(self._below(path)) for path in paths]
        answers = answers_about((item.skill.file for items in read for item in items), self.host.loader)
        found: list[_Found] = []
        used: dict[str, Folder] = {}
        for items in read:
            here = [item.settled(answers) for item in items]
            found += here
            names = {
                item.skill.file.name: item.skill.folder
                for item in here
                if item.skill.file.valid and item.skill.file.name and not item.warnings
            }
            used = {**names, **used}
        return self._result(found, used)

    def _below(self, path: Path) -> Iterator[_Found]:
        """The skills below one path of the command line; number limits do not end the search here."""
        root = self._folder(path)
        free = Limits(_NO_LIMITS, _NO_LIMITS, self.limits.file_bytes)
        discovery = discover(root, _CHECKED_AS, free, self.allowed)
        candidates = [*([discovery.own] if discovery.own else []), *discovery.candidates]
        for candidate in candidates:
            yield _Found(load(candidate.folder, _CHECKED_AS, free))
        yield from self._beyond(root, discovery, _CHECKED_AS)
        count = len(discovery.candidates)
        if not discovery.root_is_skill and count > min(self.limits.candidates, self.limits.skills):
            self.notes.append(
                f"{root.path} holds {count} skills; as a root of its own, OpenClaw would look at "
                f"{self.limits.candidates} folders of it and load {self.limits.skills} skills"
            )

    @staticmethod
    def _folder(path: Path) -> Folder:
        is_file = path.name == SKILL_FILE_NAME and os.path.lexists(path) and not path.is_dir()
        folder = Folder.at(os.path.abspath(path.parent if is_file else path))
        if folder is None:
            raise UsageError(
                f"{path} is neither a folder nor a SKILL.md",
                next_step="name folders that hold skills, or SKILL.md files",
            )
        return folder

    def _beyond(self, root: Folder, discovery: Discovery, source: str) -> Iterator[_Found]:
        """What lies below the root but is out of OpenClaw's reach."""
        for escape in discovery.escapes:
            folder = self._escaped(escape)
            if folder is not None:
                error = _LEADS_OUT if escape.target else _LEADS_NOWHERE
                yield _Found(LoadedSkill(folder, source, refused(error)))
        for item in unreached(root, discovery):
            warning = f"OpenClaw does not find it from {root.path}: {item.reason}"
            yield _Found(load(item.folder, source, self.limits), [warning])
        files = list(misspelled(root))
        for path in files[:_MOST_NOTES]:
            self.notes.append(f"{path} is passed over: OpenClaw reads {SKILL_FILE_NAME} only, so rename it")
        if len(files) > _MOST_NOTES:
            self.notes.append(f"{len(files) - _MOST_NOTES} more files below {root.path} have such a name")

    def _escaped(self, escape: Escape) -> Folder | None:
        """The folder to report for a link that leads out; nothing behind the link is read."""
        if os.path.basename(escape.path) == SKILL_FILE_NAME:
            parent = os.path.dirname(escape.path)
            return Folder(parent, parent)
        if os.path.lexists(os.path.join(escape.path, SKILL_FILE_NAME)):
            return Folder(escape.path, escape.path)
        self.notes.append(f"{escape.path}: {_LEADS_OUT}, so it is not searched")
        return None

    def _left_out(self, root: LoadedRoot) -> Iterator[_Found]:
        own = bool(root.discovery and root.discovery.own)
        reason = "the root itself is a skill" if own else f"the root already gave {self.limits.skills} skills"
        for skill in root.left_out:
            yield _Found(skill, [f"OpenClaw does not load it from {root.root.path}: {reason}"])

    def _note_limits(self, path: str, discovery: Discovery) -> None:
        if discovery.truncated:
            self.notes.append(f"{path} is larger than skills.limits allow: OpenClaw does not see all of it")

    def _result(self, found: list[_Found], used: dict[str, Folder]) -> SkillsCheck:
        return SkillsCheck(tuple(self._record(item, used) for item in found), tuple(self.notes))

    def _record(self, item: _Found, used: dict[str, Folder]) -> SkillRecord:
        skill, file = item.skill, item.skill.file
        verdict = Eligibility(eligible=False, missing=Missing())
        warnings = [*item.warnings, *_uncertainty(file)]
        if file.valid:
            verdict = self.facts.eligibility(file, skill.folder.path, skill.source)
            warnings += _advice(skill, verdict)
            winner = used.get(file.name or "")
            if winner is not None and winner.path != skill.folder.path and not item.warnings:
                warnings.append(f"shadowed: for this name OpenClaw uses {_file(winner)}")
        return SkillRecord(
            path=_file(skill.folder),
            name=file.name,
            description=file.description,
            valid=file.valid,
            error=file.error,
            eligible=verdict.eligible,
            missing=verdict.missing,
            warnings=tuple(warnings),
        )


def _uncertainty(file: SkillFile) -> Iterator[str]:
    if file.uncertain:
        doubts = ", ".join(file.uncertain.doubts)
        yield f"{PARSE_UNCERTAIN}: OpenClaw may read the frontmatter differently ({doubts})"


def _advice(skill: LoadedSkill, verdict: Eligibility) -> Iterator[str]:
    name = skill.file.name
    if name != skill.folder.name:
        yield f"the name {name!r} differs from the folder's, {skill.folder.name!r}"
    if verdict.turned_off:
        yield f"turned off by {verdict.turned_off} in the config"
    yield from dialect_warnings(skill.file.fields, skill.folder.name)


def _file(folder: Folder) -> Path:
    return Path(folder.path, SKILL_FILE_NAME)

"""Which skill folders OpenClaw finds below a root, by its depth, limits and rules for links, and which not.

Source of the rules: `src/skills/loading/skill-root-discovery.ts` of OpenClaw 2026.9.6.
"""

# A check looks at thousands of folders, and paths as plain strings are ten times as fast as Path objects.
# ruff: noqa: PTH114, PTH118, PTH120

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from openclaw_install.host.hooks.agents import section
from openclaw_install.host.skills.file import MAX_SKILL_BYTES, SKILL_FILE_NAME, inside, resolve
from openclaw_install.host.skills.folders import Folder

MAX_DEPTH = 6
MAX_DEPTH_EXTRA = 2
_MAX_FOLDERS = 200_000
_SKIPPED = ".git"  # holds thousands of folders, and no file that anybody checked in
_MIN_ENTRIES_SCANNED = 1_000
_MAX_ENTRIES_SCANNED = 10_000
# In these roots a link to a folder elsewhere is followed; in all others it must stay inside the root.
_OPEN_SOURCES = frozenset({"openclaw-managed", "agents-skills-personal"})
# In these roots `skills.load.allowSymlinkTargets` can let a link out.
_CONFIGURABLE_SOURCES = frozenset({"openclaw-workspace", "openclaw-extra", "agents-skills-project"})


@dataclass(frozen=True)
class Limits:
    """The numbers of `skills.limits`."""

    candidates: int = 300
    skills: int = 200
    file_bytes: int = MAX_SKILL_BYTES

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Limits:
        """The limits that the config sets; OpenClaw's own where it says nothing."""
        values = section(config, "skills", "limits")

        def read(name: str, default: int) -> int:
            value = values.get(name)
            return max(0, int(value)) if isinstance(value, int | float) else default

        return cls(
            read("maxCandidatesPerRoot", cls.candidates),
            read("maxSkillsLoadedPerSource", cls.skills),
            read("maxSkillFileBytes", cls.file_bytes),
        )


@dataclass(frozen=True)
class Candidate:
    """A folder that OpenClaw will try to load; `name` is its path below the root."""

    folder: Folder
    name: str


@dataclass(frozen=True)
class Escape:
    """A path that a link leads out of the root (`target`), or nowhere (None)."""

    path: str
    target: str | None


@dataclass
class Discovery:
    """What was found below one root, in OpenClaw's order.

    Attributes:
        candidates: the folders to load.
        root_is_skill: the root itself is the one skill, so no number limits apply.
        own: the root's own skill where a nested `skills` folder was entered; if it loads, it is the only one.
        escapes: what was left out because of where a link leads.
        base: the folder whose children were read: the root or the `skills` folder in it.
        truncated: whether a number limit cut the search.
    """

    base: Folder
    candidates: list[Candidate] = field(default_factory=list)
    root_is_skill: bool = False
    own: Candidate | None = None
    escapes: list[Escape] = field(default_factory=list)
    truncated: bool = False


def discover(root: Folder, source: str, limits: Limits, allowed_targets: tuple[str, ...] = ()) -> Discovery:
    """Finds the skill folders of `root`.

    Args:
        root: the root folder.
        source: OpenClaw's name for the kind of root; it decides about links and depth.
        limits: the number limits.
        allowed_targets: resolved folders that links may lead to, where the source allows any.
    """
    return _Search(root, source, limits, allowed_targets).run()


class _Search:
    def __init__(self, root: Folder, source: str, limits: Limits, allowed: tuple[str, ...]) -> None:
        self.root = root
        self.source = source
        self.limits = limits
        self.allowed = allowed if source in _CONFIGURABLE_SOURCES else ()
        self.contained = source not in _OPEN_SOURCES
        self.container_only = source == "openclaw-workshop"  # the root is never a skill itself
        base = root if self.container_only else _nested_root(root, limits.candidates)
        self.found = Discovery(base)
        self.budget = _Budget(limits.candidates)

    def run(self) -> Discovery:
        found, base = self.found, self.found.base
        if not self._may_enter(base, self.root.real):
            return found
        if not self.container_only and base.has_skill:
            found.root_is_skill = True
            if self._file_stays_inside(base):
                found.candidates.append(Candidate(base, base.name))
            return found
        if self.limits.skills > 0:
            self._descend()
        has_own = not self.container_only and base is not self.root and self.root.has_skill
        if has_own and self._file_stays_inside(self.root):
            found.own = Candidate(self.root, self.root.name)
        found.candidates.sort(key=lambda candidate: locale_key(candidate.name))
        return found

    def _descend(self) -> None:
        base, limit = self.found.base, self.limits.candidates
        children = self.budget.children(base)
        chosen = children[:limit]
        chosen += [child for child in children[limit:] if child.name == "skills"]
        queue = [
            (child, child.name, 0 if child.name == "skills" and not child.has_skill else 1)
            for child in chosen
        ]
        for folder, name, depth in queue:
            if not self._may_enter(folder, base.real):
                continue
            if folder.has_skill:
                if self._file_stays_inside(folder):
                    self.found.candidates.append(Candidate(folder, name))
            elif depth < self._max_depth(folder):
                children = self.budget.children(folder)
                queue.extend((child, f"{name}/{child.name}", depth + 1) for child in children[:limit])
        self.found.truncated = self.budget.truncated

    def _max_depth(self, folder: Folder) -> int:
        base = self.found.base
        nested = os.path.join(base.path, "skills")
        below_skills = base.name == "skills" or inside(nested, folder.path)
        return MAX_DEPTH if self.source != "openclaw-extra" or below_skills else MAX_DEPTH_EXTRA

    def _may_enter(self, folder: Folder, root: str) -> bool:
        if not self.contained or inside(root, folder.real):
            return True
        if any(inside(target, folder.real) for target in self.allowed):
            return True
        self.found.escapes.append(Escape(folder.path, folder.real))
        return False

    def _file_stays_inside(self, folder: Folder) -> bool:
        """Whether the folder's SKILL.md does not lead out of it; one that leads nowhere fails on loading."""
        path = os.path.join(folder.path, SKILL_FILE_NAME)
        if not os.path.islink(path):
            return True
        real = resolve(path)
        if real is None or inside(folder.real, real):
            return True
        self.found.escapes.append(Escape(path, real))
        return False


class _Budget:
    """How much of the disk one search may still look at."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.per_folder = min(_MAX_ENTRIES_SCANNED, max(_MIN_ENTRIES_SCANNED, limit * 10)) if limit > 0 else 0
        self.folders_left = limit * MAX_DEPTH
        self.entries_left = self.per_folder * (limit + 1)
        self.truncated = False

    def children(self, folder: Folder, *, links: bool = True) -> list[Folder]:
        """The folders in `folder`, as far as the budget goes."""
        if self.folders_left <= 0 or self.entries_left <= 0:
            self.truncated = True
            return []
        self.folders_left -= 1
        allowed = min(self.per_folder, self.entries_left)
        self.entries_left = max(0, self.entries_left - min(folder.size, allowed))
        children = [child for child in folder.folders if links or not os.path.islink(child.path)]
        if folder.size > allowed or len(children) > self.limit:
            self.truncated = True
        return children


def _nested_root(root: Folder, limit: int) -> Folder:
    """The `skills` folder in `root` where it is what holds the skills, else `root`."""
    nested = next((child for child in root.folders if child.name == "skills"), None)
    if nested is None:
        return root
    if not root.has_skill and _holds_skill(root, limit):
        return root
    budget = _Budget(limit)
    queue = [(nested, 0)]
    for folder, depth in queue:
        if folder.has_skill:
            return nested
        if depth < MAX_DEPTH:
            queue.extend((child, depth + 1) for child in budget.children(folder, links=False)[:limit])
    return root


def _holds_skill(root: Folder, limit: int) -> bool:
    """Whether there is a skill, or a link that may lead to one, outside the root's `skills` folder."""
    budget = _Budget(limit)
    queue = [(root, 0)]
    for folder, depth in queue:
        if depth > 0 and folder.has_skill:
            return True
        if depth >= MAX_DEPTH:
            continue
        skipped = "skills" if depth == 0 else ""
        if limit > 0 and any(
            entry.is_link and entry.name != skipped and _is_looked_at(entry.name) for entry in folder.entries
        ):
            return True
        children = budget.children(folder, links=False)[:limit]
        queue.extend((child, depth + 1) for child in children if child.name != skipped)
    return False


def _is_looked_at(name: str) -> bool:
    return not name.startswith(".") and name != "node_modules"


_ORDER = {char: rank for rank, char in enumerate(" _-\u2013\u2014,;:!?.·'\"()[]{}@*/\\&#%`^+<=>|~")}
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "\u0131": "i"})


def locale_key(name: str) -> tuple[list[tuple[int, int]], str, list[bool]]:
    """A sort key that orders names as `localeCompare` does: punctuation, symbols, digits, letters.

    It agrees for ASCII names. Beyond them it goes by the letters without accents, then by code point, and
    may differ for names that are equal but for accents or width, as ICU's tables are not at hand.
    """
    spread = unicodedata.normalize("NFKD", name.translate(_LETTERS))
    plain = [char for char in spread if unicodedata.category(char) not in ("Mn", "Cf")]
    return [_rank(char) for char in plain], name.lower(), [char.isupper() for char in plain]


def _rank(char: str) -> tuple[int, int]:
    if char in _ORDER:
        return 0, _ORDER[char]
    if char.isdecimal():
        return 3, unicodedata.decimal(char)
    if char.isalnum():
        return 4, ord(char.lower()[0])
    return (2 if unicodedata.category(char) == "Sc" else 1), ord(char)  # currency signs come last


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


def misspelled(root: Folder) -> Iterator[str]:
    """What is called SKILL.md below `root` but for upper and lower case, and is passed over by OpenClaw.

    Hidden folders, `node_modules` and links are left out; at most 200,000 folders are looked at.
    """
    pending = [root]
    for folder in pending:
        if folder.misspelled:
            yield os.path.join(folder.path, folder.misspelled)
        if len(pending) < _MAX_FOLDERS:
            pending += [
                child
                for entry in folder.entries
                if not entry.is_link and _is_looked_at(entry.name)
                if (child := folder.child(entry)) is not None
            ]


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

"""What `skills check` and `skills list` answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from openclaw_install.host.skills.requirements import Missing


@dataclass(frozen=True)
class SkillRecord:
    """What `skills check` says about one SKILL.md.

    Attributes:
        path: the file.
        name: the skill's name; null where OpenClaw refuses the file before it knows one.
        description: its description, or null.
        valid: whether OpenClaw's loader takes the file.
        error: why not; null for a valid skill.
        eligible: whether OpenClaw would use the skill on this host; never true of an invalid one.
        missing: what the host lacks, as `openclaw skills list --json` says it.
        warnings: things worth knowing that do not make it invalid.
    """

    path: Path
    name: str | None
    description: str | None
    valid: bool
    error: str | None
    eligible: bool
    missing: Missing
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SkillsCheck:
    """The result of `skills check`.

    Attributes:
        skills: one record for each SKILL.md that was found.
        notes: what there is to say about whole folders.
    """

    skills: tuple[SkillRecord, ...]
    notes: tuple[str, ...] = ()

    @property
    def any_invalid(self) -> bool:
        """Whether OpenClaw would refuse any of them; the command then ends with exit code 1."""
        return any(not skill.valid for skill in self.skills)


@dataclass(frozen=True)
class ListedSkill:
    """One skill of a root.

    Attributes:
        path: its SKILL.md.
        name: the skill's name; null where OpenClaw refuses the file before it knows one.
        valid: whether OpenClaw's loader takes the file.
        eligible: whether OpenClaw would use the skill on this host.
        wins: whether OpenClaw uses this one for its name.
        winner: the SKILL.md that OpenClaw uses for the name; null if this one is refused.
        warnings: `skill.parse_uncertain`: where OpenClaw may read the file differently.
    """

    path: Path
    name: str | None
    valid: bool
    eligible: bool
    wins: bool
    winner: Path | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ListedRoot:
    """One root of the host.

    Attributes:
        path: the folder.
        source: OpenClaw's label for skills of this root, such as `openclaw-workspace`.
        exists: whether it is there.
        skills: what OpenClaw finds in it.
    """

    path: Path
    source: str
    exists: bool
    skills: tuple[ListedSkill, ...] = ()


@dataclass(frozen=True)
class SkillsList:
    """The result of `skills list`.

    Attributes:
        roots: the host's skill roots, highest precedence first.
    """

    roots: tuple[ListedRoot, ...]

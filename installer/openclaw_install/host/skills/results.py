"""What `skills check` and `skills list` say: frozen results with the JSON that the schemas describe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openclaw_install.host.javascript import well_formed
from openclaw_install.host.skills.requirements import Missing


@dataclass(frozen=True)
class SkillRecord:
    """What `skills check` says about one SKILL.md.

    Attributes:
        path: the file.
        name: the skill's name, or None where OpenClaw does not get as far.
        description: its description, or None.
        valid: whether OpenClaw loads it.
        error: why not, or None.
        eligible: whether OpenClaw would use it on this host.
        missing: what it lacks here.
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

    def to_json(self) -> dict[str, Any]:
        """The object of the JSON contract (`schemas/skills-check.schema.json`)."""
        return {
            "path": _text(str(self.path)),
            "name": _text(self.name),
            "description": _text(self.description),
            "valid": self.valid,
            "error": _text(self.error),
            "eligible": self.eligible,
            "missing": {
                kind: [_text(name) for name in names] for kind, names in self.missing.to_json().items()
            },
            "warnings": [_text(warning) for warning in self.warnings],
        }


@dataclass(frozen=True)
class SkillsCheck:
    """The result of `skills check`; `notes` are about whole folders."""

    skills: tuple[SkillRecord, ...]
    notes: tuple[str, ...] = ()

    @property
    def any_invalid(self) -> bool:
        """Whether OpenClaw would refuse any of them; the command then ends with exit code 1."""
        return any(not skill.valid for skill in self.skills)

    def to_json(self) -> dict[str, Any]:
        """The `result` of the JSON contract."""
        return {
            "skills": [skill.to_json() for skill in self.skills],
            "notes": [_text(note) for note in self.notes],
        }


@dataclass(frozen=True)
class ListedSkill:
    """One skill of a root.

    `winner` is the file that OpenClaw uses for its name, None if it is refused; `warnings` say where OpenClaw
    may read the file differently.
    """

    path: Path
    name: str | None
    valid: bool
    eligible: bool
    winner: Path | None
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object of the JSON contract (`schemas/skills-list.schema.json`)."""
        return {
            "path": _text(str(self.path)),
            "name": _text(self.name),
            "valid": self.valid,
            "eligible": self.eligible,
            "wins": self.winner == self.path,
            "winner": _text(str(self.winner)) if self.winner else None,
            "warnings": [_text(warning) for warning in self.warnings],
        }


@dataclass(frozen=True)
class ListedRoot:
    """One root of the host; `source` is OpenClaw's label for it."""

    path: Path
    source: str
    exists: bool
    skills: tuple[ListedSkill, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object of the JSON contract."""
        return {
            "path": _text(str(self.path)),
            "source": self.source,
            "exists": self.exists,
            "skills": [skill.to_json() for skill in self.skills],
        }


@dataclass(frozen=True)
class SkillsList:
    """The result of `skills list`: the host's roots, highest precedence first."""

    roots: tuple[ListedRoot, ...]

    def to_json(self) -> dict[str, Any]:
        """The `result` of the JSON contract."""
        return {"roots": [root.to_json() for root in self.roots]}


def _text(value: str | None) -> str | None:
    """Text that can be written as UTF-8, whatever a file or a file name held."""
    return None if value is None else well_formed(value)

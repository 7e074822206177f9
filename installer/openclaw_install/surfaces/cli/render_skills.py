"""Turns what `skills check` and `skills list` found into lines for a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from openclaw_install.common.shown_text import neutral as plain
from openclaw_install.host.skills.results import ListedRoot, SkillRecord, SkillsCheck, SkillsList

_DESCRIPTION_LENGTH = 100


def check_lines(found: SkillsCheck, *, verbose: bool) -> list[str]:
    """One block for each SKILL.md, then the notes and the count; descriptions in full with `verbose`."""
    lines = [line for skill in found.skills for line in _record_lines(skill, verbose=verbose)]
    lines += [f"note: {note}" for note in found.notes]
    invalid = sum(not skill.valid for skill in found.skills)
    skills = "1 skill" if len(found.skills) == 1 else f"{len(found.skills)} skills"
    lines.append(f"{skills}, {invalid} of them invalid")
    return [plain(line) for line in lines]


def _record_lines(skill: SkillRecord, *, verbose: bool) -> Iterator[str]:
    if not skill.valid:
        yield f"INVALID  {skill.path}: {skill.error}"
        yield from (f"         warning: {warning}" for warning in skill.warnings)
        return
    description = " ".join((skill.description or "").split())
    if len(description) > _DESCRIPTION_LENGTH and not verbose:
        description = description[: _DESCRIPTION_LENGTH - 1] + "…"
    yield f"valid    {skill.path}"
    yield f"         {skill.name}: {description}"
    missing = [f"{kind} {', '.join(names)}" for kind, names in asdict(skill.missing).items() if names]
    yield f"         {'eligible' if skill.eligible else 'not eligible'}{_list(missing)}"
    for warning in skill.warnings:
        yield f"         warning: {warning}"


def list_lines(found: SkillsList) -> list[str]:
    """Each root with its skills; what is shadowed names its winner."""
    return [plain(line) for root in found.roots for line in _root_lines(root)]


def _root_lines(root: ListedRoot) -> Iterator[str]:
    yield f"{root.source}  {root.path}{'' if root.exists else '  (not there)'}"
    for skill in root.skills:
        if not skill.valid:
            yield f"    invalid   {skill.path}"
        elif not skill.wins:
            yield f"    shadowed  {skill.name}: {skill.winner} wins"
        else:
            yield f"    {'eligible' if skill.eligible else 'waiting '}  {skill.name}"
        yield from (f"              warning: {warning}" for warning in skill.warnings)


def _list(items: list[str]) -> str:
    return f"; missing: {'; '.join(items)}" if items else ""

"""The texts about skills of a host: each judged, and each root with who wins. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from openclaw_install.common.shown_text import neutral
from openclaw_install.host.skills.results import ListedRoot, SkillRecord, SkillsCheck, SkillsList
from openclaw_install.surfaces.views import view
from openclaw_install.surfaces.views.text import Text

_DESCRIPTION_LENGTH = 100


@view.register
def skills_check(found: SkillsCheck, *, verbose: bool = False) -> Text:
    """One block for each SKILL.md, then the notes and the count; descriptions in full with `verbose`."""
    rows = [line for skill in found.skills for line in _record_lines(skill, verbose=verbose)]
    rows += [f"note: {note}" for note in found.notes]
    invalid = sum(not skill.valid for skill in found.skills)
    skills = "1 skill" if len(found.skills) == 1 else f"{len(found.skills)} skills"
    return Text(rows=[*map(neutral, rows)], tail=[f"{skills}, {invalid} of them invalid"])


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
    lacks = f"; missing: {'; '.join(missing)}" if missing else ""
    yield f"         {'eligible' if skill.eligible else 'not eligible'}{lacks}"
    for warning in skill.warnings:
        yield f"         warning: {warning}"


@view.register
def skills_list(found: SkillsList) -> Text:
    """Each root with its skills; what is shadowed names its winner."""
    return Text(rows=[neutral(line) for root in found.roots for line in _root_lines(root)])


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

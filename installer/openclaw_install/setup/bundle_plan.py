"""Which files of the shipped bundles a run writes, and which it leaves because the user changed them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.common.files import safe_join, sha256
from openclaw_install.host.bundles import (
    SKILL_FILE,
    Bundle,
    BundleState,
    FileVerdict,
    compare,
    installed_hashes,
    installed_state,
)
from openclaw_install.setup.changes import Change, DiskFiles, Files
from openclaw_install.setup.receipts import Receipt
from openclaw_install.setup.undo import Kept, compose

_FILE_MODE = 0o600


@dataclass(frozen=True)
class BundleSurvey:
    """How one bundle stands on the host.

    Attributes:
        bundle: the shipped bundle.
        folder: where it is, or would be, installed.
        state: what is there.
        verdicts: file by file.
    """

    bundle: Bundle
    folder: Path
    state: BundleState
    verdicts: Mapping[str, FileVerdict]


def survey_bundles(
    bundles: Iterable[Bundle], skills_root: Path, receipts: Sequence[Receipt]
) -> tuple[BundleSurvey, ...]:
    """Compares what is installed below `skills_root` with what ships and with what we last wrote there.

    Raises:
        FileError: a file of an installed bundle cannot be read.
    """
    written = [change for change in compose(receipts) if change.kind == "bundle" and change.after is not None]
    found = []
    for bundle in bundles:
        folder = skills_root / bundle.name
        ours = _written_below(folder, written)
        state = installed_state(bundle, folder, ours)
        verdicts = compare(bundle.hashes(), installed_hashes(folder) or {}, ours)
        found.append(BundleSurvey(bundle, folder, state, verdicts))
    return tuple(found)


def plan_bundles(
    surveys: Iterable[BundleSurvey], *, overwrite_edited: bool, files: Files | None = None
) -> tuple[tuple[Change, ...], tuple[Kept, ...]]:
    """The changes that bring every bundle to its shipped state, and the edited files that stay.

    `SKILL.md` comes last in each bundle: without it OpenClaw sees no skill, so it never sees half of one.

    Raises:
        FileError: the bundle's folder leads out of the skills folder by a link.
    """
    disk = files or DiskFiles()
    changes: list[Change] = []
    kept: list[Kept] = []
    for survey in surveys:
        shipped = {file.relative: file for file in survey.bundle.files()}
        whole_is_link = survey.folder.is_symlink()
        for name in sorted(survey.verdicts, key=lambda name: (name == SKILL_FILE, name)):
            verdict = survey.verdicts[name]
            if whole_is_link and verdict in {"missing", "outdated", "retired"}:
                continue
            edited = verdict == "user-edited"
            if edited and not (overwrite_edited and name in shipped):
                kept.append(Kept(str(survey.folder / name), "you changed it; --overwrite-edited replaces it"))
            elif edited or verdict in {"missing", "outdated", "retired"}:
                changes.append(_change(survey, name, shipped[name].data if name in shipped else None, disk))
        if whole_is_link:
            kept.append(Kept(str(survey.folder), "it is a symbolic link; what it leads to is yours"))
    return tuple(changes), tuple(kept)


def _change(survey: BundleSurvey, name: str, data: bytes | None, disk: Files) -> Change:
    path = safe_join(survey.folder.parent, f"{survey.folder.name}/{name}")
    present = disk.look(path)
    return Change(
        "bundle",
        path,
        f"bundle {survey.bundle.name}: {name}",
        before=present.content,
        after=data,
        before_mode=present.mode,
        after_mode=present.mode if present.mode is not None else _FILE_MODE,
        bundle=survey.bundle.name,
    )


def _written_below(folder: Path, written: Iterable[Change]) -> dict[str, str]:
    """Hashes of what we last wrote below `folder`, by relative name."""
    return {
        change.path.relative_to(folder).as_posix(): sha256(change.after or b"")
        for change in written
        if change.path.is_relative_to(folder)
    }

"""Which files of the shipped bundles a run writes, and which it leaves because the user changed them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.common.files import file_error, sha256
from openclaw_install.host.bundles import (
    SKILL_FILE,
    Bundle,
    BundleState,
    FileVerdict,
    compare,
    installed_hashes,
    installed_state,
)
from openclaw_install.setup.changes import Change, Files, Kept, real_path
from openclaw_install.setup.disk_files import LINKED, DiskFiles, first_link
from openclaw_install.setup.receipt import Receipt

_FILE_MODE = 0o600
_YOURS = "you changed it; --overwrite-edited replaces it"


@dataclass(frozen=True)
class BundleSurvey:
    """How one bundle stands on the host.

    Attributes:
        bundle: the shipped bundle.
        folder: where it is, or would be, installed; links above it are resolved.
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
    root = real_path(skills_root)
    written = _last_written(receipts)
    return tuple(_survey(bundle, root / bundle.name, written) for bundle in bundles)


def plan_bundles(
    surveys: Iterable[BundleSurvey], *, overwrite_edited: bool, files: Files | None = None
) -> tuple[tuple[Change, ...], tuple[Kept, ...]]:
    """The changes that bring every bundle to its shipped state, and what stays as the user made it.

    `SKILL.md` comes last in each bundle: without it OpenClaw sees no skill, so it never sees half of one.
    Nothing is ever written through a link below the skills folder, or in the place of a folder.

    Raises:
        FileError: a file cannot be looked at.
    """
    disk = files or DiskFiles()
    changes: list[Change] = []
    kept: dict[Path, str] = {}
    for survey in surveys:
        shipped = {file.relative: file.data for file in survey.bundle.files()}
        for name in sorted(survey.verdicts, key=lambda name: (name == SKILL_FILE, name)):
            verdict = survey.verdicts[name]
            if verdict in {"identical", "foreign"}:
                continue
            path = survey.folder / name
            if found := _obstacle(survey.folder, path):
                kept[found[0]] = found[1]
            elif verdict == "user-edited" and not (overwrite_edited and name in shipped):
                kept[path] = _YOURS if name in shipped else "you changed it"
            else:
                changes.append(_change(survey.bundle.name, name, path, shipped.get(name), disk))
    return tuple(changes), tuple(Kept(str(path), reason) for path, reason in kept.items())


def _survey(bundle: Bundle, folder: Path, written: Mapping[Path, str]) -> BundleSurvey:
    ours = {
        path.relative_to(folder).as_posix(): digest
        for path, digest in written.items()
        if path.is_relative_to(folder)
    }
    if os.path.lexists(folder) and not os.path.isdir(folder):  # noqa: PTH112 - it raises no PermissionError
        # Something of the user's stands where the folder belongs: nothing of ours is there.
        return BundleSurvey(bundle, folder, "edited", dict.fromkeys(bundle.hashes(), "user-edited"))
    verdicts = compare(bundle.hashes(), installed_hashes(folder) or {}, ours)
    return BundleSurvey(bundle, folder, installed_state(bundle, folder, ours), verdicts)


def _last_written(receipts: Sequence[Receipt]) -> Mapping[Path, str]:
    """The hash of what our standing runs last wrote, by path."""
    return {
        change.path: sha256(change.after)
        for receipt in receipts
        for change in receipt.changes
        if change.kind == "bundle" and change.after is not None
    }


def _obstacle(folder: Path, path: Path) -> tuple[Path, str] | None:
    """What stands between the skills folder and a file of a bundle and is not ours to replace."""
    below = path.relative_to(folder)
    chain = [folder, *(folder / parent for parent in reversed(below.parents) if parent.parts), path]
    if link := first_link(chain):
        return link, LINKED
    for place in chain:
        try:
            mode = place.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise file_error(error, place, "look at") from error
        if place == path and not stat.S_ISREG(mode):
            return place, "it is no file; move it away to have the shipped file there"
        if place != path and not stat.S_ISDIR(mode):
            return place, "it is no folder; move it away to have the shipped folder there"
    return None


def _change(bundle: str, name: str, path: Path, data: bytes | None, disk: Files) -> Change:
    present = disk.look(path)
    return Change(
        "bundle",
        path,
        f"bundle {bundle}: {name}",
        before=present.content,
        after=data,
        before_mode=present.mode,
        after_mode=_FILE_MODE if present.mode is None else None,
        bundle=bundle,
    )

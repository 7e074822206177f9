"""Decides what missing skills mean: somebody deleted them, or a disk is missing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from openclaw_install.sync.watch.index import View

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

"""When files were last changed, by their own timestamps."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from pathlib import Path

# An event comes at most so long after its change, in seconds.
_EVENT_SECONDS = 0.5


def older_than(paths: Sequence[str], wall: float) -> str:
    """One of the files that were last changed before a point in time; empty if there is none."""
    for path in paths:
        with contextlib.suppress(OSError):
            if Path(path).stat().st_ctime < wall:
                return path
    return ""


def ages(files: Collection[str], wall: float) -> dict[str, float]:
    """How long ago each file was changed, in seconds; 0 where that cannot be known."""
    found = {}
    for file in files:
        try:
            found[file] = max(0.0, wall - Path(file).stat().st_ctime)
        except OSError:
            found[file] = 0.0
    return found


def saved_at(heard_at: float | None, changed_at: float) -> float | None:
    """When a file was saved: as the file itself says, if that fits what the events say."""
    if heard_at is None:
        return None
    return changed_at if 0.0 <= heard_at - changed_at <= _EVENT_SECONDS else heard_at

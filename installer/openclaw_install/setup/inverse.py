"""Takes a config edit back and keeps what the user changed since (pure): a three-way merge by key path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from openclaw_install.host.config_edit import Edit, Remove, SetValue
from openclaw_install.host.config_paths import KeyPath, dotted


class _Absent:
    """Marks a key that is not there (None is a value)."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


@dataclass(frozen=True)
class Inverse:
    """How to take an edit back.

    Attributes:
        edits: what to do to the current document.
        conflicts: dotted key paths that we changed and the user changed again since.
    """

    edits: tuple[Edit, ...]
    conflicts: tuple[str, ...]


def inverse_of(
    before: Mapping[str, Any], after: Mapping[str, Any], current: Mapping[str, Any], paths: Sequence[KeyPath]
) -> Inverse:
    """Computes the edits that bring every path from our `after` back to `before` in the `current` document.

    A list that we extended loses our elements and keeps the user's. An object that we had to create for a key
    goes too when nothing else is in it.

    Args:
        before: the document before our edit.
        after: the document that our edit made.
        current: the document as it is now.
        paths: the key paths that our edit set or removed.
    """
    edits: dict[KeyPath, Edit] = {}
    conflicts: list[str] = []
    # The last edit of a path decides; an index into a list means the list itself.
    for path in dict.fromkeys(_without_index(path) for path in paths):
        was, ours, now = (value_at(document, path) for document in (before, after, current))
        target = _merge(was, ours, now)
        if target is ABSENT and now is not ABSENT:
            top = _created_ancestor(before, after, current, path)
            edits[top] = Remove(top)
        elif target is _CONFLICT:
            conflicts.append(dotted(path))
        elif target is not ABSENT and not _same(target, now):
            edits[path] = SetValue(path, target)
    covered = {path for path, edit in edits.items() if isinstance(edit, Remove)}
    kept = (edit for path, edit in edits.items() if not any(path[:n] in covered for n in range(1, len(path))))
    return Inverse(tuple(kept), tuple(conflicts))


_CONFLICT: Final = object()


def _merge(was: Any, ours: Any, now: Any) -> Any:
    if _same(now, ours):
        return was
    if _same(now, was):
        return now
    if all(isinstance(value, list) for value in (ours, now)) and (was is ABSENT or isinstance(was, list)):
        old: list[Any] = was if isinstance(was, list) else []
        added = [item for item in ours if item not in old]
        kept = [item for item in now if item not in added]
        restored = [item for item in old if item not in ours and item not in kept]
        merged = kept + restored
        return merged or (ABSENT if was is ABSENT else was)
    return _CONFLICT


def _same(left: Any, right: Any) -> bool:
    # 1 == True in Python, not in a config document.
    return type(left) is type(right) and bool(left == right)


def value_at(document: Any, path: KeyPath) -> Any:
    """The value at `path`, or ABSENT."""
    for key in path:
        if isinstance(document, Mapping) and isinstance(key, str) and key in document:
            document = document[key]
        else:
            return ABSENT
    return document


def _without_index(path: KeyPath) -> KeyPath:
    for place, key in enumerate(path):
        if isinstance(key, int):
            return path[:place]
    return path


def _created_ancestor(before: Any, after: Any, current: Any, path: KeyPath) -> KeyPath:
    """The outermost object that our edit created and that holds nothing but what it created."""
    for length in range(1, len(path)):
        ancestor = path[:length]
        if value_at(before, ancestor) is not ABSENT:
            continue
        if _same(value_at(current, ancestor), value_at(after, ancestor)):
            return ancestor
    return path

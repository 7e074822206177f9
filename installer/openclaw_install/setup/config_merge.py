"""Takes one run's edit out of a config that was changed since, by span. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from openclaw_install.common.errors import ConfigError
from openclaw_install.host.config.document import config_text, parse_bytes
from openclaw_install.host.config.edit import Edit, Remove, SetValue, apply_edits, same
from openclaw_install.host.config.json5_tree import Node, parse_tree
from openclaw_install.host.config.paths import KeyPath, dotted
from openclaw_install.setup.changes import Change


@dataclass(frozen=True)
class Merged:
    """A config without one run's edit.

    Attributes:
        data: its bytes; those that came in where there was nothing to take back.
        conflicts: key paths that the run set and somebody set again since; they stay as they are.
    """

    data: bytes
    conflicts: tuple[KeyPath, ...]


def without_edit(change: Change, current: bytes) -> Merged:
    """`current` with the edit of `change` taken back, and everything else to the letter.

    Args:
        change: of kind `config`, with both images.
        current: the config's bytes now, which are neither of them.

    Raises:
        ConfigError: `current` is no JSON5 object in UTF-8; the message says where.
    """
    now = _object(change, current)
    inverse = inverse_of(_object(change, change.before), _object(change, change.after), now, change.key_paths)
    if not inverse.edits:
        return Merged(current, inverse.conflicts)
    text = apply_edits(config_text(change.path, current), inverse.edits)
    text = _without_blank(text, inverse.emptied)
    return Merged(text.encode("utf-8"), inverse.conflicts)


def still_holds(change: Change, current: bytes, paths: Sequence[KeyPath]) -> bool:
    """Whether `current` holds at one of `paths` what the edit of `change` put there; unreadable, it may."""
    try:
        return stands(_object(change, change.after), _object(change, current), paths)
    except ConfigError:
        return True


def _object(change: Change, data: bytes | None) -> Mapping[str, Any]:
    document = {} if data is None else parse_bytes(change.path, data)
    return document if isinstance(document, Mapping) else {}


def _without_blank(text: str, places: Sequence[KeyPath]) -> str:
    """Removes the objects at `places`, deepest first, where not even a comment stands in them."""
    for place in places:
        node = _node_at(parse_tree(text), place)
        if not text[node.start + 1 : node.end - 1].strip():
            text = apply_edits(text, [Remove(place)])
    return text


def _node_at(node: Node, path: KeyPath) -> Node:
    for part in path:
        # Of keys that are there twice the last one counts.
        node = next(child.node for child in reversed(node.children) if child.name == part)
    return node


class _Absent:
    """Marks a key that is not there (None is a value)."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
_CONFLICT: Final = object()


@dataclass(frozen=True)
class Inverse:
    """How to take an edit back.

    Attributes:
        edits: what to do to the current document.
        emptied: objects that our edit had to create and that hold nothing after `edits`, deepest first. They
            go too, unless a comment of the user's stands in them.
        conflicts: key paths that we changed and the user changed again since.
    """

    edits: tuple[Edit, ...] = ()
    emptied: tuple[KeyPath, ...] = ()
    conflicts: tuple[KeyPath, ...] = ()


def inverse_of(
    before: Mapping[str, Any], after: Mapping[str, Any], current: Mapping[str, Any], paths: Sequence[KeyPath]
) -> Inverse:
    """Computes the edits that bring every path from our `after` back to `before` in the `current` document.

    A list that we extended loses our elements and keeps the user's.

    Args:
        before: the document before our edit.
        after: the document that our edit made.
        current: the document as it is now.
        paths: the key paths that our edit set or removed.
    """
    edits: list[Edit] = []
    conflicts: list[KeyPath] = []
    # The outermost of nested paths stands for all; an index into a list means the list itself.
    for path in outermost(paths):
        was, ours, now = (value_at(document, path) for document in (before, after, current))
        target = _merge(was, ours, now)
        if target is _CONFLICT:
            conflicts.append(path)
        elif target is ABSENT:
            edits += [] if now is ABSENT else [Remove(path)]
        elif now is ABSENT or not same(target, now):
            # A parent that is no object any more takes nothing back.
            edits += [SetValue(path, target)] if parents_allow(current, path) else []
            conflicts += [] if parents_allow(current, path) else [path]
    return Inverse(tuple(edits), _emptied(before, current, edits), tuple(conflicts))


def outermost(paths: Sequence[KeyPath]) -> tuple[KeyPath, ...]:
    """The paths without list indexes, each once, and none that lies below another."""
    bare = dict.fromkeys(_without_index(path) for path in paths)
    return tuple(path for path in bare if not any(path[:length] in bare for length in range(len(path))))


def related(left: KeyPath, right: KeyPath) -> bool:
    """Whether one path is the other or lies below it."""
    shorter = min(len(left), len(right))
    return left[:shorter] == right[:shorter]


def value_at(document: Any, path: KeyPath) -> Any:
    """The value at `path`, or ABSENT."""
    for key in path:
        if isinstance(document, Mapping) and key in document:
            document = document[key]
        else:
            return ABSENT
    return document


def parents_allow(document: Any, path: KeyPath) -> bool:
    """Whether every parent of `path` is an object or missing."""
    parents = (value_at(document, path[:length]) for length in range(len(path)))
    return all(parent is ABSENT or isinstance(parent, Mapping) for parent in parents)


def stands(ours: Any, now: Any, paths: Sequence[KeyPath]) -> bool:
    """Whether one of `paths` still holds in the document `now` what it holds in `ours`."""
    return any(_equal(value_at(ours, path), value_at(now, path)) for path in paths)


def _merge(was: Any, ours: Any, now: Any) -> Any:
    if _equal(now, ours):
        return was
    if _equal(now, was):
        return now
    if isinstance(ours, list) and isinstance(now, list) and (was is ABSENT or isinstance(was, list)):
        return _merge_lists(was, ours, now)
    return _CONFLICT


def _merge_lists(was: Any, ours: list[Any], now: list[Any]) -> Any:
    old: list[Any] = [] if was is ABSENT else was
    added = [item for item in ours if not _among(item, old)]
    kept = [item for item in now if not _among(item, added)]
    lost = [item for item in old if not _among(item, ours) and not _among(item, kept)]
    if len(kept) == len(now) and not lost:
        return now
    if kept or lost:
        return kept + lost
    # An empty list can mean the opposite of what was there: "nothing restricts", "nobody may".
    return ABSENT if was is ABSENT else _CONFLICT


def _equal(left: Any, right: Any) -> bool:
    if left is ABSENT or right is ABSENT:
        return left is right
    return same(left, right)


def _among(item: Any, items: Sequence[Any]) -> bool:
    return any(same(item, other) for other in items)


def _without_index(path: KeyPath) -> KeyPath:
    for place, key in enumerate(path):
        if isinstance(key, int):
            return path[:place]
    return path


def _emptied(before: Any, current: Any, edits: Sequence[Edit]) -> tuple[KeyPath, ...]:
    """The objects that were not there before our edit and that hold nothing once `edits` are made."""
    gone = {edit.path for edit in edits if isinstance(edit, Remove)}
    parents = {path[:length] for path in gone for length in range(1, len(path))}
    found: list[KeyPath] = []
    for parent in sorted(parents, key=lambda path: (-len(path), dotted(path))):
        members = value_at(current, parent)
        if value_at(before, parent) is ABSENT and all((*parent, key) in gone for key in members):
            gone.add(parent)
            found.append(parent)
    return tuple(found)

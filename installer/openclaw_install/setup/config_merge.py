"""Takes one run's edit out of a config that was changed since, by span (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openclaw_install.common.errors import ConfigError
from openclaw_install.host.config.document import parse_bytes
from openclaw_install.host.config.edit import Remove, apply_edits
from openclaw_install.host.config.json5_tree import Node, parse_tree
from openclaw_install.host.config.paths import KeyPath
from openclaw_install.setup.changes import Change
from openclaw_install.setup.three_way_merge import inverse_of, stands


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
    try:
        text = current.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{change.path} is not UTF-8: the byte at offset {error.start} does not belong there",
            next_step="save the file as UTF-8",
            code="config.encoding",
        ) from error
    text = _without_blank(apply_edits(text, inverse.edits), inverse.emptied)
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

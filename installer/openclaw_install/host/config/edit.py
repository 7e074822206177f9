"""Edits a JSON5 document by span: only the bytes that must change do; everything else survives to the letter.

Pure: text and edits in, text out. How members are added and taken away is in `config_splice`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from openclaw_install.common.errors import ConfigError
from openclaw_install.host.config.json5_text import place_of
from openclaw_install.host.config.json5_tree import MAX_DEPTH, Json5Error, Node, parse_tree
from openclaw_install.host.config.paths import KeyPath, dotted
from openclaw_install.host.config.render import Style, line_indent, render_value, style_of
from openclaw_install.host.config.splice import Patch, Splice, splice_children

_NEW_DOCUMENT = "{}\n"
_UNREADABLE = object()


@dataclass(frozen=True)
class SetValue:
    """Makes the value at `path` equal to `value` (plain JSON data); missing parents are made."""

    path: KeyPath
    value: Any


@dataclass(frozen=True)
class Remove:
    """Takes the member or element at `path` away; nothing happens where there is none."""

    path: KeyPath


Edit = SetValue | Remove


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """`text` with the edits made, one after the other.

    A value that already is what an edit asks for changes no byte. A list or object is changed element by
    element, so what stays equal keeps its bytes and comments. Text without content counts as `{}`.

    Raises:
        ConfigError: `config.syntax` (the text is no JSON5), `config.not_object`, `config.edit_path` (a parent
            is no object or list), `config.edit_value` (the value is no JSON), `config.edit_failed` (the
            result would not read back as intended; nothing is returned then).
    """
    for takes_element, group in groupby(edits, key=_takes_element):
        for batch in ([edit] for edit in group) if takes_element else [list(group)]:
            text = _apply(text, batch)
    return text


def _takes_element(edit: Edit) -> bool:
    """Whether the edit names a list element by its place: equal neighbours must not be taken in its stead."""
    return isinstance(edit, Remove) and bool(edit.path) and isinstance(edit.path[-1], int)


def _apply(text: str, edits: Sequence[Edit]) -> str:
    base = text if text.strip() else text + _NEW_DOCUMENT
    root = _parse(base)
    if not isinstance(root.value, dict):
        raise _error("not_object", "the config is not an object", "wrap its content in braces: { ... }")
    wanted: Any = root.value
    for edit in edits:
        wanted = _wanted(wanted, edit, 0)
    if same(root.value, wanted):
        return text
    style = style_of(base, root)
    if _takes_element(edits[0]):
        path = edits[0].path
        change = Splice(_node_at(root, path[:-1]), frozenset({int(path[-1])}), (), 0)
        patches = splice_children(base, change, style)
    else:
        patches = _Differ(base, style).compare(root, wanted)
    result = _patched(base, patches)
    if not _reads_back(base, root.value, result, wanted):
        raise _error(
            "edit_failed",
            "the edited config would not read back as intended; nothing was changed",
            "make the change by hand, and please report this with the config's structure",
        )
    return result


def _node_at(root: Node, path: KeyPath) -> Node:
    for part in path:
        root = next(child.node for child in reversed(root.children) if child.name == part)
    return root


def value_at(data: Any, path: KeyPath) -> Any:
    """The value at `path`.

    Raises:
        KeyError: there is none.
    """
    for part in path:
        is_index = isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data)
        if not is_index and not (isinstance(data, Mapping) and part in data):
            raise KeyError(dotted(path))
        data = data[part]
    return data


def same(left: Any, right: Any) -> bool:
    """Equality as JSON has it: `1` is `1.0`, neither is `true`, NaN is itself, key order does not count."""
    if left is right:
        return True
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, int | float) and isinstance(right, int | float):
        if isinstance(left, bool) or isinstance(right, bool):
            return False
        return left == right or (math.isnan(left) and math.isnan(right))
    return type(left) is type(right) and bool(left == right)


class _Differ:
    """Walks the tree and the wanted value together and notes the patches that turn one into the other."""

    def __init__(self, text: str, style: Style) -> None:
        self.text = text
        self.style = style
        self.patches: list[Patch] = []

    def compare(self, node: Node, wanted: Any) -> list[Patch]:
        if same(node.value, wanted):
            return self.patches
        if isinstance(node.value, dict) and isinstance(wanted, dict):
            self._object(node, wanted)
        elif isinstance(node.value, list) and isinstance(wanted, list):
            self._list(node, wanted)
        else:
            self._replace(node, wanted)
        return self.patches

    def _replace(self, node: Node, wanted: Any) -> None:
        style = self.style
        if isinstance(node.value, str):
            style = replace(style, quote=self.text[node.start])
        indent = line_indent(self.text, node.start)
        rendered = render_value(wanted, style, indent, multiline=bool(_has_line_end(self.text)))
        self.patches.append(Patch(node.start, node.end, rendered))

    def _object(self, node: Node, wanted: dict[str, Any]) -> None:
        live = {child.name: child for child in node.children}  # of duplicate keys the last one counts
        for name, child in live.items():
            if name in wanted:
                self.compare(child.node, wanted[str(name)])
        removed = [index for index, child in enumerate(node.children) if child.name not in wanted]
        added = [(key, value) for key, value in wanted.items() if key not in live]
        self._splice(node, removed, added, len(node.children))

    def _list(self, node: Node, wanted: list[Any]) -> None:
        old = node.value
        shorter = min(len(old), len(wanted))
        head = next((i for i in range(shorter) if not same(old[i], wanted[i])), shorter)
        spare = shorter - head
        tail = next((i for i in range(spare) if not same(old[-1 - i], wanted[-1 - i])), spare)
        paired = min(len(old), len(wanted)) - head - tail
        for index in range(head, head + paired):
            self.compare(node.children[index].node, wanted[index])
        removed = list(range(head + paired, len(old) - tail))
        added = [(None, value) for value in wanted[head + paired : len(wanted) - tail]]
        self._splice(node, removed, added, head + paired)

    def _splice(
        self, node: Node, removed: list[int], added: Sequence[tuple[str | None, Any]], before: int
    ) -> None:
        if removed or added:
            change = Splice(node, frozenset(removed), tuple(added), before)
            self.patches += splice_children(self.text, change, self.style)


def _wanted(value: Any, edit: Edit, depth: int) -> Any:
    """`value` after the edit; what the edit does not touch is shared, not copied."""
    if depth == len(edit.path):
        if isinstance(edit, Remove):
            raise _error("edit_path", "the whole config cannot be removed", "delete the file instead")
        return _plain(edit.value, edit.path, depth)
    part, here = edit.path[depth], edit.path[:depth]
    last = depth + 1 == len(edit.path)
    if isinstance(value, list) and isinstance(part, int):
        present = 0 <= part < len(value)
    elif isinstance(value, dict) and isinstance(part, str):
        present = part in value
    else:
        kind = "a list" if isinstance(part, int) else "an object"
        step = f"correct the type of {dotted(here)} by hand"
        raise _error("edit_path", f"{dotted(here)} is not {kind}", step)
    if isinstance(edit, Remove) and not present:
        return value
    if isinstance(part, int) and not 0 <= part <= len(value):
        raise _error("edit_path", f"{dotted(here)} has no element {part}", "append at its end instead")
    if isinstance(edit, Remove) and last:
        return _without(value, part)
    empty: Any = [] if not last and isinstance(edit.path[depth + 1], int) else {}
    child = _wanted(value[part] if present else empty, edit, depth + 1)
    if isinstance(part, int):
        return [*value[:part], child, *value[part + 1 :]]
    return {**value, part: child}


def _without(value: Any, part: str | int) -> Any:
    if isinstance(part, int):
        return [*value[:part], *value[part + 1 :]]
    return {key: child for key, child in value.items() if key != part}


def _plain(value: Any, path: KeyPath, depth: int) -> Any:
    """A copy of `value` made of dict, list and scalars only."""
    if depth <= MAX_DEPTH:
        if isinstance(value, Mapping) and all(isinstance(key, str) and _is_text(key) for key in value):
            return {key: _plain(child, path, depth + 1) for key, child in value.items()}
        if isinstance(value, list | tuple):
            return [_plain(child, path, depth + 1) for child in value]
        is_number = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
        if value is None or is_number or (isinstance(value, str) and _is_text(value)):
            return value
    raise _error("edit_value", f"the value for {dotted(path)} is no plain JSON", "pass plain JSON data")


def _is_text(value: str) -> bool:
    """Whether the text can stand in a UTF-8 file: it holds no half of a surrogate pair."""
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)


def _patched(text: str, patches: list[Patch]) -> str:
    """`text` with all patches applied; where two deletions touch the same whitespace, it goes once."""
    parts: list[str] = []
    cursor = 0
    for patch in sorted(patches, key=lambda patch: (patch.start, patch.end)):
        parts += [text[cursor : max(cursor, patch.start)], patch.text]
        cursor = max(cursor, patch.end)
    return "".join([*parts, text[cursor:]])


def _reads_back(before: str, old: Any, after: str, wanted: Any) -> bool:
    """Whether `after` means `wanted`: by our own reader, and by pyjson5 where it read `before` as we did."""
    try:
        if not same(parse_tree(after).value, wanted):
            return False
    except Json5Error:
        return False
    return not same(_second_reading(before), old) or same(_second_reading(after), wanted)


def _second_reading(text: str) -> Any:
    import pyjson5

    try:
        return pyjson5.decode(text, maxdepth=MAX_DEPTH + 1)
    except pyjson5.Json5Exception:
        return _UNREADABLE


def _parse(text: str) -> Node:
    try:
        return parse_tree(text)
    except Json5Error as error:
        place = place_of(text, error)
        raise _error(
            "syntax",
            f"line {place.line}, column {place.column}: {error.reason}; the line reads: {place.excerpt}",
            f"correct line {place.line}",
        ) from error


def _has_line_end(text: str) -> bool:
    return "\n" in text.rstrip() or "\r" in text.rstrip()


def _error(kind: str, message: str, next_step: str) -> ConfigError:
    return ConfigError(message, next_step=next_step, code=f"config.{kind}")

"""The text of a map key that is itself a collection, such as the one in an unquoted `{{ placeholder }}`.

JavaScript objects have text keys only, so OpenClaw's YAML library writes such a key as flow YAML. This
follows it (`stringifyCollection`, `stringifyPair`) in all but comments and empty lines inside such a key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from openclaw_install.host.frontmatter.key_scalars import LINE_WIDTH, scalar_text
from openclaw_install.host.frontmatter.nodes import PREFIX, Alias, Mapping, Node, Scalar, Sequence

_STEP = "  "


@dataclass(slots=True)
class _Place:
    """Where something is written.

    Attributes:
        indent: what a further line begins with.
        at_start: how many characters stand before it, where that is not the indentation. The library
            passes one such number on from each entry of a collection to the next, and so do we.
        one_line: whether it is a key with a value, and may not be folded.
    """

    indent: str
    at_start: int | None = None
    one_line: bool = False


def key_text(node: Node) -> str:
    """The flow YAML of `node` as a map key; its own tag and anchor are not part of it."""
    return _content(node, _Place(""))


def _with_props(node: Node, place: _Place) -> str:
    if isinstance(node, Alias):
        return _content(node, place)
    anchor = f"&{node.anchor}" if node.anchor else ""
    props = " ".join(filter(None, (anchor, _tag_text(node.tag))))
    if not props:
        return _content(node, place)
    place.at_start = (place.at_start or 0) + len(props) + 1
    return f"{props} {_content(node, place)}"


def _tag_text(tag: str | None) -> str:
    if tag is None:
        return ""
    if tag.startswith(PREFIX):
        return f"!!{tag.removeprefix(PREFIX)}"
    return tag if tag.startswith("!") else f"!<{tag}>"


def _content(node: Node, place: _Place) -> str:
    if isinstance(node, Alias):
        return f"*{node.source}"
    if isinstance(node, Scalar):
        return scalar_text(node, place.indent, place.at_start, one_line=place.one_line)
    if isinstance(node, Mapping):
        lines = _map_lines(node, replace(place, indent=place.indent + _STEP))
        return _collection("{", lines, "}", place.indent)
    lines = _list_lines(node, replace(place, indent=place.indent + 2 * _STEP))
    return _collection("[", lines, "]", place.indent)


def _collection(opening: str, lines: list[str], closing: str, indent: str) -> str:
    if not lines:
        return opening + closing
    lines = [f"{line}," for line in lines[:-1]] + lines[-1:]
    if any("\n" in line for line in lines) or sum(len(line) + 2 for line in lines) + 2 > LINE_WIDTH:
        return opening + "".join(f"\n{_STEP}{indent}{line}" for line in lines) + f"\n{indent}{closing}"
    return f"{opening} {' '.join(lines)} {closing}"


def _list_lines(node: Sequence, place: _Place) -> list[str]:
    return [_with_props(item, place) for item in node.items]


def _map_lines(node: Mapping, place: _Place) -> list[str]:
    keys_only = all(value is None for _, value in node.pairs)
    return [_pair(key, value, place, keys_only=keys_only) for key, value in node.pairs]


def _pair(key: Node, value: Node | None, around: _Place, *, keys_only: bool) -> str:
    explicit = not isinstance(key, Scalar)
    place = replace(around, indent=around.indent + _STEP, one_line=not explicit and not keys_only)
    text = _with_props(key, place)
    if value is None:
        return f"? {text}" if explicit else text or "?"
    text = f"? {text}\n{around.indent}:" if explicit else f"{text}:"
    place.one_line = False
    if not explicit and isinstance(value, Scalar):
        place.at_start = len(text) + 1
    value_text = _with_props(value, place)
    if not explicit and "\n" in value_text and isinstance(value, Mapping | Sequence):
        return f"{text}\n{place.indent}{value_text}"
    return text + value_text if value_text[:1] in ("", "\n") else f"{text} {value_text}"

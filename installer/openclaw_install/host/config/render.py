"""Writes new JSON5 in the style of the text around it: quotes, indentation, line ends, trailing commas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from openclaw_install.host.config.json5_tree import Child, Node

_BARE_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_LINE_END = re.compile(r"\r\n|\n|\r")
_ESCAPE_ALWAYS = re.compile("[\u007f\u0085\u2028\u2029\ufeff]")
_INLINE_WIDTH = 88
_SAMPLE = 200


@dataclass(frozen=True)
class Style:
    """How a document writes things where the immediate surroundings do not say.

    Attributes:
        key_quote: the quote around keys, or "" where keys are bare.
        quote: the quote around string values.
        unit: one step of indentation.
        newline: the line end.
        trailing: whether the last member of a multi-line container has a comma.
        colon: what stands after the colon of a member.
    """

    key_quote: str = '"'
    quote: str = '"'
    unit: str = "  "
    newline: str = "\n"
    trailing: bool = False
    colon: str = " "


def style_of(text: str, root: Node) -> Style:
    """The style of a document, read off its first members. One without any is written as JSON."""
    line_end = _LINE_END.search(text)
    newline = line_end[0] if line_end else "\n"
    if not root.children:
        return Style(newline=newline)
    key_quote = key_quote_at(text, root.children[0].start)
    strings = (text[node.start] for node in _some_nodes(root) if isinstance(node.value, str))
    indents = (own_indent(text, child.start) for child in root.children)
    return Style(
        key_quote=key_quote,
        quote=next(strings, key_quote or '"'),
        unit=next((indent for indent in indents if indent), "  "),
        newline=newline,
        colon=colon_gap(text, root.children[0]) or "",
        trailing=root.children[-1].comma is not None,
    )


def _some_nodes(root: Node) -> Iterator[Node]:
    """The first nodes of the document, level by level."""
    queue = [root]
    for _ in range(_SAMPLE):
        if not queue:
            return
        node = queue.pop(0)
        yield node
        queue += [child.node for child in node.children[: _SAMPLE // 10]]


def key_quote_at(text: str, offset: int) -> str:
    """The quote that a key at `offset` has, or "" for a bare key."""
    return text[offset] if text[offset] in "\"'" else ""


def colon_gap(text: str, child: Child) -> str | None:
    """The blanks between a member's colon and its value; None where more than blanks stands there."""
    end = child.node.start
    start = end
    while text[start - 1] in " \t":
        start -= 1
    return text[start:end] if text[start - 1] == ":" else None


def own_indent(text: str, offset: int) -> str | None:
    """The whitespace before `offset`, if nothing else stands before it on its line and a line end does."""
    start = offset
    while start and text[start - 1] in " \t":
        start -= 1
    return text[start:offset] if start and text[start - 1] in "\n\r" else None


def line_indent(text: str, offset: int) -> str:
    """The whitespace at the start of the line on which `offset` stands."""
    start = offset
    while start and text[start - 1] not in "\n\r":
        start -= 1
    end = start
    while end < offset and text[end] in " \t":
        end += 1
    return text[start:end]


def render_key(name: str, style: Style) -> str:
    """`name` as a key: bare where the style has it so and the name allows it."""
    if not style.key_quote and _BARE_KEY.fullmatch(name):
        return name
    return render_string(name, style.key_quote or style.quote)


def render_string(value: str, quote: str) -> str:
    """`value` between two `quote` characters."""
    body = json.dumps(value, ensure_ascii=False)[1:-1]
    if quote == "'":
        body = body.replace('\\"', '"').replace("'", "\\'")
    return quote + _ESCAPE_ALWAYS.sub(lambda match: f"\\u{ord(match[0]):04x}", body) + quote


def render_value(value: Any, style: Style, indent: str, *, multiline: bool) -> str:
    """`value` as text. `indent` is that of the line on which it starts; `multiline` lets it span lines."""
    if isinstance(value, str):
        return render_string(value, style.quote)
    if not isinstance(value, dict | list):
        return json.dumps(value)
    if not value:
        return "{}" if isinstance(value, dict) else "[]"
    inner = indent + style.unit
    is_flat = isinstance(value, list) and not any(isinstance(item, dict | list) for item in value)
    inline = _inline(value, style) if is_flat or not multiline else ""
    if inline and (not multiline or len(inner) + len(inline) <= _INLINE_WIDTH):
        return inline
    if isinstance(value, dict):
        lines = [
            f"{render_key(key, style)}:{style.colon}{render_value(child, style, inner, multiline=True)}"
            for key, child in value.items()
        ]
    else:
        lines = [render_value(child, style, inner, multiline=True) for child in value]
    body = f",{style.newline}{inner}".join(lines) + ("," if style.trailing else "")
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}{style.newline}{inner}{body}{style.newline}{indent}{closing}"


def _inline(value: dict[str, Any] | list[Any], style: Style) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(render_value(item, style, "", multiline=False) for item in value) + "]"
    members = [
        f"{render_key(key, style)}:{style.colon}{render_value(child, style, '', multiline=False)}"
        for key, child in value.items()
    ]
    return "{ " + ", ".join(members) + " }"

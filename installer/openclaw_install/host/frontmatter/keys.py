"""The text of a map key that is itself a collection, such as the one in an unquoted `{{ placeholder }}`.

JavaScript objects have text keys only, so OpenClaw's YAML library writes such a key as flow YAML. This
follows it for everything that fits its rules for one line; it does not break long texts inside such a key.
"""

from __future__ import annotations

import re

from openclaw_install.host.frontmatter.nodes import PREFIX, Alias, Mapping, Node, Scalar, resolve_plain
from openclaw_install.host.javascript import json_string, number_text

_LINE_WIDTH = 80
_UNFIT_FOR_PLAIN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ESCAPE = re.compile(r"\\(?:u00([0-9a-f]{2})|.)")
_SHORT_ESCAPES = {"00": "0", "07": "a", "0b": "v", "1b": "e"}
_NEEDS_QUOTES = re.compile(
    r"^[\n\t ,\[\]{}#&*!|>'\"%@`]|^[?-]\Z|^[?-][ \t]|[\n:][ \t]|[ \t]\n|[\n\t ]#|[\n\t :]\Z|[\[\]{},]"
)


def key_text(node: Node) -> str:
    """The flow YAML of `node` as a map key; its own tag and anchor are not part of it."""
    return _content(node, "")


def _with_props(node: Node, indent: str) -> str:
    if isinstance(node, Alias):
        return f"*{node.source}"
    anchor = f"&{node.anchor} " if node.anchor else ""
    return f"{anchor}{_tag_text(node.tag)}{_content(node, indent)}"


def _tag_text(tag: str | None) -> str:
    if tag is None:
        return ""
    if tag.startswith(PREFIX):
        return f"!!{tag.removeprefix(PREFIX)} "
    return f"{tag} " if tag.startswith("!") else f"!<{tag}> "


def _content(node: Node, indent: str) -> str:
    if isinstance(node, Alias):
        return f"*{node.source}"
    if isinstance(node, Scalar):
        return _scalar(node)
    if isinstance(node, Mapping):
        lines = [_pair(key, value, indent + "  ") for key, value in node.pairs]
        opening, closing = "{", "}"
    else:
        lines = [_with_props(item, indent + "    ") for item in node.items]
        opening, closing = "[", "]"
    if not lines:
        return opening + closing
    lines = [f"{line}," for line in lines[:-1]] + lines[-1:]
    if any("\n" in line for line in lines) or sum(len(line) + 2 for line in lines) + 2 > _LINE_WIDTH:
        return opening + "".join(f"\n  {indent}{line}" for line in lines) + f"\n{indent}{closing}"
    return f"{opening} {' '.join(lines)} {closing}"


def _pair(key: Node, value: Node | None, indent: str) -> str:
    inner = indent + "  "
    text = _with_props(key, inner)
    explicit = not isinstance(key, Scalar | Alias)
    if value is None:
        return f"? {text}" if explicit else text or "?"
    value_text = _with_props(value, inner)
    if explicit:
        return f"? {text}\n{indent}: {value_text}"
    if "\n" in value_text and not isinstance(value, Scalar | Alias):
        return f"{text}:\n{inner}{value_text}"
    return f"{text}: {value_text}" if value_text else f"{text}:"


def _scalar(node: Scalar) -> str:
    value = node.value
    if value is None:
        return "null" if node.text is None else node.text
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, float) else _string(node.style, value)


def _string(style: str, value: str) -> str:
    if not _UNFIT_FOR_PLAIN.search(value):
        fits_single = "\n" not in value
        if style == "'" and fits_single:
            return "'" + value.replace("'", "''") + "'"
        if style == "plain" and isinstance(resolve_plain(value), str) and not _NEEDS_QUOTES.search(value):
            return value
        if style != '"' and fits_single and '"' in value and "'" not in value:
            return f"'{value}'"
    return _double_quoted(value)


def _double_quoted(value: str) -> str:
    return _ESCAPE.sub(_escape, json_string(value))


def _escape(found: re.Match[str]) -> str:
    code = found[1]
    return found[0] if code is None else "\\" + _SHORT_ESCAPES.get(code, f"x{code}")

"""The text of a map key that is itself a collection, such as the one in an unquoted `{{ placeholder }}`.

JavaScript objects have text keys only, so OpenClaw's YAML library writes such a key as flow YAML. This follows
it for everything that fits its rules for one line; it does not break long texts inside such a key.
"""

from __future__ import annotations

import re

from openclaw_install.host.frontmatter_javascript import json_string, number_text
from openclaw_install.host.frontmatter_nodes import Alias, Mapping, Node, Scalar, resolve_plain

_LINE_WIDTH = 80
_UNFIT_FOR_SINGLE_QUOTES = re.compile("[\\n\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f]")
_NEEDS_QUOTES = re.compile(
    r"^[\n\t ,\[\]{}#&*!|>'\"%@`]|^[?-]\Z|^[?-][ \t]|[\n:][ \t]|[ \t]\n|[\n\t ]#|[\n\t :]\Z|[\[\]{},]"
)


def key_text(node: Node, indent: str = "") -> str:
    """The flow YAML of `node`, as the library spells a key."""
    if isinstance(node, Alias):
        return f"*{node.source}"
    props = f"&{node.anchor} " if node.anchor else ""
    if isinstance(node, Scalar):
        return props + _scalar(node)
    if isinstance(node, Mapping):
        lines = [_pair(key, value, indent + "  ") for key, value in node.pairs]
        opening, closing = "{", "}"
    else:
        lines = [key_text(item, indent + "    ") for item in node.items]
        opening, closing = "[", "]"
    if not lines:
        return props + opening + closing
    lines = [f"{line}," for line in lines[:-1]] + lines[-1:]
    if any("\n" in line for line in lines) or sum(len(line) + 2 for line in lines) + 2 > _LINE_WIDTH:
        return props + opening + "".join(f"\n  {indent}{line}" for line in lines) + f"\n{indent}{closing}"
    return f"{props}{opening} {' '.join(lines)} {closing}"


def _pair(key: Node, value: Node | None, indent: str) -> str:
    inner = indent + "  "
    text = key_text(key, inner)
    explicit = not isinstance(key, Scalar | Alias)
    if value is None:
        return f"? {text}" if explicit else text or "?"
    value_text = key_text(value, inner)
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
    if isinstance(value, float):
        return number_text(value)
    if node.style == "'" and not _UNFIT_FOR_SINGLE_QUOTES.search(value):
        return "'" + value.replace("'", "''") + "'"
    if node.style == "plain" and isinstance(resolve_plain(value), str) and not _NEEDS_QUOTES.search(value):
        return value
    single = '"' in value and "'" not in value and not _UNFIT_FOR_SINGLE_QUOTES.search(value)
    return f"'{value}'" if single and node.style != '"' else json_string(value)

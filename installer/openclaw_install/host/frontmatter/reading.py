"""The frontmatter of a SKILL.md as OpenClaw reads it: YAML first, mended where that is safe, then lines.

Source of the rules: `packages/markdown-core/src/frontmatter.ts` and `src/shared/frontmatter.ts` of OpenClaw
2026.9.6. Everything works on text; nothing here touches a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from openclaw_install.host.frontmatter.document import Document, parse_document
from openclaw_install.host.frontmatter.nodes import Alias, Scalar
from openclaw_install.host.frontmatter.nodes import Mapping as MappingNode
from openclaw_install.host.frontmatter.quick import quick_fields
from openclaw_install.host.frontmatter.values import YamlValueError, to_value
from openclaw_install.host.javascript import (
    WHITE_SPACE,
    CircularValueError,
    RawJson,
    Value,
    join_surrogates,
    json_string,
    json_text,
    number_text,
    split_surrogates,
    trim,
)

_S = f"[{WHITE_SPACE}]"
_NOT_LINE_END = "[^\n\r\u2028\u2029]"
_OPENING = re.compile(f"---(?:(?!\n){_S})*\n")
_CLOSING = re.compile(f"(?:\\A|\n)---(?:(?!\n){_S})*(?:\n|\\Z)")
_FIELD = re.compile(f"([A-Za-z0-9_-]+):{_S}*({_NOT_LINE_END}*)")
_QUOTABLE_FIELD = re.compile(
    f"(?:([A-Za-z0-9_-]+)|\"([A-Za-z0-9_-]+)\"|'([A-Za-z0-9_-]+)'):{_S}*({_NOT_LINE_END}*)"
)
_BLOCK_HEADER = re.compile(r"[|>](?:[1-9][+-]?|[+-][1-9]?)?")
_FREE_TEXT_FIELDS = frozenset({"description", "read_when", "summary"})


@dataclass(frozen=True, slots=True)
class Issue:
    """Why a frontmatter cannot be taken: OpenClaw's code and message for it."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Frontmatter:
    """Field names to text, as OpenClaw's loaders see them; `issue` is set where OpenClaw would refuse."""

    fields: Mapping[str, str] = field(default_factory=dict)
    issue: Issue | None = None


def read_frontmatter(content: str) -> Frontmatter:
    """Reads the frontmatter at the start of `content`; a text without one has no fields and no issue."""
    text = normalize(content)
    opening = _OPENING.match(text)
    if not opening:
        return Frontmatter()
    tail = text[opening.end() :]
    closing = _CLOSING.search(tail)
    if not closing:
        return Frontmatter(issue=Issue("UNTERMINATED_FRONTMATTER", "missing closing --- delimiter"))
    block = tail[: closing.start()]
    if not block:
        return Frontmatter()
    quick = quick_fields(block)
    return Frontmatter(quick) if quick is not None else read_block(block)


def read_block(block: str) -> Frontmatter:
    """Reads the text between the delimiters in full, as OpenClaw does it."""
    read = _read_block(split_surrogates(block))
    fields = {join_surrogates(key): join_surrogates(value) for key, value in read.fields.items()}
    issue = read.issue and Issue(read.issue.code, join_surrogates(read.issue.message))
    return Frontmatter(fields, issue)


def normalize(content: str) -> str:
    """Drops a byte order mark and makes every line end a newline."""
    return content.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _read_block(block: str) -> Frontmatter:
    lines = _read_lines(block)
    result = _read_yaml(block, lines)
    for _ in range(len(_FREE_TEXT_FIELDS)):
        if result.issue is None:
            break
        mended = _quote_free_text(block)
        if mended == block:
            break
        block = mended
        result = _read_yaml(block, lines)
    return result


def _read_yaml(block: str, lines: Mapping[str, str]) -> Frontmatter:
    document = parse_document(block)
    if document.issues:
        first = document.issues[0]
        return Frontmatter(lines, Issue(first.code, first.message))
    if not isinstance(document.root, MappingNode):
        return Frontmatter(lines, Issue("INVALID_ROOT", "frontmatter must be a YAML mapping"))
    try:
        return Frontmatter(_fields(document.root, block, lines))
    except YamlValueError as error:
        return Frontmatter(lines, Issue("YAML_EXCEPTION", str(error)))
    except RecursionError:
        return Frontmatter(lines, Issue("YAML_EXCEPTION", "Maximum call stack size exceeded"))


def _fields(root: MappingNode, block: str, lines: Mapping[str, str]) -> dict[str, str]:
    """The root mapping as text fields, with what only the reading by lines found."""
    value = to_value(root)
    inline_colons = _inline_colon_keys(root, block)
    fields: dict[str, str] = {}
    for raw_key, item in value.items() if isinstance(value, dict) else ():
        key = trim(raw_key)
        text = _as_text(item) if key else None
        if text is None:
            continue
        # A structure written after `key:` on the key's own line, with a colon in it, is kept as written.
        as_written = isinstance(item, list | dict | RawJson) and key in inline_colons and key in lines
        fields[key] = lines[key] if as_written else text
    for key, text in lines.items():
        fields.setdefault(key, text)
    fields.pop("__proto__", None)
    return fields


def _as_text(value: Value) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, str) and not isinstance(value, RawJson):
        return trim(value)
    try:
        return json_text(value)
    except CircularValueError:
        return None


def _inline_colon_keys(root: MappingNode, block: str) -> set[str]:
    keys: set[str] = set()
    for key, _ in root.pairs:
        start = key.range[0]
        end = block.find("\n", start)
        found = _FIELD.fullmatch(block, start, len(block) if end == -1 else end)
        if found and ":" in found[2]:
            keys.add(found[1])
    return keys


def _read_lines(block: str) -> dict[str, str]:
    """Reads `key: value` lines without YAML; a key with nothing after it takes the indented lines below."""
    fields: dict[str, str] = {}
    lines = block.split("\n")
    index = 0
    while index < len(lines):
        found = _FIELD.fullmatch(lines[index])
        index += 1
        if not found:
            continue
        value = trim(found[2])
        if not value and index < len(lines) and lines[index].startswith((" ", "\t")):
            start = index
            while index < len(lines) and (not lines[index] or lines[index][0] in " \t"):
                index += 1
            value = trim("\n".join(lines[start:index]))
        else:
            value = _strip_quotes(value)
        if value:
            fields[found[1]] = value
    fields.pop("__proto__", None)
    return fields


def _strip_quotes(value: str) -> str:
    return value[1:-1] if value[:1] in ('"', "'") and value[0] == value[-1] else value


def _quote_free_text(block: str) -> str:
    """Puts the free text field in which the first error lies into quotes, or returns `block` as it is."""
    document = parse_document(block)
    position = _error_position(document)
    if position is None or not isinstance(document.root, MappingNode):
        return block
    start = block.rfind("\n", 0, position + 1) + 1
    end = block.find("\n", position)
    end = len(block) if end == -1 else end
    found = _QUOTABLE_FIELD.fullmatch(block, start, end) if start <= end else None
    if not found:
        return block
    name = found[1] or found[2] or found[3]
    text = trim(found[4])
    top_level = any(
        isinstance(key, Scalar) and key.value == name and key.range[0] == start
        for key, _ in document.root.pairs
    )
    code = document.issues[0].code if document.issues else ""
    colons = code == "BLOCK_AS_IMPLICIT_KEY" and ": " in text
    if not text or name not in _FREE_TEXT_FIELDS or not top_level or _BLOCK_HEADER.fullmatch(text):
        return block
    if name != "description" and not colons:
        return block
    return f"{block[:start]}{name}: {json_string(_strip_quotes(text))}{block[end:]}"


def _error_position(document: Document) -> int | None:
    if document.issues:
        return document.issues[0].position
    if isinstance(document.root, MappingNode):
        for key, value in document.root.pairs:
            if isinstance(key, Scalar) and key.value == "description" and isinstance(value, Alias):
                return key.range[0]
    return None

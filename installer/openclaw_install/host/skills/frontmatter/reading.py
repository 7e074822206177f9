"""The frontmatter of a SKILL.md as OpenClaw reads it: YAML first, mended where that is safe, then lines.

Source of the rules: `packages/markdown-core/src/frontmatter.ts` and `src/shared/frontmatter.ts` of OpenClaw
2026.9.6. Everything works on text; nothing here touches a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from openclaw_install.host.javascript import WHITE_SPACE, Value, json_string, json_text, number_text, trim
from openclaw_install.host.skills.frontmatter.document import Document, YamlRefusedError, load_document
from openclaw_install.host.skills.frontmatter.doubts import Doubt, doubts_about_text

_S = f"[{WHITE_SPACE}]"
_NOT_LINE_END = "[^\n\r\u2028\u2029]"
_OPENING = re.compile(f"---(?:(?!\n){_S})*\n")
_CLOSING = re.compile(f"(?:\\A|\n)---(?:(?!\n){_S})*(?:\n|\\Z)")
_FIELD = re.compile(f"([A-Za-z0-9_-]+):{_S}*({_NOT_LINE_END}*)")
_QUOTABLE_FIELD = re.compile(
    f"(?:([A-Za-z0-9_-]+)|\"([A-Za-z0-9_-]+)\"|'([A-Za-z0-9_-]+)'):{_S}*({_NOT_LINE_END}*)"
)
_BLOCK_HEADER = re.compile(r"[|>](?:[1-9][+-]?|[+-][1-9]?)?")
# Unquoted text in which a colon and a space are all that is wrong, on one line.
_TEXT_WITH_COLONS = re.compile(
    r"(?![-?:,\[\]{}#&*!|>'\"%@`])(?:[^:#]|:(?! )|(?<! )#|: (?=[A-Za-z0-9(\u3040-\u9fff]))*[^:\s]"
)
_FREE_TEXT_FIELDS = frozenset({"description", "read_when", "summary"})


@dataclass(frozen=True, slots=True)
class Issue:
    """Why a frontmatter cannot be taken: OpenClaw's code and message for it."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Frontmatter:
    """Field names to text, as OpenClaw's loaders see them.

    Attributes:
        fields: the text of each field.
        issue: why OpenClaw refuses the file; None where it does not.
        doubts: why OpenClaw may read it differently; empty where it is sure to read the same.
        block: the text between the delimiters, where there are doubts.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    issue: Issue | None = None
    doubts: frozenset[Doubt] = frozenset()
    block: str = field(default="", repr=False)


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
    read = _read_block(block)
    return replace(read, block=block) if read.doubts else read


def normalize(content: str) -> str:
    """Drops a byte order mark and makes every line end a newline."""
    return content.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _read_block(block: str) -> Frontmatter:
    """Reads the text between the delimiters in full: YAML first, mended where that is safe, then lines."""
    lines = _read_lines(block)
    doubts = doubts_about_text(block)
    for mending_left in range(len(_FREE_TEXT_FIELDS), -1, -1):
        try:
            document = load_document(block)
        except YamlRefusedError as error:
            mended = _quote_free_text(block, error) if mending_left else None
            if mended is None:
                return Frontmatter(lines, Issue(error.code, str(error)), frozenset(doubts | error.doubts))
            block, certain = mended
            if not certain:
                doubts.add(Doubt.MENDED)
        else:
            return Frontmatter(_fields(document, block, lines), None, frozenset(doubts | document.doubts))
    raise AssertionError("the last round neither mends nor goes on")


def _fields(document: Document, block: str, lines: Mapping[str, str]) -> dict[str, str]:
    """The root mapping as text fields, with what only the reading by lines found."""
    inline_colons = _inline_colon_keys(document, block)
    fields: dict[str, str] = {}
    for entry in document.entries:
        key = trim(entry.key)
        text = _as_text(entry.value) if key else None
        if text is None:
            continue
        # A structure written after `key:` on the key's own line, with a colon in it, is kept as written.
        as_written = isinstance(entry.value, list | dict) and key in inline_colons and key in lines
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
    return trim(value) if isinstance(value, str) else json_text(value)


def _inline_colon_keys(document: Document, block: str) -> set[str]:
    keys: set[str] = set()
    for entry in document.entries:
        end = block.find("\n", entry.start)
        found = _FIELD.fullmatch(block, entry.start, len(block) if end == -1 else end)
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


def _quote_free_text(block: str, error: YamlRefusedError) -> tuple[str, bool] | None:
    """Puts the free text field that the error is about into quotes, or returns None where there is none.

    The second value is true where OpenClaw is sure to find its first error in that field, too.
    """
    rows = block.split("\n")
    for row in error.lines:
        found = _QUOTABLE_FIELD.fullmatch(rows[row]) if row < len(rows) else None
        name = found and (found[1] or found[2] or found[3])
        text = trim(found[4]) if found else ""
        if name not in _FREE_TEXT_FIELDS or not text or _BLOCK_HEADER.fullmatch(text):
            continue
        mended = f"{name}: {json_string(_strip_quotes(text))}"
        if mended == rows[row] or (name != "description" and ": " not in text):
            continue
        below = next((line for line in rows[row + 1 :] if line), "")
        certain = rows[row] == f"{name}: {text}" and not below.startswith((" ", "-"))
        rows[row] = mended
        return "\n".join(rows), certain and _TEXT_WITH_COLONS.fullmatch(text) is not None
    return None

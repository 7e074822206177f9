"""The everyday shapes of frontmatter, read in one pass over the lines, at a fraction of full YAML's cost.

It takes `key: text`, quoted texts, flat lists, block scalars, strict JSON and plainly nested maps and lists.
At the first line that is anything else it gives up, and the full reader decides. A test compares the two.
"""

from __future__ import annotations

import json
import re

from openclaw_install.host.frontmatter.nodes import resolve_plain
from openclaw_install.host.javascript import Value, json_text, number_text, trim

_UNUSUAL = re.compile("[^\n -\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*):(?: +(.*))?")
_NOT_TEXT_KEYS = frozenset(
    {"null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE", "__proto__"}
)
_INDICATORS = frozenset("-?:,[]{}#&*!|>'\"%@`")
_PLAIN_BREAKS = re.compile(r": | #|:\Z")
_COLONS_IN_TEXT = re.compile(r"(?:[^:#]|:(?! )|(?<! )#|: (?=[A-Za-z0-9(\u3040-\u9fff]))*[^:\s]")
_DOUBLE_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\/nt])*)"')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {'"': '"', "\\": "\\", "/": "/", "n": "\n", "t": "\t"}
_SINGLE_QUOTED = re.compile(r"'((?:[^']|'')*)'")
_FLAT_ITEM = r"(?:\"[^\"\\]*\"|'[^']*'|[A-Za-z0-9_\u3040-\u9fff](?:[^,\[\]{}:#\"' ]| (?=[^,\[\]{}:#\"' ]))*)"
_FLAT_LIST = re.compile(rf"\[ *(?:({_FLAT_ITEM}(?: *, *{_FLAT_ITEM})*) *)?\]")
_ITEM = re.compile(_FLAT_ITEM)
_BLOCK_HEADERS = frozenset({"|", ">", "|-", ">-", "|+", ">+"})
_TRAILING_COMMA = re.compile(r"([^\s{\[])(\s*),(?=\s*[}\]])")
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class _NotSimpleError(Exception):
    """Something that only the full reader understands."""


def quick_fields(block: str) -> dict[str, str] | None:
    """The fields of a frontmatter block, or None where the full reader must decide."""
    if _UNUSUAL.search(block):
        return None
    try:
        return _Lines(block).fields()
    except (_NotSimpleError, RecursionError):
        return None


class _Lines:
    def __init__(self, block: str) -> None:
        self.lines = block.split("\n")
        self.index = 0

    def fields(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        seen: set[str] = set()
        lines = self.lines
        while self.index < len(lines):
            line = lines[self.index]
            self.index += 1
            if not line:
                continue
            key, rest = _split(line, seen)
            text = self._field(key, rest)
            if text is not None:
                fields[key] = text
        if not seen:
            raise _NotSimpleError
        return fields

    def _field(self, key: str, rest: str) -> str | None:
        below = self._below()
        if not rest:
            return _as_text(self._nested(below)) if below else None
        if rest in _BLOCK_HEADERS:
            return trim(_block_scalar(below, folded=rest[0] == ">"))
        if below and any(below):
            raise _NotSimpleError
        if trim(rest) != rest:
            raise _NotSimpleError
        if rest[0] == "{":
            value: Value = _json(rest)
        elif key == "description" and rest[0] not in _INDICATORS and ": " in rest:
            # OpenClaw puts such a text into quotes and reads it again.
            if not _COLONS_IN_TEXT.fullmatch(rest):
                raise _NotSimpleError
            return rest
        else:
            value = _scalar(rest)
        if value is None or (isinstance(value, dict | list) and ":" in rest):
            return rest  # null, and a structure with a colon on the key's line, stay as they are written
        return _as_text(value)

    def _below(self) -> list[str]:
        """Takes the indented and empty lines (and list items in column 0) that follow a key."""
        start = self.index
        lines = self.lines
        while self.index < len(lines) and (not lines[self.index] or lines[self.index][0] in " -"):
            self.index += 1
        return lines[start : self.index]

    @staticmethod
    def _nested(below: list[str]) -> Value:
        content = [line for line in below if line]
        if not content:
            return None
        if content[0].lstrip(" ")[0:1] in ("{", "["):
            if any(not line.startswith(" ") for line in content):
                raise _NotSimpleError
            return _json("\n".join(below))
        return _Block(content).value()


def _split(line: str, seen: set[str]) -> tuple[str, str]:
    found = _KEY.fullmatch(line)
    if not found or found[1] in seen or found[1] in _NOT_TEXT_KEYS:
        raise _NotSimpleError
    seen.add(found[1])
    return found[1], (found[2] or "").rstrip(" ")


def _scalar(text: str) -> Value:
    first = text[0]
    if first not in _INDICATORS:
        if _PLAIN_BREAKS.search(text):
            raise _NotSimpleError
        return resolve_plain(text)
    if first == '"' and (found := _DOUBLE_QUOTED.fullmatch(text)):
        return _ESCAPE.sub(lambda escape: _ESCAPED[escape[1]], found[1]) if "\\" in text else found[1]
    if first == "'" and (found := _SINGLE_QUOTED.fullmatch(text)):
        return found[1].replace("''", "'")
    if first == "[" and (found := _FLAT_LIST.fullmatch(text)):
        return [_flat_item(item) for item in _ITEM.findall(found[1] or "")]
    raise _NotSimpleError


def _flat_item(text: str) -> Value:
    return text[1:-1] if text[0] in "\"'" else resolve_plain(text)


def _block_scalar(below: list[str], *, folded: bool) -> str:
    """The text of a block scalar; how it ends does not matter, as OpenClaw trims it."""
    if not below or not below[0]:
        raise _NotSimpleError
    indent = len(below[0]) - len(below[0].lstrip(" "))
    prefix = " " * indent
    content = []
    for line in below:
        if line and (indent == 0 or not line.startswith(prefix) or line.isspace()):
            raise _NotSimpleError
        content.append(line[indent:])
    if not folded:
        return "\n".join(content)
    out: list[str] = []
    separator = ""
    for line in content:
        if line.startswith(" "):
            raise _NotSimpleError
        if line:
            out += (separator, line)
            separator = " "
        elif separator == "\n":
            out.append("\n")
        else:
            separator = "\n"
    return "".join(out)


class _Block:
    """Plainly nested maps and lists; every line is `key:`, `key: scalar` or `- ` and one of these."""

    def __init__(self, lines: list[str]) -> None:
        self.lines: list[tuple[int, str]] = []
        for line in lines:
            text = line.lstrip(" ")
            self.lines.append((len(line) - len(text), text.rstrip(" ")))
        self.index = 0

    def value(self) -> Value:
        value = self._node(self.lines[0][0])
        if self.index != len(self.lines):
            raise _NotSimpleError
        return value

    def _node(self, indent: int) -> Value:
        text = self.lines[self.index][1]
        return self._list(indent) if text.startswith("- ") else self._map(indent)

    def _list(self, indent: int) -> Value:
        items: list[Value] = []
        while self.index < len(self.lines) and self.lines[self.index][0] == indent:
            text = self.lines[self.index][1]
            rest = text[2:]
            if not text.startswith("- ") or not rest or rest[0] == " ":
                break
            if _KEY.fullmatch(rest):
                self.lines[self.index] = (indent + 2, rest)
                items.append(self._map(indent + 2))
            else:
                self.index += 1
                items.append(_scalar(rest))
        return items

    def _map(self, indent: int) -> Value:
        pairs: dict[str, Value] = {}
        seen: set[str] = set()
        while self.index < len(self.lines) and self.lines[self.index][0] == indent:
            text = self.lines[self.index][1]
            if text.startswith("- "):
                break
            key, rest = _split(text, seen)
            self.index += 1
            following = self.lines[self.index] if self.index < len(self.lines) else (-1, "")
            if rest:
                if following[0] > indent:
                    raise _NotSimpleError
                pairs[key] = _scalar(rest)
            elif following[0] > indent or (following[0] == indent and following[1].startswith("- ")):
                pairs[key] = self._node(following[0])
            else:
                pairs[key] = None
        if not pairs:
            raise _NotSimpleError
        return pairs


def _json(text: str) -> Value:
    """Strict JSON, which is YAML too, but for repeated keys; a comma after the last entry is let through."""
    try:
        try:
            return _load(text)
        except ValueError:
            bare = _TRAILING_COMMA.subn("", _JSON_STRING.sub('""', text))[1]
            mended, count = _TRAILING_COMMA.subn(r"\1\2", text)
            if count == 0 or count != bare:
                raise
            return _load(mended)
    except (ValueError, RecursionError):
        raise _NotSimpleError from None


def _load(text: str) -> Value:
    value: Value = json.loads(text, object_pairs_hook=_unique, parse_int=float, parse_constant=_not_json)
    return value


def _unique(pairs: list[tuple[str, Value]]) -> Value:
    value = dict(pairs)
    if len(value) != len(pairs) or "__proto__" in value:
        raise ValueError
    return value


def _not_json(word: str) -> None:
    raise ValueError(word)


def _as_text(value: Value) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value)
    return trim(value) if isinstance(value, str) else json_text(value)

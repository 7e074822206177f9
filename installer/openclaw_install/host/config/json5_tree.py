"""Reads JSON5 just as the npm package `json5` 2.2.3 does, and keeps where each value, key and comma stands.

Source of the rules: `json5/lib/parse.js` 2.2.3, which OpenClaw uses. Two things are stricter here, both on
purpose: nesting is bounded by `MAX_DEPTH`, and letters beyond ASCII in bare keys are those that this Python
knows.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

MAX_DEPTH = 200
_SPACE = "\t\v\f \u00a0\ufeff\n\r\u2028\u2029\u1680\u2000-\u200a\u202f\u205f\u3000"
_TRIVIA = re.compile(rf"(?:[{_SPACE}]+|//[^\n\r\u2028\u2029]*+|/\*(?:[^*]|\*(?!/))*+\*/)*+")
_NUMBER = re.compile(
    r"[+-]?(?:(?P<word>Infinity|NaN)|(?P<hex>0[xX][0-9a-fA-F]+)|(?P<int>0|[1-9][0-9]*+)(?![.eE])"
    r"|(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
)
_PLAIN_STRING = re.compile(r"""(?:"([^"\\\n\r]*+)"|'([^'\\\n\r]*+)')""")
_ANY_STRING = re.compile(
    r"""(?:"((?:[^"\\\n\r]|\\(?:\r\n|[\s\S]))*+)"|'((?:[^'\\\n\r]|\\(?:\r\n|[\s\S]))*+)')"""
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r\n|[\n\r\u2028\u2029])|([\s\S]))")
_SIMPLE_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_ASCII_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*+")
_KEY_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_LITERALS = {"t": ("true", True), "f": ("false", False), "n": ("null", None)}
_START_CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nl"})
_PART_CATEGORIES = _START_CATEGORIES | {"Mn", "Mc", "Nd", "Pc"}
_CLOSERS = {"{": "}", "[": "]"}
EXACT_DIGITS = 15  # so many digits a double always keeps


class Json5Error(ValueError):
    """The text is not JSON5. `offset` is the character index at which reading had to stop."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason


@dataclass(slots=True, eq=False)
class Node:
    """One value: its span in the text (`end` is exclusive) and, in a container, its children."""

    start: int
    end: int
    value: Any
    children: list[Child] = field(default_factory=list)

    @property
    def is_container(self) -> bool:
        return isinstance(self.value, dict | list)


@dataclass(slots=True, eq=False)
class Child:
    """A member or an element. `start` is where its key (or, in a list, its value) begins.

    `comma` is the index of the comma after it, None where there is none.
    """

    name: str | int
    start: int
    node: Node
    comma: int | None = None


def skip_trivia(text: str, offset: int) -> int:
    """The index of the first character at or after `offset` that is neither whitespace nor in a comment."""
    match = _TRIVIA.match(text, offset)
    return match.end() if match else offset


def parse_tree(text: str) -> Node:
    """The document's value with its spans.

    Raises:
        Json5Error: npm's parser would refuse the text too, or it is nested more than `MAX_DEPTH` deep.
    """
    return _Reader(text).read()


class _Reader:
    """One pass from left to right with a stack of open containers, so that depth costs no recursion."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.stack: list[Node] = []

    def read(self) -> Node:
        offset = skip_trivia(self.text, 0)
        root = self._value(offset)
        offset = root.end
        while self.stack:
            offset = self._next_child(offset)
        root_end = skip_trivia(self.text, root.end)
        if root_end < len(self.text):
            raise self._unexpected(root_end)
        return root

    def _next_child(self, offset: int) -> int:
        """Reads one child of the innermost container, or its closing bracket; returns where to go on."""
        text, parent = self.text, self.stack[-1]
        is_object = isinstance(parent.value, dict)
        offset = skip_trivia(text, offset)
        if text.startswith("}" if is_object else "]", offset):
            self.stack.pop()
            parent.end = offset + 1
            return self._after_value(offset + 1)
        name: str | int = len(parent.children)
        start = offset
        if is_object:
            name, offset = self._key(offset)
            offset = skip_trivia(text, offset)
            if not text.startswith(":", offset):
                raise self._unexpected(offset)
            offset = skip_trivia(text, offset + 1)
        node = self._value(offset)
        parent.children.append(Child(name, start, node))
        if isinstance(name, str):
            parent.value[name] = node.value
        else:
            parent.value.append(node.value)
        return node.end if node.is_container else self._after_value(node.end)

    def _after_value(self, offset: int) -> int:
        """Takes the comma after a finished value, if its container goes on."""
        if not self.stack:
            return offset
        parent = self.stack[-1]
        offset = skip_trivia(self.text, offset)
        if self.text.startswith(",", offset):
            if parent.children:
                parent.children[-1].comma = offset
            return offset + 1
        if not self.text.startswith("}" if isinstance(parent.value, dict) else "]", offset):
            raise self._unexpected(offset)
        return offset

    def _value(self, offset: int) -> Node:
        first = self.text[offset : offset + 1]
        if first in ('"', "'") and first:
            value, end = self._string(offset)
            return Node(offset, end, value)
        if first in _CLOSERS:
            if len(self.stack) >= MAX_DEPTH:
                raise Json5Error(offset, f"nested more than {MAX_DEPTH} levels deep")
            node = Node(offset, offset + 1, {} if first == "{" else [], [])
            self.stack.append(node)
            return node
        if first in _LITERALS:
            word, literal = _LITERALS[first]
            if self.text.startswith(word, offset):
                return Node(offset, offset + len(word), literal)
        match = _NUMBER.match(self.text, offset)
        if match is None:
            raise self._unexpected(offset)
        return Node(offset, match.end(), _number(match))

    def _string(self, offset: int) -> tuple[str, int]:
        match = _PLAIN_STRING.match(self.text, offset)
        if match is not None:
            return match[match.lastindex or 1], match.end()
        match = _ANY_STRING.match(self.text, offset)
        if match is None:
            raise Json5Error(offset, "this string is not closed on its line")
        group = match.lastindex or 1
        return _unescape(match[group], match.start(group)), match.end()

    def _key(self, offset: int) -> tuple[str, int]:
        if self.text.startswith(('"', "'"), offset):
            return self._string(offset)
        match = _ASCII_KEY.match(self.text, offset)
        end = match.end() if match else offset
        following = self.text[end : end + 1]
        if match and following != "\\" and following.isascii():
            return match[0], end
        return self._exotic_key(offset)

    def _exotic_key(self, offset: int) -> tuple[str, int]:
        """A bare key with escapes or letters beyond ASCII, character by character."""
        name = ""
        while offset < len(self.text):
            escape = _KEY_ESCAPE.match(self.text, offset)
            char = chr(int(escape[1], 16)) if escape else self.text[offset]
            if not _may_be_in_key(char, first=not name):
                if escape or char == "\\":
                    raise Json5Error(offset, "this escape gives no character that a bare key may have")
                break
            name += char
            offset = escape.end() if escape else offset + 1
        if not name:
            raise self._unexpected(offset)
        return name, offset

    def _unexpected(self, offset: int) -> Json5Error:
        if offset >= len(self.text):
            return Json5Error(offset, "the text ends too early")
        char = self.text[offset]
        if self.text.startswith("/*", offset):
            return Json5Error(offset, "this comment is not closed")
        shown = repr(char) if char in "{}[]:,;=#\"'`/\\()<>" else "character"
        return Json5Error(offset, f"unexpected {shown}")


def _may_be_in_key(char: str, *, first: bool) -> bool:
    if char.isascii():
        return char.isalpha() or char in "_$" or (char.isdigit() and not first)
    categories = _START_CATEGORIES if first else _PART_CATEGORIES
    return unicodedata.category(char) in categories or (char in "\u200c\u200d" and not first)


def _number(match: re.Match[str]) -> int | float:
    text = match[0]
    negative = text.startswith("-")
    if match["word"]:
        return math.nan if match["word"] == "NaN" else (-math.inf if negative else math.inf)
    if match["hex"]:
        return as_js_number(int(match["hex"], 16) * (-1 if negative else 1))
    if match["int"] and len(match["int"]) <= EXACT_DIGITS:
        return int(text)
    return as_js_number(float(text))


def as_js_number(value: float) -> int | float:
    """The number as JavaScript keeps it: a double, shown as int where it has no fraction."""
    try:
        double = float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    return int(double) if math.isfinite(double) and double.is_integer() else double


def _unescape(body: str, offset: int) -> str:
    def replace(match: re.Match[str]) -> str:
        code, byte, line_break, char = match.groups()
        if code or byte:
            return chr(int(code or byte, 16))
        if line_break:
            return ""
        digit_follows = char == "0" and body[match.end() : match.end() + 1] in tuple("0123456789")
        if char in "123456789ux" or digit_follows:
            raise Json5Error(offset + match.start(), "this escape is not one that JSON5 knows")
        return _SIMPLE_ESCAPES.get(char, char)

    value = _ESCAPE.sub(replace, body)
    if any("\ud800" <= char <= "\udfff" for char in value):
        value = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return value

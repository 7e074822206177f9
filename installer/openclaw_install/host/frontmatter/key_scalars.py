"""A scalar's text inside a collection that is a map key: quotes, spelling of numbers, and folded long lines.

Follows the writing side of OpenClaw's YAML library (`stringifyString`, `stringifyNumber`, `foldFlowLines`).
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

from openclaw_install.host.frontmatter.nodes import (
    PREFIX,
    Scalar,
    as_exponent,
    as_radix,
    is_null_text,
    resolve_plain,
)
from openclaw_install.host.javascript import join_surrogates, json_string, number_text, split_surrogates

LINE_WIDTH = 80
_MIN_CONTENT_WIDTH = 20
_MIN_MULTI_LINE = 40  # shorter texts keep their line breaks as `\n`
_UNFIT_FOR_PLAIN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_NEEDS_QUOTES = re.compile(
    r"^[\n\t ,\[\]{}#&*!|>'\"%@`]|^[?-]\Z|^[?-][ \t]|[\n:][ \t]|[ \t]\n|[\n\t ]#|[\n\t :]\Z|[\[\]{},]"
)
_SPACE_AT_NEWLINE = re.compile(r"[ \t]\n|\n[ \t]")
_NEWLINES = re.compile(r"\n+")
_JSON_PART = re.compile(r" (?=\\n)|\\u([0-9a-f]{4})|((?:\\n)+)(?=(\"\Z)?)(?=( )?)|\\.")
_SHORT_ESCAPES = {"0000": "0", "0007": "a", "000b": "v", "001b": "e"}
_NOT_TEXT = ("", " ", "\n", "\t")
_ESCAPE_LENGTHS = {"x": 3, "u": 5, "U": 9}


def scalar_text(node: Scalar, indent: str, at_start: int | None, *, one_line: bool) -> str:
    """The scalar as flow YAML.

    Args:
        node: the scalar.
        indent: what a further line of it begins with.
        at_start: how many characters stand before it on its line, where that is not the indentation.
        one_line: whether it is a key, which may not be folded.
    """
    value = node.value
    if value is None:
        return node.text if is_null_text(node.text) else "null"
    if isinstance(value, bool):
        return node.text
    if isinstance(value, float):
        return _number(node, value)
    return _Text(indent, at_start, one_line=one_line).write(node.style, value)


def _number(node: Scalar, value: float) -> str:
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    text = node.text
    if radix := as_radix(text):
        return f"0o{int(value):o}" if radix == 8 else f"0x{int(value):x}"
    if as_exponent(text):
        return _exponential(value)
    written = "-0" if value == 0 and math.copysign(1, value) < 0 else number_text(value)
    _, dot, fraction = text.partition(".")
    if dot and text.endswith("0") and node.tag in (None, f"{PREFIX}float") and "e" not in written:
        whole, _, digits = written.partition(".")
        written = f"{whole}.{digits.ljust(len(fraction), '0')}"
    return written


def _exponential(value: float) -> str:
    """`value.toExponential()`."""
    if value == 0:
        return "0e+0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    first, *rest = map(str, digits)
    power = int(exponent) + len(rest)
    fraction = "." + "".join(rest) if rest else ""
    return f"{'-' if sign else ''}{first}{fraction}e{power:+}"


class _Text:
    """Writes one text at one place."""

    def __init__(self, indent: str, at_start: int | None, *, one_line: bool) -> None:
        self.indent = indent
        self.at_start = at_start
        self.one_line = one_line

    def write(self, style: str, value: str) -> str:
        if style == '"' or _UNFIT_FOR_PLAIN.search(join_surrogates(value)):
            return self._double(value)
        if style == "'":
            return self._single(value)
        if style == "plain" and not _NEEDS_QUOTES.search(value) and not (self.one_line and "\n" in value):
            text = _NEWLINES.sub(lambda found: f"{found[0]}\n{self.indent}", value)
            if isinstance(resolve_plain(text), str):
                return self._fold(text)
        return self._single(value) if '"' in value and "'" not in value else self._double(value)

    def _single(self, value: str) -> str:
        if (self.one_line and "\n" in value) or _SPACE_AT_NEWLINE.search(value):
            return self._double(value)
        text = value.replace("'", "''")
        return self._fold("'" + _NEWLINES.sub(lambda found: f"{found[0]}\n{self.indent}", text) + "'")

    def _double(self, value: str) -> str:
        json = split_surrogates(json_string(value))
        keeps = self.one_line or len(json) < _MIN_MULTI_LINE

        def replace(found: re.Match[str]) -> str:
            code, newlines, at_end, space = found.groups()
            if code:
                short = _SHORT_ESCAPES.get(code)
                return f"\\{short}" if short else f"\\x{code[2:]}" if code.startswith("00") else found[0]
            if newlines:
                return _line_breaks(found[0], len(newlines) // 2, at_end, space, self.indent, keeps=keeps)
            return "\\ " if found[0] == " " else found[0]

        return self._fold(_JSON_PART.sub(replace, json), quoted=True)

    def _fold(self, text: str, *, quoted: bool = False) -> str:
        return text if self.one_line else fold(text, self.indent, self.at_start, quoted=quoted)


def _line_breaks(
    written: str, count: int, at_end: str | None, space: str | None, indent: str, *, keeps: bool
) -> str:
    """Line breaks in double quotes: real ones in a long text, where the first stands for none."""
    real = count - 1 if at_end else count  # the last one before the closing quote stays an escape
    if keeps or real == 0:
        return written
    return "\n" * (real + 1) + indent + ("\\n" if at_end else "") + ("\\" if space else "")


def fold(text: str, indent: str, at_start: int | None, *, quoted: bool) -> str:
    """Breaks lines at about `LINE_WIDTH` characters, at single spaces; in double quotes anywhere, if it must.

    Args:
        text: the scalar as it would stand on one line (or on several already).
        indent: what every new line begins with.
        at_start: how many characters stand before it on its line; None for the indentation.
        quoted: whether it is in double quotes.
    """
    step = max(1 + _MIN_CONTENT_WIDTH, 1 + LINE_WIDTH - len(indent))
    if len(text) <= step:
        return text
    folder = _Folder(text, len(indent), step, quoted=quoted)
    if at_start is not None:
        if at_start > LINE_WIDTH - _MIN_CONTENT_WIDTH:
            folder.folds.append(0)
        else:
            folder.end = LINE_WIDTH - at_start
    if not folder.run() or not folder.folds:
        return text
    out = [text[: folder.folds[0]]]
    for place, until in zip(folder.folds, [*folder.folds[1:], len(text)], strict=True):
        if place == 0:
            out = [f"\n{indent}{text[:until]}"]
            continue
        if place in folder.escaped:
            out.append(f"{text[place]}\\")
        out.append(f"\n{indent}{text[place + 1 : until]}")
    return "".join(out)


class _Folder:
    """Finds the places at which to break a text."""

    def __init__(self, text: str, indent: int, step: int, *, quoted: bool) -> None:
        self.text = text
        self.indent = indent
        self.step = step
        self.quoted = quoted
        self.end = LINE_WIDTH - indent
        self.folds: list[int] = []
        self.escaped: set[int] = set()
        self.split = 0
        self.escape_start = -1
        self.escape_end = -1

    def run(self) -> bool:
        """Walks over the text; False where it cannot be broken at all."""
        text = self.text
        index = 0
        before = ""
        while index < len(text):
            char = text[index]
            if self.quoted and char == "\\":
                self.escape_start = index
                index += _ESCAPE_LENGTHS.get(text[index + 1 : index + 2], 1)
                self.escape_end = index
            if char == "\n":
                self.end = index + self.indent + self.step
                self.split = 0
            elif char == " " and before not in _NOT_TEXT and text[index + 1 : index + 2] not in _NOT_TEXT:
                self.split = index
            if index >= self.end and char != "\n":
                if self.split:
                    self._break(self.split)
                elif self.quoted:
                    while before in (" ", "\t"):  # space may run on past the width
                        before, index = char, index + 1
                        char = text[index : index + 1]
                    if not self._break_at_escape(index):
                        return False
            before = char
            index += 1
        return True

    def _break_at_escape(self, index: int) -> bool:
        """Breaks with a backslash before `index`, but not inside an escape."""
        place = index - 2 if index > self.escape_end + 1 else self.escape_start - 1
        if place in self.escaped:
            return False
        self.escaped.add(place)
        self._break(place)
        return True

    def _break(self, place: int) -> None:
        self.folds.append(place)
        self.end = place + self.step
        self.split = 0

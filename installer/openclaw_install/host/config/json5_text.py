"""From JSON5 text to plain values, and from a syntax error to a place that shows no secret."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from openclaw_install.host.config.json5_tree import EXACT_DIGITS, Json5Error, as_js_number, parse_tree

_LINE_END = re.compile(r"\r\n|[\n\r\u2028\u2029]")
_MASKED_TOKEN = re.compile(
    r"""//.*|/\*.*?(?:\*/|$)|"(?:[^"\\]|\\.)*(?:"|$)|'(?:[^'\\]|\\.)*(?:'|$)|[^\s{}\[\],:"'/]+|/"""
)
_MULTI_LINE_TOKEN = re.compile(
    r"""//[^\n\r\u2028\u2029]*+|/\*[\s\S]*?(?:\*/|\Z)"""
    r"""|"(?:[^"\\\n\r]|\\(?:\r\n|[\s\S]))*+"?|'(?:[^'\\\n\r]|\\(?:\r\n|[\s\S]))*+'?"""
)
_KEY_AHEAD = re.compile(r"\s*:")
_PLAIN_KEY = re.compile(r"""(["']?)[A-Za-z_$][\w$-]{0,40}\1""")
_EXCERPT_LENGTH = 80


@dataclass(frozen=True)
class Place:
    """Where in a text an error is: line and column count from 1; the excerpt shows keys and brackets only."""

    line: int
    column: int
    excerpt: str


def parse_json5(text: str) -> Any:
    """The document's value, as OpenClaw reads it: strict JSON first, then JSON5.

    Large files are machine-made and therefore strict JSON, which Python reads quickly.

    Raises:
        Json5Error: npm's json5 would refuse it.
    """
    try:
        return json.loads(text, parse_int=_integer, parse_float=_fraction, parse_constant=_not_json)
    except (ValueError, RecursionError):
        return parse_tree(text).value


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= EXACT_DIGITS else as_js_number(float(digits))


def _fraction(digits: str) -> int | float:
    return as_js_number(float(digits))


def _not_json(word: str) -> None:
    raise ValueError(word)  # Python's reader takes NaN and Infinity for JSON; our own reader decides then


def place_of(text: str, error: Json5Error) -> Place:
    """Line, column and a masked excerpt for the error.

    Where the text ends too early, the place is the end of its last line that is not blank.
    """
    offset = error.offset
    if offset == len(text):
        offset = len(text.rstrip()) or offset
    line, start = 1, 0
    for match in _LINE_END.finditer(text, 0, offset):
        line, start = line + 1, match.end()
    ending = _LINE_END.search(text, offset)
    end = ending.start() if ending else len(text)
    shown_from = min(_end_of_token_at(text, start), end)
    excerpt = mask_line(text[shown_from:end], continues=shown_from > start)
    return Place(line, offset - start + 1, excerpt)


def _end_of_token_at(text: str, start: int) -> int:
    """Where the comment or string ends that goes on over the line's start; `start` where there is none."""
    for match in _MULTI_LINE_TOKEN.finditer(text):
        if match.end() > start:
            return match.end() if match.start() < start else start
    return start


def mask_line(source: str, *, continues: bool = False) -> str:
    """`source` with everything but keys, brackets and commas replaced by `***`: any value may be a secret.

    Args:
        continues: before `source` the line holds the rest of a string or comment of the line before.
    """
    parts = ["***"] if continues else []
    key_may_follow = not continues
    position = 0
    for match in _MASKED_TOKEN.finditer(source):
        gap = source[position : match.start()]
        key_may_follow = _key_may_follow(gap, before=key_may_follow)
        token = match[0]
        is_key = key_may_follow and _KEY_AHEAD.match(source, match.end()) and _PLAIN_KEY.fullmatch(token)
        parts += [gap, token if is_key else "***"]
        key_may_follow = False
        position = match.end()
    excerpt = "".join([*parts, source[position:]]).strip()
    return excerpt if len(excerpt) <= _EXCERPT_LENGTH else excerpt[: _EXCERPT_LENGTH - 1] + "…"


def _key_may_follow(gap: str, *, before: bool) -> bool:
    structure = gap.strip()
    return before if not structure else structure[-1] in "{,"

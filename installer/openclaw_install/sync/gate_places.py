"""Finds secrets by the place they stand in: commands, files, addresses, cookies, logins and tables."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping

from openclaw_install.sync.gate_names import COLUMN
from openclaw_install.sync.gate_patterns import PLACES, Judge
from openclaw_install.sync.gate_score import randomness
from openclaw_install.sync.gate_values import is_assigned_secret, is_password, is_token

_PLACES = tuple((place, re.compile(place.pattern)) for place in PLACES)
_LEAST_OF_LETTERS = -13.0  # bits: 98 of 100 values of 16 random small letters weigh more, words far less
_COOKIES = re.compile(r"(?i)\bcookies?[\"']?[ \t]{0,4}[:=]([^\n]{0,4096})")
_COOKIE = re.compile(r"[\w.-]{1,60}=([^\s;,\"'`]{20,2048})")
_SLASH = re.compile(r"(?<=[\w.@+-])[ \t]{1,4}/[ \t]{1,4}[\"'`*]{0,3}([^\s\"'`|,;<>]{8,200})")
_LOGS_IN = re.compile(
    r"(?i)\b(?:log(?:ged|s)?[ -]?[io]n|sign(?:ed|s)?[ -]?[io]n|login|credentials?|admin|root|user)\b"
)
_OF_RULES = frozenset(" \t>|:-\r")


def find_places(text: str) -> Iterator[tuple[int, str]]:
    """The offsets of values that look like secrets by their place, each with the kind it would be."""
    for place, pattern in _PLACES:
        if place.mark in text:
            judge = _JUDGES[place.judge]
            for match in pattern.finditer(text):
                group = match.lastindex or 0
                if judge(match[group]):
                    yield match.start(group), place.kind
    yield from _cookies(text)
    yield from _logins(text)
    yield from _tables(text)


def _cookies(text: str) -> Iterator[tuple[int, str]]:
    for header in _COOKIES.finditer(text):
        for cookie in _COOKIE.finditer(header[1]):
            if is_token(cookie[1]):
                yield header.start(1) + cookie.start(1), "cookie"


def _logins(text: str) -> Iterator[tuple[int, str]]:
    """A user and a password with a slash between them, in a sentence about logging in."""
    for match in _SLASH.finditer(text):
        value = match[1].rstrip(".)}*:?!")
        head = text[max(0, match.start() - 60) : match.start()]
        if value.isascii() and _LOGS_IN.search(head) and is_password(value):
            yield match.start(1), "password beside a user"


def _tables(text: str) -> Iterator[tuple[int, str]]:
    """The cells of a Markdown table's columns whose header names a secret."""
    if "|" not in text or "--" not in text:
        return
    columns: frozenset[int] = frozenset()
    header, offset = "", 0
    for line in text.split("\n"):
        if "|" not in line:
            columns = frozenset()
        elif "--" in line and _OF_RULES.issuperset(line):
            cells = enumerate(_cells(header))
            columns = frozenset(at for at, (_, cell) in cells if COLUMN.fullmatch(cell))
        elif columns:
            for at, (start, cell) in enumerate(_cells(line)):
                if at in columns and is_assigned_secret(cell):
                    yield offset + start, "secret in a table"
        header = line
        offset += len(line) + 1


def _cells(line: str) -> list[tuple[int, str]]:
    """The cells of a row, each with its offset in the line, without the signs of Markdown around them."""
    cells, start = [], 0
    for cell in line.split("|"):
        cells.append((start, cell.strip(" \t\r>*`\"'")))
        start += len(cell) + 1
    return cells


def _is_login(encoded: str) -> bool:
    """Whether a Base64 value holds a user and a password that is not a placeholder."""
    padded = encoded.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        plain = base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return False
    user, colon, password = plain.partition(":")
    if not colon or not user.isprintable():
        return False
    return (len(password) >= 8 and not password.isascii()) or is_password(password)


def _is_in_fours(value: str) -> bool:
    letters = value.replace(" ", "").replace("\u00a0", "").replace("-", "")
    return randomness(letters) >= _LEAST_OF_LETTERS and "xxxx" not in letters


_JUDGES: Mapping[Judge, Callable[[str], bool]] = {
    Judge.BY_WEIGHT: is_password,
    Judge.LONG: is_token,
    Judge.LOGIN: _is_login,
    Judge.LETTERS: _is_in_fours,
}

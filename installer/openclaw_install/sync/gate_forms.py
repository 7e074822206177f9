"""Finds secrets without a mark of their provider: beside a telling name, or in a place where one belongs.

Such places are commands, files, addresses, cookies, logins and tables. The patterns run over the whole text
and not over lines, so neither the length of a line nor a break after the name hides a value. Each is bounded,
so their time grows with the text alone.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from openclaw_install.sync import gate_names
from openclaw_install.sync.gate_names import Names
from openclaw_install.sync.gate_patterns import PLACES, Judge
from openclaw_install.sync.gate_values import is_assigned_secret, is_password, is_token, randomness

# A value: quoted (the first two groups), as code in Markdown, or bare. Chinese characters end a bare one.
_BARE = r"[^\s\"'`,;|<>&\u2e80-\uffef]{8,400}"
_VALUE = rf"(?:\"([^\"\n]{{8,400}})\"|'([^'\n]{{8,400}})'|`([^`\n]{{8,400}})`|({_BARE}))"
_GROUPS = 6  # the name, the link, and four kinds of value
# Characters of values that are judged, the second for each of the text: a name may be part of the value of
# the one before, and each value is up to 400 long. A text of names alone, which would take minutes, is held.
_LEAST_JUDGED, _MOST_JUDGED = 20_000, 2
_SUFFIX = r"(?:_?(?:value|prod|dev|staging|live|main|old|new|backup|base|base64|b64|hex|\d{1,3}))?"
_SCHEME = r"(?:Token|Key|Api-?Key|Bot)[ \t]+"
_COLON = rf":(?:[ \t]*[A-Za-z]{{2,12}}[ \t]*=|[ \t]*{_SCHEME})?"
_SIGN = rf"(?::=|=>|->|→|={{1,3}}|{_COLON}|\||>|\((?=[\"'])|[\uff1a\uff1d是为])"
_FENCE = r"(?:`{3,4}\w{0,12}[ \t]*\r?\n[ \t>]*)?"
_NEXT_LINE = rf"(?:(?:[>|][+-]?|\\)?[ \t]*\r?\n[ \t>]*(?:\r?\n[ \t>]*)?{_FENCE})?"
_LINK = (
    rf"(?P<link>[ \t]*{_SIGN}[ \t*]*{_NEXT_LINE}"
    r"(?:\([ \t]{0,8}(?:\r?\n[ \t]{0,40})?(?=[\"']))?(?:[bfru]{1,2}(?=[\"']))?\\?"
    r"|[ \t]+(?:(?:is|was|are|to|--?(?:body|value|b|v))[ \t]*[:=]?[ \t]*)?)"
)
_BEFORE = re.compile(r"(?:([A-Za-z]+)[ \t])?([A-Za-z0-9_.-]*)\Z")
_SEGMENT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_PLACES = tuple((place, re.compile(place.pattern)) for place in PLACES)
_LEAST_OF_LETTERS = -13.0  # bits: 98 of 100 values of 16 random small letters weigh more, words far less
_COOKIES = re.compile(r"(?i)\bcookies?[\"']?[ \t]{0,4}[:=]([^\n]{0,4096})")
_COOKIE = re.compile(r"[\w.-]{1,60}=([^\s;,\"'`]{20,2048})")
_SLASH = re.compile(r"(?<=[\w.@+-])[ \t]{1,4}/[ \t]{1,4}[\"'`*]{0,3}([^\s\"'`|,;<>]{8,200})")
_LOGS_IN = re.compile(
    r"(?i)\b(?:log(?:ged|s)?[ -]?[io]n|sign(?:ed|s)?[ -]?[io]n|login|credentials?|admin|root|user)\b"
)
_OF_RULES = frozenset(" \t>|:-\r")


@cache
def _pattern(names: Names) -> re.Pattern[str]:
    called = f"{names.passwords}|{names.others}" if names.others else names.passwords
    return re.compile(
        rf"(?i)({called})"
        rf"{_SUFFIX}(?![A-Za-z0-9])[\]\"'`*)\\]{{0,5}}{_LINK}(?={_VALUE})"  # it may be the next name
    )


def find_forms(text: str) -> Iterator[tuple[int, str]]:
    """The offsets of values that look like secrets by where they stand, each with the kind it would be."""
    room = _LEAST_JUDGED + _MOST_JUDGED * len(text)
    for names in gate_names.names_in(text):
        for match in _pattern(names).finditer(text):
            room -= len(match[match.lastindex or 0])
            if room < 0:
                yield match.start(), "names within names, too many to judge"
                return
            yield from _judged(text, match)


def _judged(text: str, match: re.Match[str]) -> Iterator[tuple[int, str]]:
    """The finding of one named value, if there is one."""
    group = match.lastindex or 0
    head = text[max(0, match.start() - 60) : match.start()]
    words = _words(head, match[1])
    if not words or not _is_linked(match["link"], head, words, match[group], bare=group == _GROUPS):
        return
    quoted = group < _GROUPS - 1
    value = match[group].removesuffix("\\")
    if not quoted and not value.endswith("..."):  # which says that the rest was left out
        value = value.rstrip(".)}*:?!\\")
    if is_assigned_secret(
        value,
        quoted=quoted,
        uuid=_may_be_uuid(words, head),
        is_password=gate_names.is_password_name(match[1]),
    ):
        yield match.start(group), "assigned secret"


def _words(head: str, core: str) -> list[str]:
    """The words of the name that ends in `core`, lower-case; none where the name is not one of a secret."""
    before = _BEFORE.search(head)
    spaced, joined = (before[1] or "", before[2]) if before else ("", "")
    last = core.lower()
    joined = joined.rpartition(".")[2] if joined[-1:] != "." else joined
    glued = core.isascii() and joined[-1:].isalpha() and not (joined[-1].islower() and core[0].isupper())
    if joined.lower().endswith("publickey"):
        return []
    is_whole = last == "key" and joined.lower().endswith(gate_names.BEFORE_KEY)
    if glued and not is_whole and not last.startswith(gate_names.FULL_WORDS):
        return []
    words = [word.lower() for word in _SEGMENT.findall(joined)]
    if not words and spaced:
        words = [spaced.lower()]
    is_query = head.endswith(("?", "&"))
    named = (joined + core).isupper() and "_" in joined
    return (
        [*words, last]
        if _is_secret_name(words[-1] if words else "", last, named=named, is_query=is_query)
        else []
    )


def _is_secret_name(previous: str, last: str, *, named: bool, is_query: bool) -> bool:
    if last == "key":
        if previous.endswith(gate_names.BEFORE_KEY):
            return True
        return is_query or bool(
            gate_names.SECRET_KEYS.fullmatch(previous)
            or (named and not gate_names.PUBLIC_KEYS.fullmatch(previous))
        )
    if last == "appid":
        return is_query
    if last == "pass":
        return bool(previous)
    return not (last == "token" and gate_names.PUBLIC_TOKENS.fullmatch(previous))


def _is_variable(head: str, words: list[str]) -> bool:
    """Whether the name is one of the environment, as in `export DB_PASS`."""
    return "_" in head[-1:] and head[-2:-1].isupper() and len(words) > 1


def _is_linked(link: str, head: str, words: list[str], value: str, *, bare: bool) -> bool:
    """Whether what stands between name and value joins the two.

    A blank does so before quotes, after options and variables, and between "password" and its value.
    """
    if link.strip(" \t") or not bare or _is_variable(head, words):
        return True
    dashes = re.search(r"--[\w-]*$", head)
    return bool(dashes) or (words[-1].startswith("passw") and any(char.isupper() for char in value))


def _may_be_uuid(words: list[str], head: str) -> bool:
    """Whether an UUID would be a secret under this name: `*_API_KEY`, `*_TOKEN`, `*_SECRET`."""
    return words[-1] in ("key", "token", "secret") and re.search(r"[A-Za-z_?&-]$", head) is not None


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
            columns = frozenset(at for at, (_, cell) in cells if gate_names.COLUMN.fullmatch(cell))
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

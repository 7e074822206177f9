"""Finds secrets without a mark of their provider: beside a telling name.

The patterns run over the whole text and not over lines, so neither the length of a line nor a break after the
name hides a value. Each is bounded, so their time grows with the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from openclaw_install.sync.gate_names import (
    BEFORE_KEY,
    FULL_WORDS,
    PUBLIC_KEYS,
    PUBLIC_TOKENS,
    SECRET_KEYS,
    Names,
    is_password_name,
    names_in,
)
from openclaw_install.sync.gate_values import is_assigned_secret

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
    for names in names_in(text):
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
        value, quoted=quoted, uuid=_may_be_uuid(words, head), is_password=is_password_name(match[1])
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
    is_whole = last == "key" and joined.lower().endswith(BEFORE_KEY)
    if glued and not is_whole and not last.startswith(FULL_WORDS):
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
        if previous.endswith(BEFORE_KEY):
            return True
        return is_query or bool(
            SECRET_KEYS.fullmatch(previous) or (named and not PUBLIC_KEYS.fullmatch(previous))
        )
    if last == "appid":
        return is_query
    if last == "pass":
        return bool(previous)
    return not (last == "token" and PUBLIC_TOKENS.fullmatch(previous))


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

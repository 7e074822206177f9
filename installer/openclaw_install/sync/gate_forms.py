"""Finds secrets without a mark of their provider: beside a telling name, or where a command takes them.

The patterns run over the whole text and not over lines, so neither the length of a line nor a break after the
name hides a value. Each is bounded, so their time grows with the text alone.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from openclaw_install.sync.gate_values import is_assigned_secret, is_password, is_token

# A value: quoted (the first two groups), as code in Markdown, or bare. Chinese characters end a bare one.
_BARE = r"[^\s\"'`,;|<>&\u2e80-\uffef]{8,400}"
_VALUE = rf"(?:\"([^\"\n]{{8,400}})\"|'([^'\n]{{8,400}})'|`([^`\n]{{8,400}})`|({_BARE}))"
_SUFFIX = r"(?:_?(?:value|prod|dev|staging|live|main|old|new|backup|base|base64|b64|hex|\d{1,3}))?"
_SCHEME = r"(?:Token|Key|Api-?Key|Bot)[ \t]+"
_COLON = rf":(?:[ \t]*[A-Za-z]{{2,12}}[ \t]*=|[ \t]*{_SCHEME})?"
_SIGN = rf"(?::=|=>|->|→|={{1,3}}|{_COLON}|\||>|\((?=[\"'])|[\uff1a\uff1d是为])"
_FENCE = r"(?:`{3,4}\w{0,12}[ \t]*\r?\n[ \t>]*)?"
_NEXT_LINE = rf"(?:(?:[>|][+-]?|\\)?[ \t]*\r?\n[ \t>]*(?:\r?\n[ \t>]*)?{_FENCE})?"
_LINK = (
    rf"(?P<link>[ \t]*{_SIGN}[ \t*]*{_NEXT_LINE}(?:[bfru]{{1,2}}(?=[\"']))?\\?"
    r"|[ \t]+(?:(?:is|was|are|to|--?(?:body|value|b|v))[ \t]*[:=]?[ \t]*)?)"
)
_NAMED = re.compile(
    r"(?i)(passw(?:or)?d|passphrase|passcode|pass|pwd|secret|token|credentials?|key|bearer|appid|authorization|"
    r"密码|密钥|口令|令牌)"
    rf"{_SUFFIX}(?![A-Za-z0-9])[\]\"'`*)\\]{{0,5}}{_LINK}(?={_VALUE})"  # ahead, as it may be the next name
)
_BEFORE = re.compile(r"(?:([A-Za-z]+)[ \t])?([A-Za-z0-9_.-]*)$")
_SEGMENT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_FULL_WORDS = ("passw", "passphrase")  # also at the end of a longer word, as in PGPASSWORD
_BEFORE_KEY = ("api", "access", "private", "secret")  # also without a border, as in apikey
# A key is secret only with one of these before it; all else (primary, cache, sort, ...) is no secret.
_SECRET_KEYS = re.compile(
    r"api|apis|access|private|secret|auth|encryption|encrypt|signing|master|account|admin|"
    r"service|client|storage|subscription|deploy|license|app|application|shared|webhook|"
    r"hmac|jwt|ssh|server"
)
# In a variable of the environment the word may be any other than these.
_PUBLIC_KEYS = re.compile(
    r"primary|foreign|cache|sort|partition|public|pub|idempotency|session|index|unique|"
    r"row|object|file|map|hash|routing|group|dedupe|field|json|lookup|state|storage|"
    r"registry|hot|sha|etag"
)
_PUBLIC_TOKENS = re.compile(
    r"max|min|doc|docs|document|page|cursor|next|prev|previous|sync|pagination|"
    r"continuation|spreadsheet|sheet|wiki|node|obj|file|folder|table|image|block|special|"
    r"eos|bos|pad|stop|parent|"
    r"spl|sell|buy|from|to|in|out|dest|dst|src|input|output|fee|base|quote|mint|fungible|associated|flow"
)
_ADDRESS = re.compile(r"(?<=[A-Za-z0-9])://[^\s:/@\"'`<>]{0,80}:([^\s@\"'`<>/]{8,200})@[\w\[]")
_TOKEN_ADDRESS = re.compile(r"://([A-Za-z0-9_-]{20,200})@(?![\w.-]*sentry)")  # Sentry's are public
_OPTION = re.compile(
    r"(?:\bcurl\b[^\n]{0,300}?(?<!date)\s(?:-u|--user)[ =]?(?:\"[^\s:\"]{1,80}:([^\s\"]{8,200})\"|"
    r"'[^\s:']{1,80}:([^\s']{8,200})'|[^\s:\"']{1,80}:([^\s\"'`]{8,200}))"
    r"|\b(?:mysql|mariadb)\w*\b[^\n]{0,300}?\s-p(?:\"([^\s\"]{8,200})\"|'([^\s']{8,200})'|([^\s\"'`]{8,200})))"
)
_BASIC = re.compile(r"\b[Bb]asic[ \t]{1,4}([A-Za-z0-9+/_-]{12,400}={0,2})")


def find_forms(text: str) -> Iterator[tuple[int, str]]:
    """The offsets of values that look like secrets by where they stand, each with the kind it would be."""
    for match in _NAMED.finditer(text):
        yield from _judged(text, match)
    for match in _ADDRESS.finditer(text):
        if is_password(match[1]):
            yield match.start(1), "password in an address"
    for match in _TOKEN_ADDRESS.finditer(text):
        if is_token(match[1]):
            yield match.start(1), "token in an address"
    for match in _OPTION.finditer(text):
        group = match.lastindex or 0
        if is_password(match[group]):
            yield match.start(group), "password in a command"
    for match in _BASIC.finditer(text):
        if _is_login(match[1]):
            yield match.start(1), "basic authentication"


def _judged(text: str, match: re.Match[str]) -> Iterator[tuple[int, str]]:
    """The finding of one named value, if there is one."""
    group = match.lastindex or 0
    head = text[max(0, match.start() - 60) : match.start()]
    words = _words(head, match[1])
    if not words or not _is_linked(match["link"], head, words, match[group], bare=group == _NAMED.groups):
        return
    quoted = group < _group_of_code()
    value = match[group].removesuffix("\\")
    if not quoted and not value.endswith("..."):  # which says that the rest was left out
        value = value.rstrip(".)}*:?!\\")
    if is_assigned_secret(value, quoted=quoted, uuid=_may_be_uuid(words, head)):
        yield match.start(group), "assigned secret"


def _group_of_code() -> int:
    return _NAMED.groups - 1


def _words(head: str, core: str) -> list[str]:
    """The words of the name that ends in `core`, lower-case; none where the name is not one of a secret."""
    before = _BEFORE.search(head)
    spaced, joined = (before[1] or "", before[2]) if before else ("", "")
    last = core.lower()
    joined = joined.rpartition(".")[2] if joined[-1:] != "." else joined
    glued = core.isascii() and joined[-1:].isalpha() and not (joined[-1].islower() and core[0].isupper())
    if joined.lower().endswith("publickey"):
        return []
    is_whole = last == "key" and joined.lower().endswith(_BEFORE_KEY)
    if glued and not is_whole and not last.startswith(_FULL_WORDS):
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
        if previous.endswith(_BEFORE_KEY):
            return True
        return is_query or bool(
            _SECRET_KEYS.fullmatch(previous) or (named and not _PUBLIC_KEYS.fullmatch(previous))
        )
    if last == "appid":
        return is_query
    if last == "pass":
        return bool(previous)
    return not (last == "token" and _PUBLIC_TOKENS.fullmatch(previous))


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


def _is_login(encoded: str) -> bool:
    """Whether the value of `Authorization: Basic` holds a password that is not a placeholder."""
    padded = encoded.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        plain = base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return False
    user, colon, password = plain.partition(":")
    if not colon or not user.isprintable():
        return False
    return (len(password) >= 8 and not password.isascii()) or is_password(password)

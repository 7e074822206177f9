"""The config's text as anybody may read it: its structure, and only values that are known to be harmless."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from openclaw_install.common.invisible import hides_nothing
from openclaw_install.common.redaction import MASK, Secret
from openclaw_install.host.config.json5_tree import Json5Error, Node, parse_tree

ELLIPSIS = "…"
LINE_BREAK = re.compile(r"\r\n|[\n\r]")
_KEY = re.compile(r""""(?:[^"\\]|\\[\s\S])*+"|'(?:[^'\\]|\\[\s\S])*+'|[^\s:/\ufeff]+""")
_COMMENT = re.compile(r"//[^\n\r\u2028\u2029]*|/\*[\s\S]*?\*/")
_ODD_SPACE = re.compile(r"[^\S \t\n\r]|\ufeff")
_REFERENCE = re.compile(r"\$\{[A-Z_][A-Z0-9_]{0,127}\}")
# Values at these paths and in lists there are shown. Our edits write those of `hooks`; the others orient.
_SHOWN_PATHS = frozenset(
    [
        *(("hooks", key) for key in (
            "enabled", "path", "allowRequestSessionKey", "allowedSessionKeyPrefixes", "defaultSessionKey",
            "allowedAgentIds", "presets",
        )),
        *(("gateway", key) for key in ("mode", "bind", "port")),
    ]
)  # fmt: skip
# A command line would have blanks, a credential of a URL or of a variable `=` or `://`.
_PLAIN_WORD = re.compile(r"(?!.*://)[\w.,:/\\@+~-]{1,200}")
_PLAIN_KEY = re.compile(r"[\w$ .:/@*+#-]{0,64}")
# Somebody may have used a credential as a key: its usual beginnings, and long runs of letters with digits.
_LIKE_A_CREDENTIAL = re.compile(
    r"(?:^|[^a-z])(?:sk|pk|rk|xox[a-z]|gh[a-z]|github_pat|glpat)[-_][\w-]{6}"
    r"|(?=[a-z]*[0-9])(?=[0-9]*[a-z])[a-z0-9]{16}",
    re.IGNORECASE,
)
_MASKED = f'"{MASK}"'


@dataclass(frozen=True)
class Shown:
    """A text as it may be read, line for line, and where each piece of the original went.

    Attributes:
        text: what may be read; it has as many lines as the original.
        raw_at: where the pieces begin in the original, ascending from 0.
        shown_at: where they begin in `text`.
    """

    text: str
    raw_at: tuple[int, ...]
    shown_at: tuple[int, ...]
    raw_length: int

    def place(self, offset: int, *, end: bool) -> int:
        """Where the original's `offset` is in `text`; inside of a mask it is the mask's beginning or end."""
        at = bisect_right(self.raw_at, offset) - 1
        start, place = self.raw_at[at], self.shown_at[at]
        last = at + 1 == len(self.raw_at)
        raw_end = self.raw_length if last else self.raw_at[at + 1]
        shown_end = len(self.text) if last else self.shown_at[at + 1]
        if offset == start or raw_end - start == shown_end - place:
            return place + offset - start
        return shown_end if end else place


def shown(
    text: str, root: Node | None, secrets: Iterable[Secret], own_servers: Collection[str] = ()
) -> Shown:
    """`text` with everything masked that is not known to be harmless.

    Shown are keys, brackets, commas, white space, booleans, null, empty strings, `${NAME}` alone, the hook
    policy without its token, and the bare name of an MCP server's program. Every other value and every
    comment is masked; of a text that is no JSON5 only the indentation is left.

    Args:
        text: a version of the config.
        root: its tree, see `tree_of`.
        secrets: what must not be shown, wherever it stands.
        own_servers: names of MCP servers whose arguments are ours and therefore shown.
    """
    if root is None:
        return _laid_out([(0, re.sub(r"\S[^\n\r]*", ELLIPSIS, _spaces_only(text)))] if text else [], text)
    values = [secret.reveal() for secret in secrets]

    @cache
    def is_known(value: str) -> bool:
        return any(secret in value for secret in values)

    pieces: list[tuple[int, str]] = []
    cursor = 0
    for start, end, is_harmless in _scalars_and_keys(text, root, frozenset(own_servers), is_known):
        pieces += _between(text, cursor, start)
        raw = text[start:end]
        harmless = is_harmless and raw.isprintable() and hides_nothing(raw)
        pieces.append((start, raw if harmless else _MASKED + "\n" * len(LINE_BREAK.findall(raw))))
        cursor = end
    return _laid_out([*pieces, *_between(text, cursor, len(text))], text)


def tree_of(text: str) -> Node | None:
    """The text's tree; None where it is no JSON5."""
    try:
        return parse_tree(text)
    except Json5Error:
        return None


def server_names(root: Node | None) -> frozenset[str]:
    """The names of all MCP servers, also of those that a later key of the same name hides."""
    levels = [root] if root else []
    for key in ("mcp", "servers"):
        levels = [child.node for node in levels for child in node.children if child.name == key]
    return frozenset(str(child.name) for node in levels for child in node.children)


def _laid_out(pieces: list[tuple[int, str]], text: str) -> Shown:
    places, length = [], 0
    for _, piece in pieces:
        places.append(length)
        length += len(piece)
    whole = "".join(piece for _, piece in pieces)
    return Shown(whole, tuple(at for at, _ in pieces), tuple(places), len(text))


def _scalars_and_keys(
    text: str, root: Node, own_servers: frozenset[str], is_known: Callable[[str], bool]
) -> Iterator[tuple[int, int, bool]]:
    """Each key and each value that is no container: start, end, and whether it may be shown; in order."""
    waiting: list[tuple[Node, tuple[str | int, ...], tuple[int, str] | None]] = [(root, (), None)]
    while waiting:
        node, path, key = waiting.pop()
        if key is not None:
            start, name = key
            match = _KEY.match(text, start)
            yield start, match.end() if match else node.start, _key_is_harmless(name) and not is_known(name)
        if not node.is_container:
            harmless = _is_harmless(node.value, path, own_servers)
            yield node.start, node.end, harmless and not _holds_secret(node.value, is_known)
        for child in reversed(node.children):
            is_member = isinstance(child.name, str)
            below = (*path, child.name if is_member else 0)
            waiting.append((child.node, below, (child.start, str(child.name)) if is_member else None))


def _key_is_harmless(name: str) -> bool:
    return _PLAIN_KEY.fullmatch(name) is not None and _LIKE_A_CREDENTIAL.search(name) is None


def _holds_secret(value: Any, is_known: Callable[[str], bool]) -> bool:
    return value is not None and not isinstance(value, bool) and is_known(str(value))


def _is_harmless(value: Any, path: tuple[str | int, ...], own_servers: frozenset[str]) -> bool:
    if value is None or isinstance(value, bool) or value == "":
        return True
    where = path[:-1] if path and path[-1] == 0 else path
    if where in _SHOWN_PATHS:
        return True
    if not isinstance(value, str):
        return False
    if _REFERENCE.fullmatch(value):
        return True
    if len(where) != 4 or where[:2] != ("mcp", "servers"):
        return False
    shows = where[3] == "command" or (where[3] == "args" and where[2] in own_servers)
    return shows and _PLAIN_WORD.fullmatch(value) is not None


def _between(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """The punctuation, white space and masked comments of a stretch that holds no key and no value."""
    for match in _COMMENT.finditer(text, start, end):
        if start < match.start():
            yield start, _spaces_only(text[start : match.start()])
        yield match.start(), _masked_comment(match[0], text[match.end() : match.end() + 1])
        start = match.end()
    if start < end:
        yield start, _spaces_only(text[start:end])


def _masked_comment(comment: str, after: str) -> str:
    if comment.startswith("//") and after not in ("\u2028", "\u2029"):
        return f"// {ELLIPSIS}"
    breaks = len(LINE_BREAK.findall(comment))
    return f"/* {ELLIPSIS}" + f"\n{ELLIPSIS}" * breaks + " */"


def _spaces_only(text: str) -> str:
    """`text` with odd white space, which may look like a line end, as plain blanks."""
    return _ODD_SPACE.sub(" ", text)

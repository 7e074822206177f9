"""Which values of the config are secrets, and a diff that shows a change without showing them.

Source of the key patterns: OpenClaw's `config/sensitive-paths`; headers, credentials in URLs and a few common
names are added, because masking one value too many costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from openclaw_install.common.redaction import MASK, Secret, redact
from openclaw_install.host.config_document import ConfigDocument
from openclaw_install.host.json5_tree import Json5Error, Node, parse_tree

_SENSITIVE = re.compile(
    r"token$|password|passwd|passphrase|secret|api.?key|encrypt.?key|private.?key|access.?key|serviceaccount"
    r"|credential|authorization|cookie|bearer|^x-.*key|_key$|signature|webhook.?url",
    re.IGNORECASE,
)
_HARMLESS = (
    "maxtokens", "maxoutputtokens", "maxinputtokens", "maxcompletiontokens", "contexttokens", "totaltokens",
    "tokencount", "tokenlimit", "tokenbudget", "passwordfile",
)  # fmt: skip
# The parts of a SecretRef and the like: they name a secret, they are none.
_REFERENCE_KEYS = frozenset({"source", "provider", "id", "mode", "type", "kind"})
_SECRET_URL = re.compile(
    r"://[^/\s@]*:[^/\s@]+@|[?&][^=&#\s]*(?:token|key|secret|pass|auth|sig)[^=&#\s]*=", re.I
)
_ENV_ONLY = re.compile(r"\$\{[^}]*\}")
_COMMENT = re.compile(r"//[^\n\r\u2028\u2029]*|/\*[\s\S]*?\*/")
_IN_COMMENT = re.compile(r"""(["']?)([\w.-]+)\1(\s*[:=]\s*)("[^"\n]*"?|'[^'\n]*'?|[^\s,}\]]+)""")
_SHORTEST = 4
_CONTEXT = 3


def is_sensitive(keys: Iterable[str]) -> bool:
    """Whether a value below these keys (outermost first) is a secret."""
    names = list(keys)
    if not names or names[-1].lower().endswith(_HARMLESS):
        return False
    above = [] if names[0] == "secrets" or names[-1] in _REFERENCE_KEYS else names[:-1]
    if any(name.lower() == "headers" or _SENSITIVE.search(name) for name in above):
        return True
    return _SENSITIVE.search(names[-1]) is not None


def secrets_in(document: ConfigDocument) -> tuple[Secret, ...]:
    """Every secret value of the document, as it is written and as it resolves; each once, longest first.

    Values under four characters are left out: masking them would mask everything.
    """
    found: set[str] = set()
    for data in (document.data, document.as_written):
        found.update(text for text in _secret_texts(data, ()) if len(text) >= _SHORTEST)
    return tuple(Secret(text) for text in sorted(found, key=lambda text: (-len(text), text)))


def _secret_texts(value: Any, keys: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _secret_texts(child, (*keys, key))
    elif isinstance(value, list):
        for child in value:
            yield from _secret_texts(child, keys)
    elif _is_secret(value, keys):
        yield str(value)


def _is_secret(value: Any, keys: tuple[str, ...]) -> bool:
    if isinstance(value, str):
        if not value.strip() or _ENV_ONLY.fullmatch(value.strip()):
            return False
        return is_sensitive(keys) or _SECRET_URL.search(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool) and is_sensitive(keys)


def masked_diff(before: str, after: str, path: Path, secrets: Iterable[Secret]) -> str:
    """A unified diff of two versions of the config, with every secret masked; empty when they are equal.

    Lines that differ only inside a secret still show as changed. Masked are the `secrets`, the values at
    sensitive keys in either version, and what looks like such a member inside a comment.
    """
    if before == after:
        return ""
    known = [secret for secret in secrets if secret.length >= _SHORTEST]
    old, new = before.splitlines(), after.splitlines()
    old_shown, new_shown = _masked(before, known), _masked(after, known)
    lines = [f"--- {path}", f"+++ {path}"]
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(_CONTEXT):
        first, last = group[0], group[-1]
        lines.append(f"@@ -{first[1] + 1},{last[2] - first[1]} +{first[3] + 1},{last[4] - first[3]} @@")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [f" {line}" for line in old_shown[i1:i2]]
                continue
            lines += [f"-{line}" for line in old_shown[i1:i2]]
            lines += [f"+{line}" for line in new_shown[j1:j2]]
    return "\n".join(lines) + "\n"


def _masked(text: str, secrets: list[Secret]) -> list[str]:
    """The text's lines with its secrets masked; there are as many lines as before."""
    parts: list[str] = []
    cursor = 0
    for start, end in _secret_spans(text):
        breaks = len((text[start:end] + "x").splitlines()) - 1
        parts += [_comments_masked(text[cursor:start]), f'"{MASK}"', "\n" * breaks]
        cursor = end
    parts.append(_comments_masked(text[cursor:]))
    return redact("".join(parts), secrets).splitlines()


def _comments_masked(text: str) -> str:
    def member(match: re.Match[str]) -> str:
        quote, key, gap, _ = match.groups()
        return f"{quote}{key}{quote}{gap}{MASK}" if is_sensitive([key]) else match[0]

    return _COMMENT.sub(lambda comment: _IN_COMMENT.sub(member, comment[0]), text)


def _secret_spans(text: str) -> list[tuple[int, int]]:
    try:
        root = parse_tree(text)
    except Json5Error:
        return []
    spans: list[tuple[int, int]] = []

    def visit(node: Node, keys: tuple[str, ...]) -> None:
        for child in node.children:
            visit(child.node, (*keys, child.name) if isinstance(child.name, str) else keys)
        if not node.is_container and _is_secret(node.value, keys):
            spans.append((node.start, node.end))

    visit(root, ())
    return spans

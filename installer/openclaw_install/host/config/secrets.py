"""Which values of the config are secrets, and a diff that shows a change without showing them.

Source of the key patterns: OpenClaw's `config/sensitive-paths`; headers, credentials in URLs and a few common
names are added, because masking one value too many costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from openclaw_install.common.redaction import Secret
from openclaw_install.host.config.diff import Version, unified_diff
from openclaw_install.host.config.document import ConfigDocument
from openclaw_install.host.config.shown import server_names, shown, tree_of

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
_SHORTEST = 4


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
    """A unified diff of two versions of the config that shows no secret; empty when they are equal.

    What is shown is on a list of harmless things (see `config_shown.shown`); the rest is masked, comments
    too. Lines that differ only inside a mask still show as changed; long ones are cut down to their changes.

    Args:
        before: the file's text now.
        after: the same text with our edits; an MCP server that only this one has is one of ours.
        path: the name in the diff's head.
        secrets: values to mask even at harmless places; those under four characters are not looked for.
    """
    if before == after:
        return ""
    known = [secret for secret in secrets if secret.length >= _SHORTEST]
    old_root, new_root = tree_of(before), tree_of(after)
    # Of a text that cannot be read nobody knows which servers it has.
    readable = old_root is not None or not before.strip()
    added = server_names(new_root) - server_names(old_root) if readable else frozenset()
    old = Version(before, shown(before, old_root, known))
    new = Version(after, shown(after, new_root, known, added))
    return unified_diff(old, new, str(path))

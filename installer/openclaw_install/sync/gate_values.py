"""Whether a value looks like a real secret or like a placeholder (pure)."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter

# What people write where a secret would stand. Long words count anywhere, short ones only as whole words or
# at the ends: in the hundred random characters of a key, a given four letters are no rarity.
_PLACEHOLDER = re.compile(
    r"(?i)example|placeholder|change[-_]?me|redacted|password|passw0rd|s3cr3t|hunter2|foobar|deadbeef|cafebabe|"
    r"IkpvaG4gRG9lI|x{5}|(.)\1{6}|\.\.\.|…|[<>]|\*\*\*|^your|^my[-_]|^x{4}|x{4}$|here$|"
    r"(?<![a-z0-9])(?:your|sample|replace|insert|dummy|fake|todo|here|goes|f00ba|xxxx)(?![a-z0-9])"
)
# A reference to where the value comes from, or code that makes it; wherever the value stands.
_REFERENCE = re.compile(
    r"::|://|->|process\.env|os\.environ|getenv|^[~.@&]|^/[A-Za-z][a-z]+[/._-]|^arn:|^(?:sha\d+|md5)[-:=]|"
    r"^(?:op|vault|ref|env|keychain|sops):|"
    r"\$\{[^}]*\}|\$\([^)]*\)|\{\{|^\$|^%|%\(\w+\)|^\{[^}]*\}$|^\[.*\]$|^!\w+ "
)
_CODE = re.compile(r"[$%{}()\[\]\\]")  # in a value without quotes, the language's own signs
_SIGNS = frozenset("!$#%&*?^{}()[]\\@")
# Words with versions and numbers: `user_id_2024_v2_final`, `my-app-tls-v1-2024a`.
_WORD = r"(?:[A-Z]?[a-z]*\d{0,4}[A-Za-z]?|[A-Z]{1,8}\d{0,4})"
_WORDS = re.compile(rf"{_WORD}(?:[-_.:/+]{_WORD})+")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LEAST_ENTROPY = 3.0  # bits a character; words and repetitions lie below it, or have few changes of kind
_MOST_IN_SEQUENCE = 0.4


def is_exact_token(value: str) -> bool:
    """Whether the value of a form with exact length and alphabet is anything but a placeholder."""
    return not _PLACEHOLDER.search(value) and _is_varied(value, 2.0)


def is_token(value: str) -> bool:
    """Whether the value that a provider's pattern found is one that a provider would give out."""
    return len(value) >= 16 and not _PLACEHOLDER.search(value) and _is_random(value)


def is_password(value: str) -> bool:
    """Whether the password of a `user:password@host` address or of a command looks like one in use."""
    return len(value) >= 8 and not _set_aside(value) and _is_random(value, entropy=2.5)


def is_assigned_secret(value: str, *, quoted: bool = False, uuid: bool = False) -> bool:
    """Whether a value that is assigned to something called password, token or key looks random.

    Within quotes (`quoted`) brackets and `$` may be part of a password; without, they are code. An UUID is a
    secret under some names only (`uuid`).
    """
    if " " in value or _set_aside(value) or (not quoted and _CODE.search(value)):
        return False
    if _UUID.fullmatch(value):
        return uuid and _is_varied(value, 2.5)
    if len(value) < 12 or _WORDS.fullmatch(value):
        return False
    digits = sum(char.isdigit() for char in value)
    signs = sum(char in _SIGNS for char in value) if quoted else 0
    # The fewer digits, the more the rest must change between small and capital letters, lest it be words.
    changing = _changes(value) / len(value)
    least = 0 if value.isalnum() and changing >= 0.45 else 1 if len(value) >= 20 and changing >= 0.3 else 2
    return digits + signs >= least and _is_random(value)


def _set_aside(value: str) -> bool:
    return bool(_PLACEHOLDER.search(value) or _REFERENCE.search(value))


def _is_random(value: str, entropy: float = _LEAST_ENTROPY) -> bool:
    return _is_varied(value, entropy) and _changes(value) >= max(3, len(value) // 8)


def _is_varied(value: str, entropy: float) -> bool:
    return _entropy(value) >= entropy and _in_sequence(value) <= _MOST_IN_SEQUENCE


def _entropy(value: str) -> float:
    """Shannon's entropy, in bits a character."""
    total = len(value)
    return -sum(count / total * math.log2(count / total) for count in Counter(value).values())


def _in_sequence(value: str) -> float:
    """The share of neighbours that are equal or follow each other, as in `aaaa`, `abcd` and `1234`."""
    folded = value.lower()
    pairs = list(itertools.pairwise(folded))
    return sum(ord(after) - ord(before) in (0, 1) for before, after in pairs) / len(pairs)


def _changes(value: str) -> int:
    """How often the kind of character changes between digits, small letters, capitals and signs.

    Random text changes all the time, words and identifiers at their borders only.
    """
    kinds = [_kind(char) for char in value if char.isalnum() or char in _SIGNS]
    return sum(before != after for before, after in itertools.pairwise(kinds))


def _kind(char: str) -> int:
    if char.isdigit():
        return 0
    if char in _SIGNS:
        return 3
    return 1 if char.islower() else 2

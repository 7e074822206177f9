"""Whether a value looks like a real secret or like a placeholder (pure)."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter

# Words that people write where a secret would stand.
_PLACEHOLDER = re.compile(
    r"(?i)example|sample|your|placeholder|change[-_]?me|replace|insert|dummy|fake|redacted|xxxx|\.\.\.|…|todo|"
    r"here|goes|f00ba|foobar|deadbeef|cafebabe|hunter2|password|passw0rd|s3cr3t|my[-_]|<|>|\*\*\*|IkpvaG4gRG9lI"
)
# A reference to where the value comes from, or code that makes it.
_REFERENCE = re.compile(
    r"[$%{}()\[\]\\]|::|://|->|process\.env|os\.environ|getenv|^[~./@&]|^(?:op|vault|ref|env|keychain|sops):"
)
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LEAST_ENTROPY = 3.0  # bits a character; words and repetitions lie below it, or have few changes of kind
_MOST_IN_SEQUENCE = 0.4


def is_token(value: str) -> bool:
    """Whether the value that a provider's pattern found is one that a provider would give out."""
    return len(value) >= 16 and not _PLACEHOLDER.search(value) and _is_random(value)


def is_password(value: str) -> bool:
    """Whether the password of a `user:password@host` address looks like one in use."""
    return len(value) >= 8 and not _set_aside(value) and _is_random(value, entropy=2.5)


def is_assigned_secret(value: str) -> bool:
    """Whether a value that is assigned to something called password, token or key looks random."""
    if " " in value or _set_aside(value) or _UUID.fullmatch(value):
        return False
    return len(value) >= 12 and sum(char.isdigit() for char in value) >= 2 and _is_random(value)


def _set_aside(value: str) -> bool:
    return bool(_PLACEHOLDER.search(value) or _REFERENCE.search(value))


def _is_random(value: str, entropy: float = _LEAST_ENTROPY) -> bool:
    if _entropy(value) < entropy or _in_sequence(value) > _MOST_IN_SEQUENCE:
        return False
    return _changes(value) >= max(3, len(value) // 8)


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
    """How often the kind of character changes between digits, small and capital letters.

    Random text changes all the time, words and identifiers at their borders only.
    """
    kinds = [_kind(char) for char in value if char.isalnum()]
    return sum(before != after for before, after in itertools.pairwise(kinds))


def _kind(char: str) -> int:
    if char.isdigit():
        return 0
    return 1 if char.islower() else 2

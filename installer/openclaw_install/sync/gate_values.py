"""Whether a value looks like a real secret or like a placeholder, by the weight of the evidence (pure)."""

from __future__ import annotations

import base64
import binascii
import itertools
import math
import re
from collections import Counter

from openclaw_install.sync.gate_evidence import (
    ADDRESS,
    CLUES,
    CODE,
    HELD_FROM,
    HELD_IN_FORM,
    KNOWN,
    MADE_UP,
    PHRASE,
    PLACEHOLDER,
    REFERENCE,
)
from openclaw_install.sync.gate_score import LEET, weight

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_LEAST_SIGNATURE = 16
_PUBLIC_CLAIM = re.compile(r'"role"\s*:\s*"anon"')  # Supabase's key for pages, made to be seen by all
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_YEAR = re.compile(r"(?:19|20)\d\d")
_MOST_IN_SEQUENCE = 0.4
_LONGEST_WEIGHED = 4096  # what is longer than this is judged by its beginning


def is_exact_token(value: str) -> bool:
    """Whether the value of a form with exact length and alphabet is anything but a placeholder."""
    if _is_set_aside(value) or any(clue.pattern.search(value) for clue in CLUES):
        return False
    return _entropy(value) >= 2.0 and _in_sequence(value) <= _MOST_IN_SEQUENCE


def is_token(value: str) -> bool:
    """Whether the value that a provider's pattern found is one that a provider would give out."""
    if len(value) < 16 or _is_set_aside(value) or _is_unsigned(value):
        return False
    return weight(value[:_LONGEST_WEIGHED]) >= HELD_IN_FORM


def is_password(value: str) -> bool:
    """Whether the password of a `user:password@host` address or of a command looks like one in use."""
    if len(value) < 8 or _is_set_aside(value) or REFERENCE.search(value):
        return False
    return is_random(value) or is_phrase(value)


def is_assigned_secret(
    value: str, *, quoted: bool = False, uuid: bool = False, is_password: bool = False
) -> bool:
    """Whether a value that is assigned to something called password, token or key looks random.

    Within quotes (`quoted`) brackets and `$` may be part of a password; without, they are code. An UUID is a
    secret under some names only (`uuid`), and so are words with a number (`is_password`).
    """
    if " " in value or not value.isascii() or (not quoted and CODE.search(value)):
        return False
    if _is_set_aside(value) or REFERENCE.search(value) or ADDRESS.fullmatch(value) or _is_unsigned(value):
        return False
    if _UUID.fullmatch(value):
        return uuid and _entropy(value) >= 2.5 and _in_sequence(value) <= _MOST_IN_SEQUENCE
    if len(value) < 12:
        return False
    plain = _decoded(value)
    if plain:
        return is_assigned_secret(plain, quoted=True, is_password=is_password)
    return is_random(value) or (is_password and is_phrase(value))


def is_random(value: str) -> bool:
    """Whether the evidence that a value was made at random suffices."""
    return weight(value[:_LONGEST_WEIGHED]) >= HELD_FROM


def is_phrase(value: str) -> bool:
    """Whether a value is a password of words and a number that no manual would print."""
    if len(value) < 10 or not PHRASE.fullmatch(value) or MADE_UP.search(value.translate(LEET)):
        return False
    digits = "".join(filter(str.isdigit, value))
    return not _YEAR.fullmatch(digits) and (len(digits) < 3 or _in_sequence(digits) < 1)


def _is_set_aside(value: str) -> bool:
    return bool(PLACEHOLDER.search(value) or KNOWN.search(value))


def _is_unsigned(value: str) -> bool:
    """Whether a JSON Web Token opens nothing: its signature is missing or a word, or it is for everybody."""
    if not value.startswith("eyJ"):
        return False
    head, dot, rest = value.partition(".")
    if not dot:
        return '"alg"' in _decoded(head)
    claims, _, signature = rest.partition(".")
    return len(signature) < _LEAST_SIGNATURE or _PUBLIC_CLAIM.search(_decoded(claims)) is not None


def _decoded(value: str) -> str:
    """The printable text that a value is the Base64 of; empty where it is none."""
    if not _BASE64.fullmatch(value):
        return ""
    bare = value.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        plain = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return plain if plain.isprintable() else ""


def _entropy(value: str) -> float:
    """Shannon's entropy, in bits a character."""
    total = len(value)
    return -sum(count / total * math.log2(count / total) for count in Counter(value).values())


def _in_sequence(value: str) -> float:
    """The share of neighbours that are equal or follow each other, as in `aaaa`, `abcd` and `1234`."""
    pairs = list(itertools.pairwise(value.lower()))
    return sum(ord(after) - ord(before) in (0, 1) for before, after in pairs) / max(1, len(pairs))

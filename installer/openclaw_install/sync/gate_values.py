"""Whether a value looks like a real secret or like a placeholder, by the weight of the evidence. Pure.

What is weighed is whether the value was made at random or written by a person.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import math
import re
from collections import Counter
from functools import lru_cache

from openclaw_install.sync import gate_evidence as evidence
from openclaw_install.sync.gate_evidence import Pair

_COMMON = frozenset(evidence.COMMON_PAIRS.split())
_USUAL = frozenset(evidence.USUAL_PAIRS.split())
_BORDERS = frozenset("-_./:, ")
LEET = str.maketrans("013457@$!", "oleastasi")
_NOTHING = float("-inf")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_LEAST_SIGNATURE = 16
_PUBLIC_CLAIM = re.compile(r'"role"\s*:\s*"anon"')  # Supabase's key for pages, made to be seen by all
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_YEAR = re.compile(r"(?:19|20)\d\d")
_MOST_IN_SEQUENCE = 0.4
_LONGEST_WEIGHED = 4096  # what is longer than this is judged by its beginning


def is_exact_token(value: str) -> bool:
    """Whether the value of a form with exact length and alphabet is anything but a placeholder."""
    if _is_set_aside(value) or any(clue.pattern.search(value) for clue in evidence.CLUES):
        return False
    return _entropy(value) >= 2.0 and _in_sequence(value) <= _MOST_IN_SEQUENCE


def is_token(value: str) -> bool:
    """Whether the value that a provider's pattern found is one that a provider would give out."""
    if len(value) < 16 or _is_set_aside(value) or _is_unsigned(value):
        return False
    return weight(value[:_LONGEST_WEIGHED]) >= evidence.HELD_IN_FORM


def is_password(value: str) -> bool:
    """Whether the password of a `user:password@host` address or of a command looks like one in use."""
    if len(value) < 8 or _is_set_aside(value) or evidence.REFERENCE.search(value):
        return False
    return is_random(value) or is_phrase(value)


def is_assigned_secret(
    value: str, *, quoted: bool = False, uuid: bool = False, is_password: bool = False
) -> bool:
    """Whether a value that is assigned to something called password, token or key looks random.

    Within quotes (`quoted`) brackets and `$` may be part of a password; without, they are code. An UUID is a
    secret under some names only (`uuid`), and so are words with a number (`is_password`).
    """
    if " " in value or not value.isascii() or (not quoted and evidence.CODE.search(value)):
        return False
    if (
        _is_set_aside(value)
        or evidence.REFERENCE.search(value)
        or evidence.ADDRESS.fullmatch(value)
        or _is_unsigned(value)
    ):
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
    return weight(value[:_LONGEST_WEIGHED]) >= evidence.HELD_FROM


def is_phrase(value: str) -> bool:
    """Whether a value is a password of words and a number that no manual would print."""
    if (
        len(value) < 10
        or not evidence.PHRASE.fullmatch(value)
        or evidence.MADE_UP.search(value.translate(LEET))
    ):
        return False
    digits = "".join(filter(str.isdigit, value))
    return not _YEAR.fullmatch(digits) and (len(digits) < 3 or _in_sequence(digits) < 1)


def _is_set_aside(value: str) -> bool:
    return bool(evidence.PLACEHOLDER.search(value) or evidence.KNOWN.search(value))


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


def weight(value: str) -> float:
    """The evidence that `value` was made at random, in bits: pair by pair, without what a person wrote in it.

    Words of manuals and runs such as `123456` are taken out and count against it; if little is left beside
    them, nothing speaks for chance.
    """
    rest, against = _without_clues(value)
    if against and len("".join(rest)) < evidence.LEAST_REST:
        return _NOTHING
    bits = sum(map(randomness, rest)) + against
    if _is_identifier(value):
        bits += evidence.IDENTIFIED
    return bits + evidence.RESTLESS if all(map(is_restless, rest)) else bits


def _is_identifier(value: str) -> bool:
    if evidence.IDENTIFIER.fullmatch(value):
        return True
    # Piece by piece: one pattern for all would try every way to share out the letters, and never end.
    pieces = evidence.BETWEEN_WORDS.split(value)
    return len(pieces) > 1 and all(map(evidence.WORD.fullmatch, pieces))


def _without_clues(value: str) -> tuple[list[str], float]:
    """The pieces of `value` between the clues, and the weight of these."""
    plain = value.translate(LEET)
    spans: list[tuple[int, int]] = []
    against = 0.0
    for clue in evidence.CLUES:
        found = {match.span() for text in (value, plain) for match in clue.pattern.finditer(text)}
        against += clue.weight * len(found)
        spans.extend(found)
    pieces, last = [], 0
    for start, end in sorted(spans):
        pieces.append(value[last:start])
        last = max(last, end)
    return [piece for piece in (*pieces, value[last:]) if piece], against


def is_restless(value: str) -> bool:
    """Whether the kind of character changes throughout, as in keys, and not at the borders of words only."""
    kinds = [_kind(char) for char in value if char.isalnum() or char not in _BORDERS]
    changes = sum(before != after for before, after in itertools.pairwise(kinds))
    return changes >= max(3, len(value) // 3)


def _kind(char: str) -> int:
    if char.isdigit():
        return 0
    if char.isalpha():
        return 1 if char.islower() else 2
    return 3


def randomness(value: str) -> float:
    """The bits by which `value` looks like one made at random; below zero it looks like words."""
    return sum(map(_bits, value, value[1:]))


@lru_cache(maxsize=1 << 14)  # all pairs of ASCII
def _bits(before: str, after: str) -> float:
    return evidence.WEIGHTS[pair_of(before, after)]


def pair_of(before: str, after: str) -> Pair:
    """What two neighbours are to each other."""
    if before.isalpha() and after.isalpha():
        return _letters(before, after)
    if before in _BORDERS or after in _BORDERS:
        return Pair.BORDER
    if before.isdigit():
        if after.isdigit():
            return Pair.SEQUENCE if ord(after) - ord(before) in (0, 1) else Pair.DIGITS
        return Pair.DIGIT_LETTER if after.isalpha() else Pair.SIGN
    if after.isdigit():
        return Pair.LETTER_DIGIT if before.isalpha() else Pair.SIGN
    return Pair.SIGN if before.isalpha() or after.isalpha() else Pair.SIGNS


def _letters(before: str, after: str) -> Pair:
    pair = (before + after).lower()
    if before.islower() and after.isupper():
        return Pair.SEQUENCE if ord(pair[1]) - ord(pair[0]) == 1 else Pair.SMALL_CAPITAL
    is_hump = before.isupper() and after.islower()
    if pair in _COMMON:
        return Pair.HUMP_COMMON if is_hump else Pair.COMMON
    if ord(pair[1]) - ord(pair[0]) in (0, 1):
        return Pair.SEQUENCE
    if pair in _USUAL:
        return Pair.HUMP_USUAL if is_hump else Pair.USUAL
    return Pair.HUMP_RARE if is_hump else Pair.RARE

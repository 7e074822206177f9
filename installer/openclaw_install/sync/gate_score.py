"""Weighs whether a value was made at random or written by a person (pure)."""

from __future__ import annotations

import itertools
from functools import lru_cache

from openclaw_install.sync.gate_evidence import (
    BETWEEN_WORDS,
    CLUES,
    COMMON_PAIRS,
    IDENTIFIED,
    IDENTIFIER,
    LEAST_REST,
    RESTLESS,
    USUAL_PAIRS,
    WEIGHTS,
    WORD,
    Pair,
)

_COMMON = frozenset(COMMON_PAIRS.split())
_USUAL = frozenset(USUAL_PAIRS.split())
_BORDERS = frozenset("-_./:, ")
LEET = str.maketrans("013457@$!", "oleastasi")
_NOTHING = float("-inf")


def weight(value: str) -> float:
    """The evidence that `value` was made at random, in bits: pair by pair, without what a person wrote in it.

    Words of manuals and runs such as `123456` are taken out and count against it; if little is left beside
    them, nothing speaks for chance.
    """
    rest, against = _without_clues(value)
    if against and len("".join(rest)) < LEAST_REST:
        return _NOTHING
    bits = sum(map(randomness, rest)) + against
    if _is_identifier(value):
        bits += IDENTIFIED
    return bits + RESTLESS if all(map(is_restless, rest)) else bits


def _is_identifier(value: str) -> bool:
    if IDENTIFIER.fullmatch(value):
        return True
    # Piece by piece: one pattern for all would try every way to share out the letters, and never end.
    pieces = BETWEEN_WORDS.split(value)
    return len(pieces) > 1 and all(map(WORD.fullmatch, pieces))


def _without_clues(value: str) -> tuple[list[str], float]:
    """The pieces of `value` between the clues, and the weight of these."""
    plain = value.translate(LEET)
    spans: list[tuple[int, int]] = []
    against = 0.0
    for clue in CLUES:
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
    return WEIGHTS[pair_of(before, after)]


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

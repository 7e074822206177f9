"""What an untagged plain scalar means in the core schema of YAML 1.2, which is the one that OpenClaw uses."""

from __future__ import annotations

import re

# Numbers are always floats here: JavaScript has no other.
ScalarValue = str | float | bool | None

_NULL = re.compile(r"(?:~|[Nn]ull|NULL)?")
_BOOL = re.compile(r"[Tt]rue|TRUE|[Ff]alse|FALSE")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"[-+]?\.(?:inf|Inf|INF)")
_NOT_A_NUMBER = re.compile(r"\.(?:nan|NaN|NAN)")
_NOT_STRING_STARTS = frozenset("~nNtTfF0123456789-+.")


def resolve_plain(text: str) -> ScalarValue:
    """The text, number, truth value or null that an unquoted scalar stands for."""
    if text and text[0] not in _NOT_STRING_STARTS:
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text[0] in "tT"
    number = _as_number(text)
    return text if number is None else number


def _as_number(text: str) -> float | None:
    if _NUMBER.fullmatch(text):
        return float(text)
    if _OCTAL.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
        try:
            return float(int(text[2:], 8 if text[1] == "o" else 16))
        except OverflowError:
            return float("inf")
    if _INFINITY.fullmatch(text):
        return float("-inf") if text[0] == "-" else float("inf")
    return float("nan") if _NOT_A_NUMBER.fullmatch(text) else None

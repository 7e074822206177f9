"""YAML nodes as OpenClaw's YAML library composes them, and the core schema's reading of plain scalars."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# Numbers are always floats here: JavaScript has no other, and 1 and 1.0 are the same key there.
ScalarValue = str | float | bool | None

PREFIX = "tag:yaml.org,2002:"  # of the tags that are written with two exclamation marks

_NULL = re.compile(r"(?:~|[Nn]ull|NULL)?")
_BOOL = re.compile(r"[Tt]rue|TRUE|[Ff]alse|FALSE")
_OCTAL = re.compile(r"0o[0-7]+")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN|\.NAN")
_EXPONENT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+")
_FRACTION = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)")
_NOT_STRING_STARTS = frozenset("~nNtTfF0123456789-+.")


@dataclass(slots=True, eq=False)
class Scalar:
    """A single value; `range` is its start, its end, and the end of what follows it on its line.

    Attributes:
        style: `plain`, `'`, `"` or `block`.
        text: how it is spelt, which is needed again where the scalar is part of a key.
        opaque: JSON text of a value that is neither text nor number (a date, bytes).
    """

    value: ScalarValue
    range: tuple[int, int, int]
    style: str = "plain"
    anchor: str | None = None
    tag: str | None = None
    text: str = ""
    opaque: str | None = None


@dataclass(slots=True, eq=False)
class Alias:
    """A reference to the last node before it that carries the anchor `source`."""

    source: str
    range: tuple[int, int, int]
    anchor: str | None = None  # always None; so that every node has the attribute


@dataclass(slots=True, eq=False)
class Mapping:
    """Pairs in order; a value is None only where a flow map had a key and no `:`."""

    range: tuple[int, int, int] = (0, 0, 0)
    pairs: list[tuple[Node, Node | None]] = field(default_factory=list)
    anchor: str | None = None
    tag: str | None = None
    opaque: bool = False  # `!!set`: an object without properties of its own for JSON


@dataclass(slots=True, eq=False)
class Sequence:
    """Nodes in order."""

    range: tuple[int, int, int] = (0, 0, 0)
    items: list[Node] = field(default_factory=list)
    anchor: str | None = None
    tag: str | None = None
    opaque: bool = False  # `!!omap`: an object without properties of its own for JSON


Node = Scalar | Alias | Mapping | Sequence


def resolve_plain(text: str) -> ScalarValue:
    """What an untagged plain scalar means in the YAML 1.2 core schema."""
    if text and text[0] not in _NOT_STRING_STARTS:
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text[0] in "tT"
    number = as_integer(text)
    if number is None:
        number = as_float(text)
    return text if number is None else number


def as_integer(text: str) -> float | None:
    """The number that a core schema integer stands for."""
    if _INTEGER.fullmatch(text):
        return float(text)
    radix = as_radix(text)
    if not radix:
        return None
    try:
        return float(int(text[2:], radix))
    except OverflowError:
        return float("inf")


def as_radix(text: str) -> int:
    """8 for an integer spelt `0o...`, 16 for `0x...`, else 0."""
    return 8 if _OCTAL.fullmatch(text) else 16 if _HEXADECIMAL.fullmatch(text) else 0


def as_exponent(text: str) -> bool:
    """Whether the text is a number with an exponent."""
    return _EXPONENT.fullmatch(text) is not None


def as_float(text: str) -> float | None:
    """The number that a core schema float stands for."""
    if _SPECIAL.fullmatch(text):
        if text[-3:].lower() == "nan":
            return float("nan")
        return float("-inf") if text[0] == "-" else float("inf")
    if _EXPONENT.fullmatch(text) or _FRACTION.fullmatch(text):
        return float(text)
    return None


def is_null_text(text: str) -> bool:
    """Whether the text is one of the core schema's spellings of null."""
    return _NULL.fullmatch(text) is not None


def is_bool_text(text: str) -> bool:
    """Whether the text is one of the core schema's spellings of true and false."""
    return _BOOL.fullmatch(text) is not None


def key_identity(node: Node) -> tuple[type, ScalarValue] | None:
    """What makes two map keys the same; None for a node that equals none but itself."""
    if not isinstance(node, Scalar) or node.opaque is not None or node.value != node.value:  # not a number
        return None
    return type(node.value), node.value

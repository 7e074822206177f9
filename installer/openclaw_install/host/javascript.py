"""The few rules of JavaScript that show in OpenClaw's results: white space, numbers as text, JSON text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

# What `String.prototype.trim` and `\s` take for white space. Python's own notion differs (U+001C, U+FEFF).
WHITE_SPACE: Final = (
    "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_MAX_INDEX = 2**32 - 2
_encode = json.JSONEncoder(ensure_ascii=False).encode


Value = str | float | bool | None | list["Value"] | dict[str, "Value"]


def trim(text: str) -> str:
    """`text.trim()`."""
    return text.strip(WHITE_SPACE)


def trim_start(text: str) -> str:
    """`text.trimStart()`."""
    return text.lstrip(WHITE_SPACE)


def utf16_length(text: str) -> int:
    """`text.length`: UTF-16 units, not characters."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def join_surrogates(text: str) -> str:
    """Joins halves of characters that escapes spelt one by one; halves without a partner stay."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def number_text(value: float) -> str:
    """`String(value)`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    _, digit_tuple, exponent = Decimal(repr(abs(value))).normalize().as_tuple()
    digits = "".join(map(str, digit_tuple))
    point = len(digits) + int(exponent)  # where the decimal point stands, counted from the first digit
    if 0 < point <= 21:
        whole, fraction = digits[:point].ljust(point, "0"), digits[point:]
    elif -6 < point <= 0:
        whole, fraction = "0", "0" * -point + digits
    else:
        whole, fraction = digits[0], digits[1:]
    power = "" if -6 < point <= 21 else f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return f"{sign}{whole}{'.' if fraction else ''}{fraction}{power}"


def json_text(value: Value) -> str:
    """`JSON.stringify(value)`."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return json_string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value) if math.isfinite(value) else "null"
    if isinstance(value, list):
        return "[" + ",".join([json_text(item) for item in value]) + "]"
    return (
        "{" + ",".join([f"{json_string(key)}:{json_text(value[key])}" for key in property_order(value)]) + "}"
    )


def json_string(text: str) -> str:
    """`JSON.stringify(text)`: lone surrogates are escaped, everything else beyond ASCII stays."""
    joined = join_surrogates(text)
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", _encode(joined))


def property_order(value: Mapping[str, object]) -> list[str]:
    """The keys as JavaScript orders an object's properties: array indexes ascending, then the rest."""
    indexes = [key for key in value if _INDEX.fullmatch(key) and int(key) <= _MAX_INDEX]
    if not indexes:
        return list(value)
    first = set(indexes)
    return sorted(indexes, key=int) + [key for key in value if key not in first]

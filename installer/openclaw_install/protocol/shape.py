"""Reads typed fields out of untrusted JSON objects, and says which field is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from openclaw_install.protocol.canonical import MAX_INTEGER, unb64u
from openclaw_install.protocol.errors import ProtocolError
from openclaw_install.protocol.times import seconds_of

Json = dict[str, Any]


def only(value: Any, what: str, required: frozenset[str], optional: frozenset[str] = frozenset()) -> Json:
    """`value` as an object that has all `required` keys and no others than those and `optional`.

    Raises:
        ProtocolError: no object, a key is missing, or one is unknown.
    """
    if not isinstance(value, Mapping):
        raise ProtocolError(f"{what} is no JSON object")
    document: Json = dict(value)
    if missing := required - document.keys():
        raise ProtocolError(f"{what} lacks {', '.join(sorted(missing))}")
    if unknown := len(document.keys() - required - optional):
        raise ProtocolError(f"{what} has {unknown} field(s) that this version does not know")
    return document


def text(document: Json, key: str, pattern: re.Pattern[str]) -> str:
    """The string `key`, which must match `pattern` as a whole."""
    value = document[key]
    if type(value) is not str or not pattern.fullmatch(value):
        raise ProtocolError(f"{key} does not have the form that it must have")
    return value


def integer(document: Json, key: str, low: int, high: int = MAX_INTEGER) -> int:
    """The integer `key` from `low` to `high`."""
    value = document[key]
    if type(value) is not int or not low <= value <= high:
        raise ProtocolError(f"{key} is no integer from {low} to {high}")
    return value


def instant(document: Json, key: str) -> float:
    """The time `key` in seconds since 1970."""
    value = document[key]
    if type(value) is not str:
        raise ProtocolError(f"{key} is no time")
    try:
        return seconds_of(value)
    except ProtocolError as error:
        raise ProtocolError(f"{key}: {error.message}") from None


def octets(document: Json, key: str, length: int | None = None) -> bytes:
    """The bytes that `key` spells in base64url; exactly `length` of them if given."""
    value = document[key]
    if type(value) is not str:
        raise ProtocolError(f"{key} is no base64url text")
    try:
        data = unb64u(value)
    except ProtocolError:
        raise ProtocolError(f"{key} is no unpadded base64url text") from None
    if length is not None and len(data) != length:
        raise ProtocolError(f"{key} has {len(data)} bytes instead of {length}")
    return data


def items(document: Json, key: str, most: int) -> list[Any]:
    """The array `key` with at most `most` items."""
    value = document[key]
    if not isinstance(value, (list, tuple)) or len(value) > most:
        raise ProtocolError(f"{key} is no array of at most {most} items")
    return list(value)

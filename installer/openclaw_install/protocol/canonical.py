"""One spelling for each JSON value (RFC 8785 without floats), and a parser that takes nothing ambiguous."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, NoReturn

from openclaw_install.protocol.errors import ProtocolError

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 64
_STYLE: dict[str, Any] = {"ensure_ascii": False, "separators": (",", ":"), "check_circular": False}
_ENCODER = json.JSONEncoder(**_STYLE)
_SORTING_ENCODER = json.JSONEncoder(sort_keys=True, **_STYLE)


def canonical_json(value: Any) -> bytes:
    """The one spelling of `value` that is hashed and signed.

    Args:
        value: dicts with string keys, lists or tuples, strings, integers below 2**53, booleans and None.

    Raises:
        ProtocolError: a float, a larger integer, a lone surrogate, another type, or nesting beyond 64 levels.
    """
    # RFC 8785 sorts by UTF-16 code units: another order than Python's only for keys beyond U+FFFF.
    rare = _check(value, 0)
    return _ENCODER.encode(_resorted(value)).encode() if rare else _SORTING_ENCODER.encode(value).encode()


def parse_strict(data: bytes, max_bytes: int) -> Any:
    """The value of a JSON document that has only one reading.

    Args:
        data: UTF-8 without a byte-order mark.
        max_bytes: the most bytes that are looked at.

    Raises:
        ProtocolError: too large, not UTF-8, not JSON, a duplicate key, or a value that `canonical_json`
            refuses.
    """
    if len(data) > max_bytes:
        raise ProtocolError(
            f"the document has {len(data)} bytes; {max_bytes} are allowed", code="json.oversized"
        )
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_bounded,
        )
    except UnicodeDecodeError as error:
        raise _bad(f"the document is no UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise _bad(f"the document is no JSON: {error.msg} (character {error.pos})") from None
    except RecursionError:
        raise _bad("the document is nested too deeply") from None
    _check(value, 0)
    return value


def b64u(data: bytes) -> str:
    """`data` in base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64u(text: str) -> bytes:
    """The bytes that `b64u` spells as `text`; every other spelling of the same bytes is refused.

    Raises:
        ProtocolError: padding, another alphabet, or stray bits at the end.
    """
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise _bad("a value is no unpadded base64url") from None
    # The decoder skips what is not in its alphabet, so that only the way back tells.
    if b64u(data) != text:
        raise _bad("a value is no unpadded base64url, or has stray bits at its end")
    return data


def _check(value: Any, depth: int) -> bool:
    """Refuses what has no one spelling; else, whether a key holds a character beyond U+FFFF."""
    if depth > MAX_DEPTH:
        raise _bad(f"the document is nested deeper than {MAX_DEPTH} levels")
    kind = type(value)
    if kind is str:
        _require_whole(value)
    elif kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise _bad("an integer is beyond 2**53 - 1")
    elif kind is dict:
        # Lists, not generators: all have to be checked, whatever the first one says.
        rare = [_check_key(key) for key in value] + [_check(item, depth + 1) for item in value.values()]
        return True in rare
    elif kind is list or kind is tuple:
        rare = [_check(item, depth + 1) for item in value]
        return True in rare
    elif value is not None and kind is not bool:
        raise _bad(f"a value of type {kind.__name__} has no place in the protocol's JSON")
    return False


def _check_key(key: Any) -> bool:
    if type(key) is not str:
        raise _bad("a key of an object is no string")
    if key.isascii():
        return False
    _require_whole(key)
    return max(key) > "\uffff"


def _resorted(value: Any) -> Any:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return {key: _resorted(value[key]) for key in keys}
    if isinstance(value, (list, tuple)):
        return [_resorted(item) for item in value]
    return value


def _require_whole(text: str) -> None:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise _bad("a string holds half of a surrogate pair") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _bad("an object names the same key twice")
    return value


def _no_float(_text: str) -> NoReturn:
    raise _bad("numbers are integers here: no fraction, exponent, NaN or Infinity")


def _bounded(text: str) -> int:
    if len(text) > len("-9007199254740991") or text == "-0":
        raise _bad("an integer is beyond 2**53 - 1, or is a negative zero")
    return int(text)


def _bad(message: str) -> ProtocolError:
    return ProtocolError(message, code="json.ambiguous")

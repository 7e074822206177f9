"""Frozen records as plain JSON values and back, derived from their fields. Pure."""

from __future__ import annotations

import contextlib
import math
import types
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema


_T = TypeVar("_T")


class IsoTime:
    """Marks a number that is a time since 1970: ISO 8601 in UTC with milliseconds in JSON.

    Pydantic finds the two schema methods where a schema is derived; nothing here imports it.

    Args:
        per_second: how many of its units a second has.
    """

    def __init__(self, per_second: int = 1) -> None:
        self.per_second = per_second

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler(source)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


Timestamp = Annotated[float, IsoTime()]
"""Seconds since 1970; ISO 8601 in JSON."""
Milliseconds = Annotated[int, IsoTime(1000)]
"""Milliseconds since 1970; ISO 8601 in JSON."""
# The times that ISO 8601 can say: the years 1 to 9999, short of the last second, which rounding would pass.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_798


def iso_time(seconds: float) -> str:
    """A time as JSON has it, such as `2026-11-21T01:29:00.123Z`.

    Args:
        seconds: since 1970.
    """
    whole, millis = divmod(round(seconds * 1000), 1000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def jsonable(value: Any) -> Any:
    """The value as JSON has it: a record becomes an object of its fields, in their order.

    Raises:
        TypeError: the value, or one inside it, is of no kind that JSON has.
    """
    return _plain(value, 0)


def _plain(value: Any, per_second: int) -> Any:  # noqa: PLR0911 - one answer for each kind of value
    if value is None or isinstance(value, str | bool):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, int | float):
        return iso_time(value / per_second) if per_second else value
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(getattr(value, name), unit) for name, unit in _fields_of(type(value))}
    if isinstance(value, Mapping):
        return {str(key): _plain(one, per_second) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(one, per_second) for one in value]
    if isinstance(value, AbstractSet):
        return [_plain(one, per_second) for one in sorted(value)]
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is no JSON value")


@cache
def _fields_of(kind: type) -> tuple[tuple[str, int], ...]:
    """The fields of a record; of one that holds times also how many of their units a second has, else 0."""
    return tuple((name, _time_unit(hint)) for name, hint in _hints(kind).items())


@cache
def _hints(kind: type) -> dict[str, Any]:
    """What each field of a record holds."""
    hints = get_type_hints(kind, include_extras=True)
    return {one.name: hints[one.name] for one in fields(kind)}


def _time_unit(hint: Any) -> int:
    origin = get_origin(hint)
    if origin is Annotated:
        marks = (one.per_second for one in hint.__metadata__ if isinstance(one, IsoTime))
        return next(marks, 0) or _time_unit(get_args(hint)[0])
    if origin in {Union, types.UnionType, tuple, list}:
        return max(map(_time_unit, get_args(hint)), default=0)
    return 0


def record_from(kind: type[_T], document: object) -> _T:
    """The record that `jsonable` made `document` of; names that it does not know are left out.

    Args:
        kind: the record's class. Its fields hold texts, numbers, literals, paths, other records, and tuples
            and mappings of them; one that is missing has its default.
        document: what a JSON parser made of it.

    Raises:
        ValueError: it is no such record; the text does not quote what is in it.
    """
    try:
        record: _T = _parsed(kind, document)
    except OverflowError as error:
        raise ValueError("a number is too large") from error
    return record


def _parsed(kind: Any, value: Any) -> Any:  # noqa: PLR0911 - one answer for each kind of value
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        unit = _time_unit(kind)
        if unit and isinstance(value, str):
            return _seconds(value) if unit == 1 else round(_seconds(value) * unit)
        parsed = _parsed(arguments[0], value)
        if unit and parsed is not None and not _FIRST_SECOND <= parsed / unit <= _LAST_SECOND:
            raise ValueError("this is no time")
        return parsed
    if origin in {Union, types.UnionType}:
        return _first_parsed(arguments, value)
    if origin is Literal and any(type(value) is type(one) and value == one for one in arguments):
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_parsed(arguments[0], one) for one in value)
    if origin is Mapping and isinstance(value, dict):
        return {name: _parsed(arguments[1], one) for name, one in value.items()}
    if origin is None and is_dataclass(kind) and isinstance(value, dict):
        return _parsed_record(kind, value)
    if origin is None and _is_plain(kind, value):
        return kind(value) if value is not None else None
    raise ValueError(f"this is no {kind}")


def _seconds(text: str) -> float:
    try:
        seconds = datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise ValueError("this is no time") from None
    if not _FIRST_SECOND <= seconds <= _LAST_SECOND:
        raise ValueError("this is no time")
    return seconds


def _first_parsed(kinds: Sequence[Any], value: Any) -> Any:
    for kind in kinds:
        with contextlib.suppress(ValueError):
            return _parsed(kind, value)
    raise ValueError("this is none of what it may be")


def _parsed_record(kind: Any, document: Mapping[str, Any]) -> Any:
    given = {name: _parsed(hint, document[name]) for name, hint in _hints(kind).items() if name in document}
    try:
        return kind(**given)
    except TypeError:
        raise ValueError(f"a field of {kind.__name__} is missing") from None


def _is_plain(kind: Any, value: Any) -> bool:
    """Whether a value that stands in JSON for itself is of this kind."""
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind is Path:
        return isinstance(value, str)
    return type(value) is kind

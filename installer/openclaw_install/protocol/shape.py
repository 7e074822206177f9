"""The JSON of a record that is signed or read by others: derived from its dataclass, and read strictly."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, NamedTuple, Self, get_args, get_origin, get_type_hints

from openclaw_install.protocol.canonical import MAX_INTEGER, b64u, unb64u
from openclaw_install.protocol.errors import ProtocolError
from openclaw_install.protocol.times import iso, seconds_of

Json = dict[str, Any]


class Form(NamedTuple):
    """How one kind of value stands in JSON.

    Attributes:
        read: the value, given the name of its field and what stands there; raises ProtocolError.
        write: what stands there for a value.
    """

    read: Callable[[str, Any], Any]
    write: Callable[[Any], Any] = lambda value: value


def text(pattern: re.Pattern[str]) -> Form:
    """A string, which `pattern` must match as a whole."""

    def read(name: str, value: Any) -> str:
        if type(value) is not str or not pattern.fullmatch(value):
            raise ProtocolError(f"{name} does not have the form that it must have")
        return value

    return Form(read)


def integer(low: int, high: int = MAX_INTEGER) -> Form:
    """An integer from `low` to `high`."""

    def read(name: str, value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ProtocolError(f"{name} is no integer from {low} to {high}")
        return value

    return Form(read)


def octets(length: int | None = None) -> Form:
    """Bytes in base64url; exactly `length` of them if given."""

    def read(name: str, value: Any) -> bytes:
        if type(value) is not str:
            raise ProtocolError(f"{name} is no base64url text")
        try:
            data = unb64u(value)
        except ProtocolError:
            raise ProtocolError(f"{name} is no unpadded base64url text") from None
        if length is not None and len(data) != length:
            raise ProtocolError(f"{name} has {len(data)} bytes instead of {length}")
        return data

    return Form(read, b64u)


def base64url(length: int) -> Form:
    """`length` bytes in base64url, kept as that text."""

    def read(name: str, value: Any) -> str:
        octets(length).read(name, value)
        return str(value)

    return Form(read)


def array(one: Form, most: int, least: int = 0) -> Form:
    """An array of `least` to `most` values of the same form."""

    def read(name: str, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)) or not least <= len(value) <= most:
            raise ProtocolError(f"{name} is no array of {least} to {most} items")
        return tuple(one.read(name, item) for item in value)

    return Form(read, lambda values: [one.write(value) for value in values])


def record(kind: type[Record]) -> Form:
    """An object with the fields of a record."""
    return Form(lambda name, value: kind.read(value, name), kind.to_json)


def _instant(name: str, value: Any) -> float:
    if type(value) is not str:
        raise ProtocolError(f"{name} is no time")
    try:
        return seconds_of(value)
    except ProtocolError as error:
        raise ProtocolError(f"{name}: {error.message}") from None


SIGNATURE_BYTES = 64
_SIGNATURE = octets(SIGNATURE_BYTES)
Signature = Annotated[bytes, _SIGNATURE]
"""A signature; `Record.content` leaves it out."""
Sha256 = Annotated[str, text(re.compile(r"[0-9a-f]{64}"))]
"""A SHA-256 in hex."""
Instant = Annotated[float, Form(_instant, iso)]
"""Seconds since 1970; a text with milliseconds in UTC in JSON."""


class _Field(NamedTuple):
    """A field of a record: its attribute, its name in JSON, its form, and whether JSON may lack it."""

    attribute: str
    name: str
    form: Form
    optional: bool


@dataclass(frozen=True)
class Record:
    """A dataclass whose fields say in their types how they stand in JSON.

    Each is `Annotated` with a `Form`, and with its name in JSON where that is another one. A field whose
    default is None or empty is left out of the JSON where it has that value; every other one has to be there.
    """

    @classmethod
    def read(cls, value: Any, what: str) -> Self:
        """The record in `value`; nothing but the form is checked.

        Args:
            what: names it in errors.

        Raises:
            ProtocolError: no object, a field is missing or malformed, or there is one that it does not have.
        """
        document = only(value, what, *cls._names())
        return cls(
            **{
                attribute: form.read(name, document[name])
                for attribute, name, form, _ in cls._fields()
                if name in document
            }
        )

    def to_json(self) -> Json:
        """The record as others read it."""
        written = {}
        for attribute, name, form, optional in self._fields():
            value = getattr(self, attribute)
            if not optional or value not in (None, ()):
                written[name] = form.write(value)
        return written

    def content(self) -> Json:
        """What its signature covers: all but signatures."""
        signatures = {one.name for one in self._fields() if one.form is _SIGNATURE}
        return {name: value for name, value in self.to_json().items() if name not in signatures}

    @classmethod
    @cache
    def _fields(cls) -> tuple[_Field, ...]:
        hints = get_type_hints(cls, include_extras=True)
        found = []
        for one in fields(cls):
            form, *name = _metadata(hints[one.name])
            found.append(_Field(one.name, name[0] if name else one.name, form, one.default in (None, ())))
        return tuple(found)

    @classmethod
    @cache
    def _names(cls) -> tuple[frozenset[str], frozenset[str]]:
        """The fields that it must have in JSON, and those that it may have."""
        optional = frozenset(one.name for one in cls._fields() if one.optional)
        return frozenset(one.name for one in cls._fields()) - optional, optional


def _metadata(hint: Any) -> tuple[Any, ...]:
    """What an `Annotated` type says beside the type itself, also where the field may be None."""
    found: tuple[Any, ...] = next(
        one.__metadata__ for one in (hint, *get_args(hint)) if get_origin(one) is Annotated
    )
    return found


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


@contextlib.contextmanager
def refused_as(make: Callable[[str], ProtocolError]) -> Iterator[None]:
    """Gives what breaks a rule of the form the error of the document that it is in, with the same message."""
    try:
        yield
    except ProtocolError as error:
        raise make(error.message) from None

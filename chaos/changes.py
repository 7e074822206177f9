"""Changes to signed JSON documents: of bytes, fields, types and spelling. Pure, for a given source."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

_ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 2**53, 10**400, 1.5, 1e308, "", "0", "\u0000", "\u202e", "\ud800",
    [], [[]], {}, {"a": 1}, "a" * 10_000, "did:agent:" + "a" * 32, "2026-01-01T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z", "A" * 43, "A" * 86,
)  # fmt: skip
_NESTING = 3000


def changed(wire: bytes, source: random.Random, other: bytes) -> bytes:
    """The document with one to three changes; some of them may cancel out.

    Args:
        wire: a JSON object as bytes.
        other: another valid one, whose fields are mixed in.
    """
    data = wire
    for _ in range(source.choice((1, 1, 1, 2, 3))):
        change = source.choice(_CHANGES)
        data = change(data, source, other)
    return data


def _flip(data: bytes, source: random.Random, _other: bytes) -> bytes:
    if not data:
        return b"{"
    place = source.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << source.randrange(8)]) + data[place + 1 :]


def _cut(data: bytes, source: random.Random, _other: bytes) -> bytes:
    return data[: source.randrange(len(data) + 1)]


def _insert(data: bytes, source: random.Random, _other: bytes) -> bytes:
    place = source.randrange(len(data) + 1)
    return data[:place] + source.randbytes(source.randint(1, 8)) + data[place:]


def _nest(data: bytes, source: random.Random, _other: bytes) -> bytes:
    depth = source.randint(1, _NESTING)
    return b"[" * depth + data + b"]" * depth


def _twice(data: bytes, source: random.Random, other: bytes) -> bytes:
    """A key that is there two times, with another value."""
    try:
        pairs = list(json.loads(other).items())
    except (ValueError, AttributeError, RecursionError):
        return data + data
    name, value = source.choice(pairs)
    return b"{" + json.dumps(name).encode() + b":" + json.dumps(value).encode() + b"," + data[1:]


def _in_document(change: Callable[[dict[str, Any], random.Random, dict[str, Any]], None]) -> _Change:
    """A change of the parsed document; one that was broken before is left as it is."""

    def apply(data: bytes, source: random.Random, other: bytes) -> bytes:
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            return data
        if not isinstance(document, dict) or not document:
            return data
        change(_somewhere(document, source), source, json.loads(other))
        return json.dumps(document, separators=(",", ":")).encode()

    return apply


def _somewhere(document: dict[str, Any], source: random.Random) -> dict[str, Any]:
    """The object itself, or one that stands in it."""
    inner = [value for value in document.values() if isinstance(value, dict) and value]
    inner += [item for value in document.values() if isinstance(value, list) for item in value[:1] if item]
    chosen = source.choice([document, document, *inner])
    return chosen if isinstance(chosen, dict) else document


def _replace(document: dict[str, Any], source: random.Random, _other: dict[str, Any]) -> None:
    document[source.choice(list(document))] = source.choice(_ODD)


def _remove(document: dict[str, Any], source: random.Random, _other: dict[str, Any]) -> None:
    del document[source.choice(list(document))]


def _add(document: dict[str, Any], source: random.Random, _other: dict[str, Any]) -> None:
    document[source.choice(("seen", "chain", "x", "", "__proto__", "sig", "v"))] = source.choice(_ODD)


def _mix(document: dict[str, Any], source: random.Random, other: dict[str, Any]) -> None:
    name = source.choice(list(other))
    document[name] = other[name]


def _swap(document: dict[str, Any], source: random.Random, _other: dict[str, Any]) -> None:
    first, second = source.choice(list(document)), source.choice(list(document))
    document[first], document[second] = document[second], document[first]


def _nudge(document: dict[str, Any], source: random.Random, _other: dict[str, Any]) -> None:
    """A value of the right type and form that is not the signed one."""
    name = source.choice(list(document))
    value = document[name]
    if isinstance(value, bool) or not isinstance(value, (int, str)) or value == "":
        document[name] = source.choice(_ODD)
    elif isinstance(value, int):
        document[name] = value + source.choice((-1, 1))
    else:
        place = source.randrange(len(value))
        document[name] = value[:place] + source.choice("AZaz059-_.:") + value[place + 1 :]


_Change = Callable[[bytes, random.Random, bytes], bytes]
_CHANGES: tuple[_Change, ...] = (
    _flip,
    _flip,
    _cut,
    _insert,
    _nest,
    _twice,
    *map(_in_document, (_replace, _replace, _remove, _add, _mix, _swap, _nudge, _nudge, _nudge)),
)

"""Explicit YAML tags and `%` directives, with the few known types that a value can be turned into."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from openclaw_install.host.frontmatter.nodes import (
    PREFIX,
    Mapping,
    Scalar,
    Sequence,
    as_float,
    as_integer,
    is_bool_text,
    is_null_text,
    key_identity,
)
from openclaw_install.host.javascript import trim

_HANDLE = re.compile(r"(.*!)([^!]*)", re.DOTALL)
_KNOWN_COLLECTIONS = {"omap": "seq", "pairs": "seq", "set": "map"}
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?:t|T|[ \t]+)([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]+)?)"
    r"(?:[ \t]*(Z|[-+][012]?[0-9](?::[0-9]{2})?))?)?"
)


class Directives:
    """The `%YAML` and `%TAG` lines in force."""

    def __init__(self) -> None:
        self.tags = {"!!": PREFIX}
        self.version = "1.2"

    def add(self, line: str, on_error: Callable[[int, str], None]) -> None:
        """Takes one directive line; `on_error` gets an offset in the line and a message."""
        name, *parts = re.split(r"[ \t]+", trim(line))
        if name == "%TAG":
            if len(parts) != 2:
                on_error(0, "%TAG directive should contain exactly two parts")
            if len(parts) >= 2:
                self.tags[parts[0]] = parts[1]
        elif name == "%YAML":
            if len(parts) != 1:
                on_error(0, "%YAML directive should contain exactly one part")
            elif parts[0] in ("1.1", "1.2"):
                self.version = parts[0]
            elif not re.fullmatch(r"[0-9]+\.[0-9]+", parts[0]):
                on_error(6, f"Unsupported YAML version {parts[0]}")

    def tag_name(self, source: str, on_error: Callable[[str], None]) -> str | None:
        """The full name of a tag, `!` for the non-specific one, or None if it cannot be resolved."""
        if source == "!":
            return "!"
        if source.startswith("!<"):
            return _verbatim(source, on_error)
        found = _HANDLE.fullmatch(source)
        handle, suffix = (found[1], found[2]) if found else ("!", "")
        if not suffix:
            on_error(f"The {source} tag has no suffix")
        prefix = self.tags.get(handle)
        if prefix:
            try:
                return prefix + unquote_to_bytes(suffix).decode()
            except UnicodeDecodeError:
                on_error("URIError: URI malformed")
                return None
        if handle != "!":
            on_error(f"Could not resolve tag: {source}")
        return source if handle == "!" else None


def _verbatim(source: str, on_error: Callable[[str], None]) -> str | None:
    name = source[2:-1]
    if name in ("!", "!!"):
        on_error(f"Verbatim tags aren't resolved, so {source} is invalid.")
        return None
    if not source.endswith(">"):
        on_error("Verbatim tags must end with a >")
    return name


def tagged_scalar(
    scalar: Scalar, text: str, name: str, directives: Directives, on_error: Callable[[str], None]
) -> None:
    """Gives `scalar` the value that its tag asks for; a tag that does not fit leaves the text as it is."""
    scalar.value = text
    if not name.startswith(PREFIX):
        return
    kind = name[len(PREFIX) :]
    if kind == "null" and is_null_text(text):
        scalar.value = None
    elif kind == "bool" and is_bool_text(text):
        scalar.value = text[0] in "tT"
    elif kind in ("int", "float"):
        number = as_integer(text) if kind == "int" else as_float(text)
        scalar.value = text if number is None else number
    elif directives.version == "1.2" and kind == "binary":
        scalar.opaque = _bytes_as_json(text)
    elif directives.version == "1.2" and kind == "timestamp":
        found = _TIMESTAMP.fullmatch(text)
        if found is None:
            on_error("!!timestamp expects a date, starting with yyyy-mm-dd")
        else:
            scalar.opaque = _date_as_json(found)


def tagged_collection(
    collection: Mapping | Sequence, name: str, directives: Directives, on_error: Callable[[str], None]
) -> None:
    """Applies `!!set`, `!!omap` and `!!pairs`; every other tag leaves the collection as it is."""
    kind = name.removeprefix(PREFIX) if name.startswith(PREFIX) else ""
    expected = "map" if isinstance(collection, Mapping) else "seq"
    if directives.version != "1.2" or _KNOWN_COLLECTIONS.get(kind) != expected:
        return
    if isinstance(collection, Mapping):
        if all(_is_null(value) for _, value in collection.pairs):
            collection.opaque = True
        else:
            on_error("Set items must all have null values")
        return
    seen: set[object] = set()
    for index, item in enumerate(collection.items):
        if not isinstance(item, Mapping):
            collection.items[index] = Mapping(item.range, [(item, None)])
            continue
        if not item.pairs:
            item.pairs.append((Scalar(None, item.range), None))
        if len(item.pairs) > 1:
            on_error("Each pair must have its own sequence indicator")
        identity = key_identity(item.pairs[0][0])
        if kind == "omap" and identity in seen:
            on_error("Ordered maps must not include duplicate keys")
        if identity:
            seen.add(identity)
    collection.opaque = kind == "omap"


def _is_null(value: object) -> bool:
    return value is None or (isinstance(value, Scalar) and value.value is None and value.opaque is None)


def _bytes_as_json(text: str) -> str:
    letters = re.sub(r"[^A-Za-z0-9+/]", "", text.replace("-", "+").replace("_", "/").split("=", 1)[0])
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    try:
        data = base64.b64decode(letters + "=" * (-len(letters) % 4))
    except binascii.Error:
        data = b""
    return json.dumps({"type": "Buffer", "data": list(data)}, separators=(",", ":"))


def _date_as_json(found: re.Match[str]) -> str:
    year, month, day = (int(found[group]) for group in (1, 2, 3))
    year += 1900 if year < 100 else 0  # as JavaScript's Date.UTC does
    seconds = float(found[6] or 0)
    try:
        date = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
        date = date.replace(year=year + (month - 1) // 12, month=(month - 1) % 12 + 1)
        date += dt.timedelta(
            days=day - 1, hours=int(found[4] or 0), minutes=int(found[5] or 0), seconds=int(seconds)
        )
        date += dt.timedelta(milliseconds=int(seconds % 1 * 1000 + 1e-6))
        date -= dt.timedelta(minutes=_zone_minutes(found[7] or "Z"))
    except (ValueError, OverflowError):
        return "null"
    return json.dumps(f"{date.year:04}-{date:%m-%dT%H:%M:%S}.{date.microsecond // 1000:03}Z")


def _zone_minutes(zone: str) -> float:
    if zone == "Z":
        return 0.0
    hours, _, minutes = zone[1:].partition(":")
    total = float(hours) if not minutes else float(hours) * 60 + float(minutes)
    if total < 30:
        total *= 60
    return -total if zone[0] == "-" else total

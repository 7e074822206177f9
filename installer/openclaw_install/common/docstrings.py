"""What a docstring says of a function's arguments or of a record's attributes. Pure."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from itertools import pairwise

_HEADING = re.compile(r"(Args|Attributes|Returns|Raises|Yields):")
_ENTRY = re.compile(r"(\w+(?:, \w+)*): +(.*)")


@dataclass(frozen=True)
class Described:
    """A docstring, taken apart.

    Attributes:
        summary: everything before the first section, as one paragraph.
        names: what the sections `Args` and `Attributes` say of each name.
    """

    summary: str
    names: dict[str, str]


def described(thing: object) -> Described:
    """Reads the docstring of a function or class; both parts are empty where it has none."""
    document = thing.__doc__ or ""
    if isinstance(thing, type) and document.startswith(f"{thing.__name__}("):
        document = ""  # made by `dataclass` from the signature
    lines = inspect.cleandoc(document).splitlines()
    starts = [number for number, line in enumerate(lines) if _HEADING.fullmatch(line)]
    summary = " ".join(" ".join(lines[: starts[0] if starts else len(lines)]).split())
    names: dict[str, str] = {}
    for start, end in pairwise([*starts, len(lines)]):
        if lines[start] in {"Args:", "Attributes:"}:
            names |= _entries(lines[start + 1 : end])
    return Described(summary, names)


def _entries(lines: list[str]) -> dict[str, str]:
    """The entries of one section; an entry goes on in lines that are indented deeper."""
    entries: dict[str, str] = {}
    current: tuple[str, ...] = ()
    for line in lines:
        found = _ENTRY.fullmatch(line.strip()) if line.startswith("    ") and line[4:5] != " " else None
        if found:
            current = tuple(found[1].split(", "))
            entries |= dict.fromkeys(current, found[2])
        elif line.strip():
            for name in current:
                entries[name] = f"{entries[name]} {line.strip()}"
    return entries

"""Secrets by type: a `Secret` prints as `<redacted>` wherever it ends up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

MASK = "<redacted>"


@dataclass(frozen=True)
class Secret:
    """A value that must not reach a log, a report or an exception text.

    Attributes:
        length: characters of the value, which is safe to tell.
    """

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """The value itself, for the one place that sends or writes it."""
        return self._value

    @property
    def length(self) -> int:
        return len(self._value)

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __format__(self, _spec: str) -> str:
        return MASK


def redact(text: str, secrets: Iterable[Secret]) -> str:
    """`text` with every occurrence of the secrets' values, in whatever case, replaced by the mask."""
    for value in sorted({s.reveal() for s in secrets if s.reveal()}, key=len, reverse=True):
        text = re.sub(re.escape(value), MASK, text, flags=re.IGNORECASE)
    return text

"""The text of an answer: lines that must be there, and as many rows as there is room for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openclaw_install.common.shown_text import cut, within

_MORE = "(... and {left} more; limit={shown} pages through all of them)"
LEFT = "(... and {left} more lines in the structured answer)"
"""The `more` of a text whose rows are not the items of one list."""


@dataclass(frozen=True)
class Text:
    """What an answer says in words, for people and for clients that read no structured content.

    Attributes:
        head: lines at the top, always shown.
        rows: the items of a list, first to last.
        tail: lines at the end, always shown.
        more: said instead of the rows that have no room, with `{left}` and `{shown}`.
        newest_last: whether the last rows are the ones that must be seen where not all can be.
    """

    head: Sequence[str] = ()
    rows: Sequence[str] = ()
    tail: Sequence[str] = ()
    more: str = _MORE
    newest_last: bool = False

    @property
    def lines(self) -> list[str]:
        """All of it, for a terminal."""
        return [*self.head, *self.rows, *self.tail]

    def within(self, most: int) -> str:
        """As much of it as `most` characters have room for."""
        if not self.newest_last:
            return within(self.head, self.rows, self.tail, most=most, more=self.more)
        room = most - sum(len(line) + 1 for line in (*self.head, *self.tail)) - len(self.more) - 10
        kept: list[str] = []
        for row in reversed(self.rows):
            room -= len(row) + 1
            if room < 0:
                break
            kept.append(row)
        left = len(self.rows) - len(kept)
        note = [self.more.format(left=left, shown=len(kept))] if left else []
        return cut("\n".join([*self.head, *note, *reversed(kept), *self.tail]), most)

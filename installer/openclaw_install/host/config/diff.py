"""A unified diff of two versions of a text, shown masked and with long lines cut down to their changes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from openclaw_install.host.config.shown import ELLIPSIS, LINE_BREAK, Shown

_CONTEXT = 3
_LONG_LINE = 500  # characters
_EITHER_SIDE = 200
_LONG_CHANGE = 1000
_MOST_TO_SEARCH = 4_000_000
# A search that would compare more pairs of equal parts is not begun: the whole stretch counts as changed.
_MOST_PAIRS = 4_000_000
_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_Span = tuple[int, int]


@dataclass(frozen=True)
class Changed:
    """`old[old_start:old_end]` became `new[new_start:new_end]`; one of them may be empty."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


@dataclass(frozen=True)
class Version:
    """One version of the text: as it is, and as it may be read. Both have the same number of lines."""

    raw: str
    shown: Shown


@dataclass(frozen=True)
class _Side:
    """A version with its lines; a line's span includes its line end."""

    version: Version
    lines: list[_Span]
    shown_lines: list[_Span]

    @classmethod
    def of(cls, version: Version) -> _Side:
        return cls(version, _lines(version.raw), _lines(version.shown.text))

    def texts(self) -> list[str]:
        return [self.version.raw[start:end] for start, end in self.lines]

    def raw_span(self, first: int, last: int) -> _Span:
        """The characters of the lines `first` up to `last`, which is not among them."""
        start = self.lines[first][0] if first < len(self.lines) else len(self.version.raw)
        return start, self.lines[last - 1][1] if last > first else start

    def line(self, number: int, windows: Sequence[_Span] | None = None) -> str:
        """The line as it may be read; a long one is cut down to the `windows`, or to its beginning."""
        start, end = self.shown_lines[number]
        text = self.version.shown.text
        while end > start and text[end - 1] in "\r\n":
            end -= 1
        if end - start <= _LONG_LINE:
            return text[start:end]
        inside = [
            (max(start, low), min(end, high)) for low, high in windows or () if low < end and high > start
        ]
        parts, at = [], start
        for low, high in inside or [(start, start + _EITHER_SIDE)]:
            parts += [ELLIPSIS if low > at else "", text[low:high]]
            at = high
        return "".join([*parts, ELLIPSIS if at < end else ""])

    def has_long_line(self, first: int, last: int) -> bool:
        return any(end - start > _LONG_LINE for start, end in self.shown_lines[first:last])


def unified_diff(before: Version, after: Version, name: str) -> str:
    """The diff with three lines of context; empty when the texts are equal.

    Lines are compared as they are, so that a change inside of a mask, or of a line end, shows as well. Line
    numbers are those of the files.
    """
    old, new = _Side.of(before), _Side.of(after)
    ranges = changed_ranges(old.texts(), new.texts())
    if not ranges:
        return ""
    lines = [f"--- {name}", f"+++ {name}"]
    for hunk in _hunks(ranges):
        lines += _hunk_lines(old, new, hunk)
    return "\n".join(lines) + "\n"


def changed_ranges(old: Sequence[Hashable], new: Sequence[Hashable]) -> tuple[Changed, ...]:
    """The ranges in which the sequences differ, in order; none when they are equal."""
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    spare = shorter - head
    tail = next((at for at in range(spare) if old[-1 - at] != new[-1 - at]), spare)
    left, right = old[head : len(old) - tail], new[head : len(new) - tail]
    if not left and not right:
        return ()
    if not left or not right or _pairs(left, right) > _MOST_PAIRS:
        return (Changed(head, head + len(left), head, head + len(right)),)
    return tuple(
        Changed(head + old_start, head + old_end, head + new_start, head + new_end)
        for tag, old_start, old_end, new_start, new_end in SequenceMatcher(None, left, right).get_opcodes()
        if tag != "equal"
    )


def _pairs(old: Sequence[Hashable], new: Sequence[Hashable]) -> int:
    """How many pairs difflib compares in one round; of long sequences it leaves the commonest parts out."""
    common = len(new) // 100 + 1 if len(new) >= 200 else len(new)
    before = Counter(old)
    return sum(count * before[part] for part, count in Counter(new).items() if count <= common)


def _lines(text: str) -> list[_Span]:
    ends = [match.end() for match in LINE_BREAK.finditer(text)]
    if text and (not ends or ends[-1] < len(text)):
        ends.append(len(text))
    return list(pairwise([0, *ends]))


def _hunks(ranges: Sequence[Changed]) -> list[list[Changed]]:
    hunks: list[list[Changed]] = []
    for change in ranges:
        if hunks and change.old_start - hunks[-1][-1].old_end <= 2 * _CONTEXT:
            hunks[-1].append(change)
        else:
            hunks.append([change])
    return hunks


def _hunk_lines(old: _Side, new: _Side, hunk: Sequence[Changed]) -> Iterator[str]:
    first, last = hunk[0], hunk[-1]
    lead = min(_CONTEXT, first.old_start)
    trail = min(_CONTEXT, len(old.lines) - last.old_end)
    yield (
        f"@@ -{_extent(first.old_start - lead, last.old_end + trail)}"
        f" +{_extent(first.new_start - lead, last.new_end + trail)} @@"
    )
    at = first.old_start - lead
    for change in hunk:
        yield from (f" {old.line(number)}" for number in range(at, change.old_start))
        windows = _windows(old, new, change)
        for number in range(change.old_start, change.old_end):
            yield f"-{old.line(number, windows[0])}"
        for number in range(change.new_start, change.new_end):
            yield f"+{new.line(number, windows[1])}"
        at = change.old_end
    yield from (f" {old.line(number)}" for number in range(at, at + trail))


def _extent(start: int, end: int) -> str:
    """The lines of a hunk; an empty stretch is named after the line before it, as in every unified diff."""
    return f"{start + 1 if end > start else start},{end - start}"


def _windows(old: _Side, new: _Side, change: Changed) -> tuple[list[_Span], list[_Span]]:
    """What to show of long lines on either side: the characters that change and those around them."""
    is_long = old.has_long_line(change.old_start, change.old_end)
    if not is_long and not new.has_long_line(change.new_start, change.new_end):
        return [], []
    old_from, old_to = old.raw_span(change.old_start, change.old_end)
    new_from, new_to = new.raw_span(change.new_start, change.new_end)
    parts = _changed_characters(old.version.raw[old_from:old_to], new.version.raw[new_from:new_to])
    return (
        _around(old, [(old_from + part.old_start, old_from + part.old_end) for part in parts]),
        _around(new, [(new_from + part.new_start, new_from + part.new_end) for part in parts]),
    )


def _around(side: _Side, spans: Sequence[_Span]) -> list[_Span]:
    """The spans where they are shown, with some text on either side; those that meet are joined."""
    windows: list[_Span] = []
    for start, end in spans:
        low = side.version.shown.place(start, end=False)
        high = max(low, side.version.shown.place(end, end=True))
        edges = [(low, low), (high, high)] if high - low > _LONG_CHANGE else [(low, high)]
        for left, right in edges:
            window = (max(0, left - _EITHER_SIDE), right + _EITHER_SIDE)
            if windows and window[0] <= windows[-1][1]:
                window = (windows.pop()[0], window[1])
            windows.append(window)
    return windows


def _changed_characters(old: str, new: str) -> list[Changed]:
    """Where the texts differ, by words, counted in characters."""
    head = _common_start(old, new)
    tail = _common_end(old[head:], new[head:])
    left, right = old[head : len(old) - tail], new[head : len(new) - tail]
    if len(left) + len(right) > _MOST_TO_SEARCH:
        return [Changed(head, head + len(left), head, head + len(right))]
    old_words, new_words = _WORD.findall(left), _WORD.findall(right)
    old_at, new_at = _offsets(old_words, head), _offsets(new_words, head)
    return [
        Changed(old_at[part.old_start], old_at[part.old_end], new_at[part.new_start], new_at[part.new_end])
        for part in changed_ranges(old_words, new_words)
    ]


def _offsets(words: Sequence[str], start: int) -> list[int]:
    offsets = [start]
    for word in words:
        offsets.append(offsets[-1] + len(word))
    return offsets


def _common_start(old: str, new: str) -> int:
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_end(old: str, new: str) -> int:
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[len(old) - middle : len(old) - low] == new[len(new) - middle : len(new) - low]:
            low = middle
        else:
            high = middle - 1
    return low

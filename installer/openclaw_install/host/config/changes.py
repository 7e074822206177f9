"""Where two sequences differ: few, small ranges, found fast even in long sequences that repeat themselves."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

# More single insertions and deletions than this are not sorted out: the whole stretch counts as changed.
_MOST_STEPS = 400


@dataclass(frozen=True)
class Changed:
    """`old[old_start:old_end]` became `new[new_start:new_end]`; one of them may be empty."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


def changed_ranges(old: Sequence[Hashable], new: Sequence[Hashable]) -> tuple[Changed, ...]:
    """The ranges in which the sequences differ, in order; none when they are equal.

    Takes time in proportion to the length and to the square of the number of changes.
    Source of the method: E. W. Myers, "An O(ND) difference algorithm and its variations" (1986).
    """
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    spare = shorter - head
    tail = next((at for at in range(spare) if old[-1 - at] != new[-1 - at]), spare)
    left, right = old[head : len(old) - tail], new[head : len(new) - tail]
    if not left and not right:
        return ()
    steps = _steps(left, right) if left and right else None
    if steps is None:
        return (Changed(head, head + len(left), head, head + len(right)),)
    return _merged(steps, head)


def _steps(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int, bool]] | None:
    """The shortest script of steps `(old index, new index, is an insertion)`; None where it is long."""
    furthest = {1: 0}
    rounds: list[dict[int, int]] = []
    for count in range(_MOST_STEPS + 1):
        rounds.append(furthest.copy())
        for diagonal in range(-count, count + 1, 2):
            above = _comes_from_above(furthest, diagonal, count)
            x = furthest[diagonal + 1] if above else furthest[diagonal - 1] + 1
            while x < len(old) and x - diagonal < len(new) and old[x] == new[x - diagonal]:
                x += 1
            furthest[diagonal] = x
            if x >= len(old) and x - diagonal >= len(new):
                return _walked_back(rounds, len(old), len(new))
    return None


def _walked_back(rounds: list[dict[int, int]], x: int, y: int) -> list[tuple[int, int, bool]]:
    steps = []
    for count in range(len(rounds) - 1, 0, -1):
        furthest, diagonal = rounds[count], x - y
        above = _comes_from_above(furthest, diagonal, count)
        origin = diagonal + 1 if above else diagonal - 1
        x, y = furthest[origin], furthest[origin] - origin
        steps.append((x, y, above))
    return steps[::-1]


def _comes_from_above(furthest: dict[int, int], diagonal: int, count: int) -> bool:
    """Whether the best way to this diagonal is an insertion."""
    return diagonal == -count or (diagonal != count and furthest[diagonal - 1] < furthest[diagonal + 1])


def _merged(steps: list[tuple[int, int, bool]], offset: int) -> tuple[Changed, ...]:
    ranges: list[Changed] = []
    for at_old, at_new, is_insertion in steps:
        x, y = at_old + offset, at_new + offset
        end = (x, y + 1) if is_insertion else (x + 1, y)
        if ranges and (ranges[-1].old_end, ranges[-1].new_end) == (x, y):
            ranges[-1] = Changed(ranges[-1].old_start, end[0], ranges[-1].new_start, end[1])
        else:
            ranges.append(Changed(x, end[0], y, end[1]))
    return tuple(ranges)

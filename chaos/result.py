"""What a run of the harness found, and the table of all of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Figure = int | float | str


@dataclass(frozen=True)
class Result:
    """What one run measured.

    Attributes:
        run: its name.
        figures: what was done and measured, in the order in which it is shown.
        broken: how often something happened that must not: messages lost or doubled, crashes, wrong answers.
            All zero in a good run.
    """

    run: str
    figures: Mapping[str, Figure]
    broken: Mapping[str, int] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """Whether nothing of what must not happen did."""
        return not any(self.broken.values())

    def to_json(self) -> dict[str, Any]:
        """The result in the document of `--json`."""
        return {
            "run": self.run,
            "held": self.held,
            "figures": dict(self.figures),
            "broken": dict(self.broken),
        }


def table(results: Sequence[Result]) -> str:
    """All results, one line for each figure."""
    rows = [row for result in results for row in _rows(result)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(_line(row, widths) for row in rows)


def _rows(result: Result) -> list[tuple[str, str, str]]:
    counted = [(name, _shown(value)) for name, value in result.figures.items()]
    counted += [(name, f"{count}{'' if not count else '  BROKEN'}") for name, count in result.broken.items()]
    counted.append(("verdict", "held" if result.held else "BROKEN"))
    names = [result.run] + [""] * (len(counted) - 1)
    return [(name, what, value) for name, (what, value) in zip(names, counted, strict=True)]


def _line(row: tuple[str, str, str], widths: Sequence[int]) -> str:
    return "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _shown(value: Figure) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value

"""The person at the terminal: shows on stderr, asks on stderr, so that stdout holds the result alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from openclaw_install.surfaces.cli.options import confirm
from openclaw_install.surfaces.views import view

if TYPE_CHECKING:
    from openclaw_install.setup.plan import PlanReport
    from openclaw_install.setup.undo import UndoPlan


def colour_wanted() -> bool:
    """Colour only on a terminal, and never with `NO_COLOR` (https://no-color.org)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


class Terminal:
    """The real `Operator`.

    Args:
        yes: consent was given on the command line.
        quiet: show no plans; the JSON document has them.
    """

    def __init__(self, *, yes: bool, quiet: bool = False) -> None:
        self._yes = yes
        self._quiet = quiet

    def show(self, text: str) -> None:
        self._say([text])

    def show_plan(self, plan: PlanReport) -> None:
        self._say(view(plan).lines)

    def show_undo(self, plan: UndoPlan) -> None:
        self._say(view(plan).lines)

    def progress(self, text: str) -> None:
        click.echo(f"... {text}", err=True)

    def confirm(self, question: str) -> bool:
        return confirm(question, yes=self._yes)

    def _say(self, lines: Sequence[str]) -> None:
        if not self._quiet or not self._yes:
            for line in lines:
                click.echo(_coloured(line), err=True)


def _coloured(line: str) -> str:
    if colour_wanted():
        for mark, colour in (("+", "green"), ("-", "red"), ("@@", "cyan")):
            if line.startswith(mark) and not line.startswith(("+++", "---")):
                return click.style(line, fg=colour)
    return line

"""The seam to the person in front of the terminal: what a run shows them, and what it asks them."""

from __future__ import annotations

from typing import Protocol

from openclaw_install.setup.plan import Plan
from openclaw_install.setup.undo import UndoPlan


class Operator(Protocol):
    """Shows and asks. The CLI has the real one; a script answers with `--yes`."""

    def show(self, text: str) -> None:
        """Shows lines that are no part of the final report, such as a plan or a diff."""

    def show_plan(self, plan: Plan) -> None:
        """Shows what a run would change, with the diff."""

    def show_undo(self, plan: UndoPlan) -> None:
        """Shows what taking runs back would change."""

    def progress(self, text: str) -> None:
        """Says what takes a while."""

    def confirm(self, question: str) -> bool:
        """Asks for consent.

        Raises:
            UsageError: there is no terminal to ask on, and no `--yes`.
        """

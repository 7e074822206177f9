"""The person who runs a sync, as this floor needs them: told things, and asked."""

from __future__ import annotations

from typing import Protocol


class Operator(Protocol):
    """Whoever runs the command; see `cli.sync_terminal` for the real one."""

    @property
    def present(self) -> bool:
        """Whether somebody can answer questions."""
        ...

    @property
    def agreed(self) -> bool:
        """Whether `--yes` was given, which answers questions of consent."""
        ...

    def tell(self, line: str) -> None:
        """Shows one line."""
        ...

    def confirm(self, question: str) -> bool:
        """Asks a question that is answered by yes or no."""
        ...

    def ask(self, question: str) -> str:
        """Asks a question that is answered by words."""
        ...

    def open_page(self, url: str) -> bool:
        """Opens a page in the browser; whether that could be done."""
        ...

    def progress(self, done: int, total: int) -> None:
        """Shows how far the uploads are."""
        ...

"""The person at the terminal during a sync: questions and the progress bar, all on stderr."""

from __future__ import annotations

import sys
import webbrowser
from typing import Self

import click

from openclaw_install.common.shown_text import neutral as plain

_WIDTH = 30


class SyncTerminal:
    """The real `sync.choice.Operator`, as a context manager that ends the progress bar's line.

    Args:
        yes: consent was given on the command line.
    """

    def __init__(self, *, yes: bool) -> None:
        self._yes = yes
        self._bar = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._end_bar()

    @property
    def present(self) -> bool:
        return sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def agreed(self) -> bool:
        return self._yes

    def tell(self, line: str) -> None:
        self._end_bar()
        click.echo(plain(line), err=True)

    def confirm(self, question: str) -> bool:
        return click.confirm(plain(question), default=False, err=True)

    def ask(self, question: str) -> str:
        return str(click.prompt(plain(question), default="cancel", err=True))

    def open_page(self, url: str) -> bool:
        return webbrowser.open(url)

    def progress(self, done: int, total: int) -> None:
        if not sys.stderr.isatty():
            return
        filled = _WIDTH * done // max(1, total)
        self._bar = f"\r[{'#' * filled}{'.' * (_WIDTH - filled)}] {done}/{total} skills"
        click.echo(self._bar, nl=False, err=True)

    def _end_bar(self) -> None:
        if self._bar:
            click.echo("", err=True)
            self._bar = ""

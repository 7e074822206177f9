"""Passphrases and invitation codes: from the terminal, a descriptor or a private file, never an argument."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from openclaw_install.common.errors import UsageError
from openclaw_install.common.redaction import Secret

if TYPE_CHECKING:
    from openclaw_install.setup.context import ReadInvite

F = TypeVar("F", bound=Callable[..., Any])
_MOST_BYTES = 4096


def passphrase_options(function: F) -> F:
    """Adds `--passphrase-fd` and `--passphrase-file`."""
    descriptor = click.option(
        "--passphrase-fd",
        type=click.IntRange(min=0),
        metavar="N",
        help="Read the passphrase from descriptor N.",
    )
    file = click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Read the passphrase from the first line of a file that only you can read.",
    )
    return descriptor(file(function))


def read_passphrase(passphrase_fd: int | None, passphrase_file: Path | None, *, twice: bool) -> Secret:
    """The passphrase; its first line counts, without the line's end.

    Args:
        twice: whether somebody at the terminal types it again, because it is new.

    Raises:
        UsageError: both or none are given and there is no terminal, or what is named cannot be read, can be
            read by others, or holds nothing.
    """
    if passphrase_fd is not None and passphrase_file is not None:
        raise UsageError("two sources of the passphrase are named", next_step="name one of them")
    if passphrase_fd is not None:
        name = f"descriptor {passphrase_fd}"
        return _first_line(lambda: os.open(f"/dev/fd/{passphrase_fd}", os.O_RDONLY), name, "passphrase")
    if passphrase_file is not None:
        return read_secret_file(passphrase_file, "passphrase")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "a passphrase is needed, and there is no terminal to ask for it",
            next_step="give it with --passphrase-fd or --passphrase-file",
        )
    return Secret(click.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True))


def read_secret_file(path: Path, what: str) -> Secret:
    """The first line of a file that only its owner can read.

    Args:
        what: what it holds, for people.

    Raises:
        UsageError: it cannot be read, can be read by others, or holds nothing.
    """
    return _first_line(lambda: _private(path, what), str(path), what)


def _private(path: Path, what: str) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) & 0o077:
        os.close(descriptor)
        raise UsageError(
            f"others can read the {what} in {path}",
            next_step=f"chmod 600 {path}, and choose a new {what}",
        )
    return descriptor


def _first_line(opened: Callable[[], int], name: str, what: str) -> Secret:
    try:
        with os.fdopen(opened(), "rb") as stream:
            line = stream.readline(_MOST_BYTES).decode("utf-8").rstrip("\r\n")
    except (OSError, OverflowError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read the {what} from {name}", next_step="check that it is open, readable and UTF-8"
        ) from error
    if not line:
        raise UsageError(f"there is no {what} in {name}", next_step="put it on the first line")
    return Secret(line)


def invite_reader(file: Path | None, *, may_ask: bool) -> ReadInvite:
    """How the setup reads the code by which an agent may register at a relay.

    Args:
        file: holds the code in its first line; None where none was named.
        may_ask: whether somebody may be asked at the terminal.
    """

    def read(*, is_new: bool) -> Secret | None:
        if file is not None:
            return read_secret_file(file, "invitation")
        if not (is_new and may_ask and sys.stdin.isatty() and sys.stderr.isatty()):
            return None
        said = click.prompt(
            "Invitation code of the relay (empty for none)",
            default="",
            hide_input=True,
            show_default=False,
            err=True,
        )
        return Secret(said.strip()) if said.strip() else None

    return read

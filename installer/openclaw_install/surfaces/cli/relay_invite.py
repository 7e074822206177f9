"""The code by which an agent may register at a relay: from a private file or a prompt, never an argument."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from openclaw_install.common.redaction import Secret
from openclaw_install.surfaces.cli.passphrase import read_secret_file

if TYPE_CHECKING:
    from openclaw_install.setup.connection import ReadInvite


def invite_reader(file: Path | None, *, may_ask: bool) -> ReadInvite:
    """How the setup reads the code.

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

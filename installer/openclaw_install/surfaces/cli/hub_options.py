"""What the hub's commands share: the option for its folder, and how they answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from openclaw_install.surfaces.cli.reply import Reply, answered


def _default_data() -> Path:
    import platformdirs

    return platformdirs.user_data_path("openclaw-install") / "hub"


data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=_default_data,
    help="The hub's folder (default: in the user's data folder).",
)


def planned(command: str, what: str) -> Reply:
    """The answer to `--dry-run`: what would be done, and that it was not."""
    return Reply(command, None, [f"dry run: this would {what}; nothing was written"])


def hub_answered(command: str, answer: Any, exit_code: int = 0) -> Reply:
    """A result of the hub as JSON and as text; its views are loaded here, as no other command needs them."""
    from openclaw_install.surfaces.views import hub  # noqa: F401 - it registers the views

    return answered(command, answer, exit_code)

"""The option that the hub's commands share: where its folder is."""

from __future__ import annotations

from pathlib import Path

import click


def _default_data() -> Path:
    import platformdirs

    return platformdirs.user_data_path("openclaw-install") / "hub"


data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=_default_data,
    help="The hub's folder (default: in the user's data folder).",
)

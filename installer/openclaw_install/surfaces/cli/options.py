"""The options that every command has; given before or after the command's name, they mean the same."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from openclaw_install.host.locate import HostLocation, locate

F = TypeVar("F", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)


@dataclass(frozen=True)
class CommonOptions:
    """What the operator said that is the same for every command; None and False mean not said."""

    state_dir: Path | None = None
    config: Path | None = None
    profile: str | None = None
    as_json: bool = False
    yes: bool = False
    dry_run: bool = False
    verbose: bool = False

    def over(self, outer: CommonOptions) -> CommonOptions:
        """These options, with what was not said taken from those before the command's name."""
        said = {field.name: getattr(self, field.name) or getattr(outer, field.name) for field in fields(self)}
        return replace(self, **said)

    def location(self) -> HostLocation:
        """The host that the options and the environment mean."""
        return locate(os.environ, state_dir=self.state_dir, config=self.config, profile=self.profile)

    @property
    def invocation(self) -> str:
        """How this program is called for the same host again."""
        words = ["openclaw-install"]
        for flag, value in (
            ("--state-dir", self.state_dir),
            ("--config", self.config),
            ("--profile", self.profile),
        ):
            if value is not None:
                text = str(value.expanduser().absolute()) if isinstance(value, Path) else value
                words += [flag, shlex.quote(text)]
        return " ".join(words)


def common_options(function: F) -> F:
    """Adds the common options to a command; the function receives them as one `CommonOptions` argument."""
    decorators = (
        click.option("--state-dir", type=_PATH, help="OpenClaw's state folder (default: ~/.openclaw)."),
        click.option("--config", type=_PATH, help="OpenClaw's config file (default: in the state folder)."),
        click.option("--profile", metavar="NAME", help="The host of `openclaw --profile NAME`."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout."),
        click.option("--yes", "-y", is_flag=True, help="Answer yes to every question."),
        click.option("--dry-run", is_flag=True, help="Show what would be done; write nothing."),
        click.option("--verbose", "-v", is_flag=True, help="Show everything that was found."),
    )
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


def gather(context: click.Context, said: dict[str, Any]) -> CommonOptions:
    """Takes the common options out of `said` and merges them with those before the command's name."""
    own = CommonOptions(**{field.name: said.pop(field.name) for field in fields(CommonOptions)})
    outer = context.find_object(CommonOptions)
    return own if outer is None else own.over(outer)

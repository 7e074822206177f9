"""The common options of `pingagent`, for commands that are no `Verb` yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from openclaw_install.surfaces.cli import options as shared
from openclaw_install.surfaces.cli.options import PingOptions, operator

__all__ = ["PingOptions", "confirm", "gather_ping", "operator", "ping_options"]
F = TypeVar("F", bound=Callable[..., Any])


def ping_options(function: F) -> F:
    """Adds the common options to a command; `gather_ping` takes them out again."""
    known = getattr(function, "__click_params__", [])
    function.__click_params__ = [*known, *reversed(PingOptions.parameters)]  # type: ignore[attr-defined]
    return function


def gather_ping(context: click.Context, said: dict[str, Any]) -> PingOptions:
    """Takes the common options out of `said` and merges them with those before the command's name."""
    return PingOptions.gathered(context, said)


def confirm(question: str, options: PingOptions) -> bool:
    """Asks at the terminal; `--yes` answers for scripts."""
    return shared.confirm(question, yes=options.yes)

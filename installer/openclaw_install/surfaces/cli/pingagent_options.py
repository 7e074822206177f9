"""The options of the command `pingagent`, and the app that its commands work at."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from openclaw_install.messaging.app import App
    from openclaw_install.protocol.profile import ProfilePaths

F = TypeVar("F", bound=Callable[..., Any])
PROFILE_VARIABLE = "PINGAGENT_PROFILE"


@dataclass(frozen=True)
class PingOptions:
    """What the operator said that is the same for every command; None and False mean not said."""

    profile: str | None = None
    as_json: bool = False
    yes: bool = False
    dry_run: bool = False
    verbose: bool = False

    def over(self, outer: PingOptions) -> PingOptions:
        """These options, with what was not said taken from those before the command's name."""
        said = {field.name: getattr(self, field.name) or getattr(outer, field.name) for field in fields(self)}
        return replace(self, **said)

    @property
    def env(self) -> dict[str, str]:
        """The environment, with the profile that was named in it."""
        named = {PROFILE_VARIABLE: self.profile} if self.profile else {}
        return {**os.environ, **named}

    def paths(self) -> ProfilePaths:
        """Where the profile's files lie."""
        from openclaw_install.protocol.profile import profile_paths

        return profile_paths(self.env, Path.home())

    @contextlib.contextmanager
    def app(self) -> Iterator[App]:
        """The operator's app.

        Raises:
            IdentityError, FileError, UsageError, ConfigError: as `AppContext.app`.
        """
        from openclaw_install.messaging.app import AppContext

        place = AppContext(self.env, Path.home(), operator())
        try:
            yield place.app()
        finally:
            place.close()


def operator() -> str:
    """Who asks, for the audit: the user of the process, whatever the environment says."""
    import pwd

    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"


def ping_options(function: F) -> F:
    """Adds the common options to a command; `gather_ping` takes them out again."""
    decorators = (
        click.option(
            "--profile",
            metavar="NAME",
            help=f"PingAgent's profile (default: ${PROFILE_VARIABLE}, or openclaw).",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout."),
        click.option("--yes", "-y", is_flag=True, help="Answer yes to every question."),
        click.option("--dry-run", is_flag=True, help="Show what would be done; write nothing."),
        click.option("--verbose", "-v", is_flag=True, help="Show everything that is known."),
    )
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


def gather_ping(context: click.Context, said: dict[str, Any]) -> PingOptions:
    """Takes the common options out of `said` and merges them with those before the command's name."""
    own = PingOptions(**{field.name: said.pop(field.name) for field in fields(PingOptions)})
    outer = context.find_object(PingOptions)
    merged = own if outer is None else own.over(outer)
    context.obj = merged
    return merged


def confirm(question: str, options: PingOptions) -> bool:
    """Asks at the terminal; `--yes` answers for scripts.

    Raises:
        UsageError: there is nobody to ask.
    """
    import sys

    from openclaw_install.common.errors import UsageError

    if options.yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "this needs consent, and there is no terminal to ask for it",
            next_step="add --yes to consent, or --dry-run to see what would be done",
            code="usage.consent",
        )
    return click.confirm(question, default=False, err=True)

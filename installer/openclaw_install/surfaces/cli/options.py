"""Options that every command of a program has; before or after the command's name they mean the same."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import click

from openclaw_install.common.errors import UsageError
from openclaw_install.host.locate import HostLocation, locate

if TYPE_CHECKING:
    from openclaw_install.messaging.app import App
    from openclaw_install.protocol.profile import ProfilePaths

_PATH = click.Path(path_type=Path)
PROFILE_VARIABLE = "PINGAGENT_PROFILE"


@dataclass(frozen=True)
class SharedOptions:
    """What the operator said that is the same for every command; None and False mean not said."""

    profile: str | None = None
    as_json: bool = False
    yes: bool = False
    dry_run: bool = False
    verbose: bool = False
    parameters: ClassVar[tuple[click.Option, ...]] = (
        click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON document on stdout."),
        click.Option(["--yes", "-y"], is_flag=True, help="Answer yes to every question."),
        click.Option(["--dry-run"], is_flag=True, help="Show what would be done; write nothing."),
        click.Option(["--verbose", "-v"], is_flag=True, help="Show everything that is known."),
    )

    @classmethod
    def gathered(cls, context: click.Context, said: dict[str, Any]) -> Self:
        """Takes the common options out of `said` and adds those that stood before the command's name."""
        own = cls(**{field.name: said.pop(field.name) for field in fields(cls)})
        outer = context.find_object(cls)
        merged = own if outer is None else own.over(outer)
        context.obj = merged
        return merged

    def over(self, outer: Self) -> Self:
        """These options, with what was not said taken from those before the command's name."""
        said = {field.name: getattr(self, field.name) or getattr(outer, field.name) for field in fields(self)}
        return replace(self, **said)


@dataclass(frozen=True)
class CommonOptions(SharedOptions):
    """The common options of `openclaw-install`: which host is meant, and how to answer."""

    state_dir: Path | None = None
    config: Path | None = None

    parameters: ClassVar[tuple[click.Option, ...]] = (
        click.Option(["--state-dir"], type=_PATH, help="OpenClaw's state folder (default: ~/.openclaw)."),
        click.Option(["--config"], type=_PATH, help="OpenClaw's config file (default: in the state folder)."),
        click.Option(["--profile"], metavar="NAME", help="The host of `openclaw --profile NAME`."),
        *SharedOptions.parameters,
    )

    def location(self) -> HostLocation:
        """The host that the options and the environment mean."""
        return locate(os.environ, state_dir=self.state_dir, config=self.config, profile=self.profile)


@dataclass(frozen=True)
class PingOptions(SharedOptions):
    """The common options of `pingagent`: which profile is meant, and how to answer."""

    parameters: ClassVar[tuple[click.Option, ...]] = (
        click.Option(
            ["--profile"],
            metavar="NAME",
            help=f"PingAgent's profile (default: ${PROFILE_VARIABLE}, or openclaw).",
        ),
        *SharedOptions.parameters,
    )

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


def confirm(question: str, *, yes: bool) -> bool:
    """Asks at the terminal.

    Args:
        yes: consent was given on the command line: nobody is asked.

    Raises:
        UsageError: there is nobody to ask.
    """
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "this needs consent, and there is no terminal to ask for it",
            next_step="add --yes to consent, or --dry-run to see what would be done",
            code="usage.consent",
        )
    return click.confirm(question, default=False, err=True)


def agreed(question: str, *, yes: bool) -> None:
    """Goes on only with consent.

    Raises:
        UsageError: there is nobody to ask, or the answer is no.
    """
    if not confirm(question, yes=yes):
        raise UsageError("not agreed: nothing was changed", next_step="run it again to agree")

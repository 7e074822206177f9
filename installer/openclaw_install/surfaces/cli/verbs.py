"""Commands of both programs: common options, dry run and answer are here, a command is one function."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import click

from openclaw_install.surfaces.cli.options import CommonOptions, PingOptions, SharedOptions
from openclaw_install.surfaces.cli.reply import Reply, planned, reply_to

Plan = str | Callable[[dict[str, Any]], str]


class Verb(click.Command):
    """A command of `openclaw-install`: its function is given the common options first, then its own by name.

    The function returns the record that is the answer, or an `Answer` where the exit code is not always 0 or
    the text is not the view's own. The error boundary prints it. None means that nothing is left to print.

    Args:
        plan: what would be done, for `--dry-run`: a sentence, or a function of the command's own options that
            makes it. A command without one changes nothing, or looks at `dry_run` itself.
    """

    options: ClassVar[type[SharedOptions]] = CommonOptions

    def __init__(self, *args: Any, plan: Plan | None = None, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.plan = plan
        self.params = [*self.params, *self.options.parameters]

    def invoke(self, context: click.Context) -> Reply | None:
        """Runs the command."""
        said = context.params
        options = self.options.gathered(context, said)
        if self.plan is not None and options.dry_run:
            return planned(self.called(context), self.plan if isinstance(self.plan, str) else self.plan(said))
        with self.given(options) as given:
            answer = context.invoke(self.callback, given, **said) if self.callback else None
        return reply_to(self.called(context), answer)

    def given(self, options: Any) -> AbstractContextManager[Any]:
        """What the function's first argument is."""
        return nullcontext(options)

    def called(self, context: click.Context) -> str:
        """The command's name in the JSON document: the words after the program's."""
        return context.command_path.partition(" ")[2] or self.name or ""


class VerbGroup(click.Group):
    """Commands of `openclaw-install` under one word; a group's function is its docstring and no more.

    Args:
        alone: the command that the word alone means, with the same options.
    """

    options: ClassVar[type[SharedOptions]] = CommonOptions
    command_class = Verb
    group_class = type

    def __init__(self, *args: Any, alone: Verb | None = None, **rest: Any) -> None:
        super().__init__(*args, **{"invoke_without_command": alone is not None, **rest})
        self.alone = alone
        self.params = [*self.params, *(alone.params if alone else self.options.parameters)]
        self.callback = self._enter

    def _enter(self, **said: Any) -> Reply | None:
        context = click.get_current_context()
        if self.alone is not None and context.invoked_subcommand is None:
            return self.alone.invoke(context)
        self.options.gathered(context, said)
        return None


class ProfileVerb(Verb):
    """A command of `pingagent`: its function is given the common options first."""

    options = PingOptions


class AppVerb(ProfileVerb):
    """A command of `pingagent` over an action: its function is given the app first."""

    def given(self, options: PingOptions) -> AbstractContextManager[Any]:
        return options.app()


class AppGroup(VerbGroup):
    """Commands of `pingagent` under one word."""

    options = PingOptions
    command_class = AppVerb

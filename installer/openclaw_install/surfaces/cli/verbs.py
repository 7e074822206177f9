"""Verbs of `pingagent` over one action each: common options, the app, the dry run and the answer are here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from openclaw_install.surfaces.cli.pingagent_options import gather_ping, ping_options
from openclaw_install.surfaces.cli.reply import Reply, answered, planned

Plan = Callable[[dict[str, Any]], str]


class Verb(click.Command):
    """A command whose function is given the app and its own options, and returns the action's answer.

    Args:
        plan: says what would be done, for `--dry-run`; a verb without one changes nothing.
    """

    def __init__(self, *args: Any, plan: Plan | None = None, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.plan = plan
        self.params += common_parameters()

    def invoke(self, context: click.Context) -> Reply:
        """Runs the verb; the error boundary renders what it returns."""
        said = context.params
        options = gather_ping(context, said)
        _, _, name = context.command_path.partition(" ")
        if self.plan is not None and options.dry_run:
            return planned(name, self.plan(said))
        with options.app() as app:
            answer = self.callback(app, **said) if self.callback else None
        return answer if isinstance(answer, Reply) else answered(name, answer)


def common_parameters() -> list[click.Parameter]:
    """The options that every verb has."""

    @ping_options
    def empty() -> None:
        """Carries the options only."""

    made: list[click.Parameter] = list(reversed(empty.__click_params__))  # type: ignore[attr-defined]  # set by click
    return made

"""`pingagent pause`, `resume` and `limits`: whether messages that come in become turns, and how many."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from openclaw_install.surfaces.cli.verbs import AppVerb

if TYPE_CHECKING:
    from openclaw_install.messaging.app import App
    from openclaw_install.messaging.models.inbound import InboundState

_MOST = 1_000_000


def _limit(scope: str, whose: str, per: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        f"--{scope}-{per}",
        type=click.IntRange(0, _MOST),
        metavar="N",
        help=f"Turns {whose} in a {per}; 0: no ceiling.",
    )


@click.command("pause", cls=AppVerb, plan="would pause all inbound")
@click.option("--reason", default="", help="Shown wherever the pause is told.")
def pause_command(app: App, *, reason: str) -> InboundState:
    """Pause all inbound: messages come in and wait, and none becomes a turn until `pingagent resume`.

    It holds over restarts. Sending goes on.
    """
    from openclaw_install.messaging.actions.inbound import pause_inbound

    return pause_inbound(app, reason=reason)


@click.command("resume", cls=AppVerb, plan="would take the pause back")
def resume_command(app: App) -> InboundState:
    """Take the pause back: what waits goes to your agent, in order."""
    from openclaw_install.messaging.actions.inbound import resume_inbound

    return resume_inbound(app)


@click.command("limits", cls=AppVerb, plan=lambda said: f"would set {_given(said) or 'nothing'}")
@_limit("contact", "of one contact", "minute")
@_limit("contact", "of one contact", "hour")
@_limit("contact", "of one contact", "day")
@_limit("host", "of all contacts", "minute")
@_limit("host", "of all contacts", "hour")
@_limit("host", "of all contacts", "day")
@click.option("--default", is_flag=True, help="Begin with the limits that ship.")
def limits_command(app: App, **said: Any) -> InboundState:
    """Show how many turns messages may begin, which you pay for; or set it.

    Above a limit messages wait, in order, and say until when; nothing is lost. Example: pingagent limits
    --contact-hour 30
    """
    from openclaw_install.messaging.actions.inbound import change_ceilings, show_inbound

    return change_ceilings(app, **said) if _given(said) else show_inbound(app)


def _given(said: dict[str, Any]) -> str:
    given = [f"{name} {value}" for name, value in said.items() if value not in (None, False)]
    return ", ".join(given).replace("_", " ")

"""`pingagent sessions`: list threads, look into one, focus it, mark it read, keep its note."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from openclaw_install.surfaces.cli.pingagent_completion import agents_and_threads
from openclaw_install.surfaces.cli.verbs import AppGroup, AppVerb

if TYPE_CHECKING:
    from openclaw_install.messaging.app import App
    from openclaw_install.messaging.models.sessions import (
        FocusedThread,
        MarkedRead,
        NoteChange,
        SessionOverview,
        SessionPage,
    )

_FIELDS = ("objective", "context", "constraints", "decisions", "open_questions", "next_steps")
_thread = click.argument("session", required=False, shell_complete=agents_and_threads, metavar="[THREAD]")
_THE_FOCUSED = "the focused thread"


def _summary_plan(said: dict[str, Any]) -> str:
    changed = [*_given(said), *said["clear_fields"]]
    return f"would change {', '.join(changed)}" if changed else "would show the note"


def _given(said: dict[str, Any]) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name in _FIELDS
        if (value := said[name]) is not None and value != ()
    }


@click.command("list", cls=AppVerb)
@click.option("--unread", "unread_only", is_flag=True, help="Only threads with unread messages.")
@click.option(
    "--limit", "-n", type=click.IntRange(1, 200), default=20, show_default=True, help="Rows to show."
)
@click.option("--page", metavar="PAGE", help="`next_page` of the list before.")
def list_command(app: App, **said: Any) -> SessionPage:
    """List collaboration threads, newest activity first."""
    from openclaw_install.messaging.actions.sessions import recent_sessions

    return recent_sessions(app, **said)


@click.group("sessions", cls=AppGroup, alone=list_command)
def sessions_group() -> None:
    """List collaboration threads, newest activity first; or work on one of them.

    THREAD is a thread id, the other agent's DID, or @alias; left out, it is the thread that you focused.
    """


sessions_group.add_command(list_command)


@sessions_group.command("show")
@_thread
def show_command(app: App, **said: Any) -> SessionOverview:
    """Show a thread in full: trust, note, what waits or is stuck. Changes nothing."""
    from openclaw_install.messaging.actions.sessions import session_overview

    return session_overview(app, **said)


@sessions_group.command("focus", plan=lambda said: f"would focus {said['session'] or _THE_FOCUSED}")
@_thread
@click.option(
    "--messages", "-n", type=click.IntRange(1, 200), default=10, show_default=True, help="Messages to show."
)
@click.option("--before", type=click.IntRange(min=1), metavar="NUMBER", help="Only messages before this one.")
@click.option("--keep-unread", is_flag=True, help="Leave the thread unread.")
def focus_command(app: App, /, *, keep_unread: bool, **said: Any) -> FocusedThread:
    """Make a thread yours, for the commands that name none, and read its newest messages.

    Your focus is that of your user; agents have their own.
    """
    from openclaw_install.messaging.actions.sessions import focus_session

    return focus_session(app, mark_read=not keep_unread, **said)


@sessions_group.command("read", plan=lambda said: f"would mark {said['session'] or _THE_FOCUSED} as read")
@_thread
@click.option(
    "--up-to", type=click.IntRange(min=1), metavar="NUMBER", help="What came in later stays unread."
)
def read_command(app: App, **said: Any) -> MarkedRead:
    """Mark a thread as read."""
    from openclaw_install.messaging.actions.sessions import mark_read

    return mark_read(app, **said)


@sessions_group.command("summary", plan=_summary_plan)
@_thread
@click.option("--objective", metavar="TEXT", help="What the thread is for; an empty text clears it.")
@click.option("--context", metavar="TEXT", help="What somebody has to know who comes in new.")
@click.option("--constraint", "constraints", multiple=True, metavar="TEXT", help="Repeat it for several.")
@click.option("--decision", "decisions", multiple=True, metavar="TEXT", help="Repeat it for several.")
@click.option("--open-question", "open_questions", multiple=True, metavar="TEXT", help="As --decision.")
@click.option("--next-step", "next_steps", multiple=True, metavar="TEXT", help="As --decision.")
@click.option("--clear", "clear_fields", multiple=True, type=click.Choice(_FIELDS), help="Clear a field.")
def summary_command(app: App, **said: Any) -> NoteChange:
    """Show a thread's carry-forward note, or change fields of it; the others stay as they are."""
    from openclaw_install.messaging.actions.sessions import session_summary

    clear = list(said["clear_fields"])
    return session_summary(app, session=said["session"], clear_fields=clear, **_given(said))

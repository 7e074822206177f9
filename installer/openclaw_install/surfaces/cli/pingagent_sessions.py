"""`pingagent sessions`: list threads, look into one, focus it, mark it read, keep its note."""

from __future__ import annotations

from typing import Any

import click

from openclaw_install.surfaces.cli.pingagent_completion import agents_and_threads
from openclaw_install.surfaces.cli.pingagent_options import gather_ping, ping_options
from openclaw_install.surfaces.cli.reply import Reply

_FIELDS = ("objective", "context", "constraints", "decisions", "open_questions", "next_steps")
_thread = click.argument("thread", required=False, shell_complete=agents_and_threads, metavar="[THREAD]")
_unread = click.option("--unread", is_flag=True, help="Only threads with unread messages.")
_limit = click.option(
    "--limit", "-n", type=click.IntRange(1, 200), default=20, show_default=True, help="Rows to show."
)
_page = click.option("--page", metavar="PAGE", help="`next_page` of the list before.")


@click.group("sessions", invoke_without_command=True)
@ping_options
@_unread
@_limit
@_page
@click.pass_context
def sessions_group(
    context: click.Context, /, *, unread: bool, limit: int, page: str | None, **said: Any
) -> Reply | None:
    """List collaboration threads, newest activity first; or work on one of them.

    THREAD is a thread id, the other agent's DID, or @alias; left out, it is the thread that you focused.
    """
    gather_ping(context, said)
    if context.invoked_subcommand is not None:
        return None
    return _listed(context, unread=unread, limit=limit, page=page)


@sessions_group.command("list")
@ping_options
@_unread
@_limit
@_page
@click.pass_context
def list_command(
    context: click.Context, /, *, unread: bool, limit: int, page: str | None, **said: Any
) -> Reply:
    """List collaboration threads, newest activity first."""
    gather_ping(context, said)
    return _listed(context, unread=unread, limit=limit, page=page)


def _listed(context: click.Context, *, unread: bool, limit: int, page: str | None) -> Reply:
    from openclaw_install.messaging.actions import messages as service
    from openclaw_install.surfaces.cli.render_pingagent import sessions_lines
    from openclaw_install.surfaces.mcp.pingagent.documents import sessions_document

    with context.obj.app() as app:
        body = sessions_document(
            service.recent_sessions(app, limit=limit, unread_only=unread, page=page), app.reader
        )
    return Reply("sessions", body, sessions_lines(body))


@sessions_group.command("show")
@ping_options
@_thread
@click.pass_context
def show_command(context: click.Context, /, *, thread: str | None, **said: Any) -> Reply:
    """Show a thread in full: trust, note, what waits or is stuck. Changes nothing."""
    from openclaw_install.messaging.actions.sessions import session_overview
    from openclaw_install.surfaces.cli.render_sessions import overview_lines
    from openclaw_install.surfaces.mcp.pingagent.session_documents import session_overview_document

    options = gather_ping(context, said)
    with options.app() as app:
        body = session_overview_document(session_overview(app, thread), app.reader)
    return Reply("sessions show", body, overview_lines(body))


@sessions_group.command("focus")
@ping_options
@_thread
@click.option(
    "--messages", "-n", type=click.IntRange(1, 200), default=10, show_default=True, help="Messages to show."
)
@click.option("--before", type=click.IntRange(min=1), metavar="NUMBER", help="Only messages before this one.")
@click.option("--keep-unread", is_flag=True, help="Leave the thread unread.")
@click.pass_context
def focus_command(
    context: click.Context,
    /,
    *,
    thread: str | None,
    messages: int,
    before: int | None,
    keep_unread: bool,
    **said: Any,
) -> Reply:
    """Make a thread yours, for the commands that name none, and read its newest messages.

    Your focus is that of your user; agents have their own.
    """
    from openclaw_install.messaging.actions.messages import focus_session
    from openclaw_install.surfaces.cli.render_sessions import thread_lines
    from openclaw_install.surfaces.mcp.pingagent.documents import thread_document

    options = gather_ping(context, said)
    if options.dry_run:
        return _planned("sessions focus", f"would focus {thread or 'the focused thread'}")
    with options.app() as app:
        view = focus_session(app, thread, messages=messages, before=before, read=not keep_unread)
        body = thread_document(view, app.reader)
    return Reply("sessions focus", body, thread_lines(body))


@sessions_group.command("read")
@ping_options
@_thread
@click.option(
    "--up-to", type=click.IntRange(min=1), metavar="NUMBER", help="What came in later stays unread."
)
@click.pass_context
def read_command(context: click.Context, /, *, thread: str | None, up_to: int | None, **said: Any) -> Reply:
    """Mark a thread as read."""
    from openclaw_install.messaging.actions.sessions import mark_read
    from openclaw_install.surfaces.mcp.pingagent.control_words import marked_read_text
    from openclaw_install.surfaces.mcp.pingagent.session_documents import marked_read_document

    options = gather_ping(context, said)
    if options.dry_run:
        return _planned("sessions read", f"would mark {thread or 'the focused thread'} as read")
    with options.app() as app:
        body = marked_read_document(mark_read(app, thread, up_to=up_to), app.reader)
    return Reply("sessions read", body, [marked_read_text(body)])


@sessions_group.command("summary")
@ping_options
@_thread
@click.option("--objective", metavar="TEXT", help="What the thread is for; an empty text clears it.")
@click.option("--context", "about", metavar="TEXT", help="What somebody has to know who comes in new.")
@click.option("--constraint", "constraints", multiple=True, metavar="TEXT", help="Repeat it for several.")
@click.option("--decision", "decisions", multiple=True, metavar="TEXT", help="Repeat it for several.")
@click.option("--open-question", "open_questions", multiple=True, metavar="TEXT", help="As --decision.")
@click.option("--next-step", "next_steps", multiple=True, metavar="TEXT", help="As --decision.")
@click.option("--clear", "clear", multiple=True, type=click.Choice(_FIELDS), help="Clear a field.")
@click.pass_context
def summary_command(
    context: click.Context, /, *, thread: str | None, clear: tuple[str, ...], about: str | None, **said: Any
) -> Reply:
    """Show a thread's carry-forward note, or change fields of it; the others stay as they are."""
    from openclaw_install.messaging.actions.sessions import summary
    from openclaw_install.surfaces.cli.render_sessions import summary_lines
    from openclaw_install.surfaces.mcp.pingagent.session_documents import summary_document

    named = {"context": about, **{name: said.pop(name) for name in _FIELDS if name != "context"}}
    given = {name: value for name, value in named.items() if value is not None and value != ()}
    options = gather_ping(context, said)
    if options.dry_run and (given or clear):
        return _planned("sessions summary", f"would change {', '.join([*given, *clear])}")
    with options.app() as app:
        body = summary_document(summary(app, thread, given=given, clear=clear), app.reader)
    return Reply("sessions summary", body, summary_lines(body))


def _planned(command: str, line: str) -> Reply:
    return Reply(command, {"dry_run": True, "planned": [line]}, [line])

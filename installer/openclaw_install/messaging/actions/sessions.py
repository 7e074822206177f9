"""What commands and tools do with threads beyond reading them: next, read, summary, overview, approvals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from openclaw_install.messaging.actions.messages import MOST, find_session, focus_session, session_view
from openclaw_install.messaging.actions.recommendations import trust_status
from openclaw_install.messaging.app import App
from openclaw_install.messaging.control_results import (
    ConversationPage,
    MarkedRead,
    NextUnread,
    SessionOverview,
)
from openclaw_install.messaging.models import ContactState
from openclaw_install.messaging.pagination import read_page, write_page
from openclaw_install.messaging.store.overview import Conversation
from openclaw_install.messaging.summary import SummaryChange, changed_summary

_NEWEST = 3


def next_unread(app: App, *, messages: int = 10, read: bool = True) -> NextUnread:
    """Focuses the thread whose unread messages wait for longest; the focused one comes last.

    Threads of contacts that nobody approved are passed over: they are for a person to decide about.

    Args:
        messages, read: as in `focus_session`.
    """
    focused = app.store.sessions.focus(app.caller)
    found = app.store.overview.next_unread(besides=focused) or app.store.overview.next_unread()
    thread = focus_session(app, found.thread_id, messages=messages, read=read) if found else None
    return NextUnread(thread, app.store.sessions.counts()[1], app.store.contacts.counts()["pending"])


def mark_read(app: App, target: str | None = None, *, up_to: int | None = None) -> MarkedRead:
    """Clears a thread's unread count.

    Args:
        target: a thread id, a DID or `@alias`; None is the focused thread.
        up_to: local number of the newest message that was read; what came in after it stays unread.

    Raises:
        ThreadError: there is no such thread, or none is focused.
    """
    session = find_session(app, target)
    table = app.store.sessions
    with app.store.write():
        current = table.get(session.thread_id) or session
        if up_to is None:
            table.mark_read(session.thread_id)
        else:
            table.lower_unread(session.thread_id, app.store.overview.unread_after(session.thread_id, up_to))
        after = table.get(session.thread_id) or session
    return MarkedRead(session_view(app, after), current.unread)


def summary(
    app: App,
    target: str | None = None,
    *,
    given: Mapping[str, object] | None = None,
    clear: Iterable[str] = (),
) -> SummaryChange:
    """Reads a thread's carry-forward note, or changes fields of it; the others stay as they are.

    Args:
        target: as in `mark_read`.
        given: new contents by field; an empty text or list clears the field.
        clear: fields to be cleared.

    Raises:
        ThreadError: there is no such thread, or none is focused.
        SummaryError: a change that cannot be made.
    """
    thread = find_session(app, target).thread_id
    clear = tuple(clear)
    if not given and not clear:
        return SummaryChange(app.store.summaries.get(thread))
    now = app.clock()
    # Read and written in one transaction: two that change different fields both have their way.
    with app.store.write():
        change = changed_summary(app.store.summaries.get(thread), given or {}, clear, app.caller, now)
        if change.changed:
            app.store.summaries.put(change.summary)
            app.store.events.add(
                "session.summary", now, thread_id=thread, by=app.caller, fields=list(change.changed)
            )
    return change


def session_overview(app: App, target: str | None = None) -> SessionOverview:
    """One thread: trust, note, what is under way or stuck, where its messages go.

    Args:
        target: as in `mark_read`.

    Raises:
        ThreadError: there is no such thread, or none is focused.
    """
    session = find_session(app, target)
    thread = session.thread_id
    return SessionOverview(
        view=session_view(app, session),
        trust=trust_status(app, session=thread),
        summary=app.store.summaries.get(thread),
        figures=app.store.overview.figures(thread),
        newest=tuple(app.store.messages.of_thread(thread, limit=_NEWEST)),
        binding=app.store.bindings.get(thread),
        mode=app.route_mode,
    )


def conversations(
    app: App, state: ContactState | None = None, *, limit: int = 20, page: str | None = None
) -> ConversationPage:
    """Contacts with what they wrote last; those that wait for longest first.

    Args:
        state: `pending` for those that wait for a person; None for all.
        limit: 1 to 200.
        page: `next` of the page before; nobody is told twice or passed over when others change.

    Raises:
        UsageError: `page` is not one that this function gave.
    """
    limit = max(1, min(limit, MOST))
    found = app.store.overview.conversations(state, after=read_page(page, "did:"), limit=limit + 1)
    shown = found[:limit]
    return ConversationPage(
        tuple(shown),
        {str(name): count for name, count in app.store.contacts.counts().items()},
        _write_page(shown[-1], state) if len(found) > limit else None,
    )


def _write_page(last: Conversation, state: ContactState | None) -> str:
    at = last.contact.first_seen_at if state is None else last.contact.updated_at
    return write_page(at, last.contact.did)

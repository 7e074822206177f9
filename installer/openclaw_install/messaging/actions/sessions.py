"""Collaboration threads: list them, work in one, mark it read, keep its note, see all about it."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from openclaw_install.messaging.actions.arguments import (
    AgentName,
    Count,
    Number,
    Page,
    Rows,
    Rule,
    read_page,
    write_page,
)
from openclaw_install.messaging.actions.names import find_session
from openclaw_install.messaging.actions.recommendations import trust_status
from openclaw_install.messaging.app import App
from openclaw_install.messaging.health import read_health
from openclaw_install.messaging.inbound_guard import pause_of
from openclaw_install.messaging.models import ContactState, Session
from openclaw_install.messaging.models import sessions as models
from openclaw_install.messaging.models.contacts import ShownContact
from openclaw_install.messaging.models.messages import shown_messages
from openclaw_install.messaging.models.overview import WhoAmI
from openclaw_install.messaging.summary import SummaryChange, changed_summary
from openclaw_install.messaging.untrusted import opened_as

_NEWEST = 3
_STATES: dict[str, ContactState | None] = {"all": None, "dm": "approved", "pending_dm": "pending"}
NoteText = Annotated[str, Rule(max_length=2000)]
NoteItems = Annotated[list[Annotated[str, Rule(max_length=400)]], Rule(max_length=20)]
NoteField = Literal["objective", "context", "constraints", "decisions", "open_questions", "next_steps"]


def whoami(app: App) -> WhoAmI:
    """This agent's DID and names, its relay, and whether messages can come and go at present."""
    threads, unread = app.store.sessions.counts()
    running = app.runtime_running
    return WhoAmI(
        did=app.did,
        alias=app.identity.alias,
        display_name=app.identity.display_name,
        relay=shown_address(app.relay_url),
        threads=threads,
        unread_threads=unread,
        pending_contacts=app.store.contacts.counts()["pending"],
        runtime_running=running,
        focused_thread=app.store.sessions.focus(app.caller),
        inbound_paused=pause_of(app.store) is not None,
        health=read_health(app.store, running=running, now=app.clock()),
    )


def recent_sessions(
    app: App, *, limit: Rows = 20, unread_only: bool = False, page: Page | None = None
) -> models.SessionPage:
    """Collaboration threads with other agents, newest activity first, with what is unread. The main entrance:
    begin here, then focus one.

    Args:
        limit: At most so many threads.
        unread_only: Only threads with unread messages.
        page: `next_page` of the answer before.

    Raises:
        UsageError: `page` is not one that this function gave.
    """
    before = read_page(page, "c_dm_")
    found = app.store.sessions.recent(limit=limit + 1, unread_only=unread_only, before=before)
    shown, focused = found[:limit], app.store.sessions.focus(app.caller)
    total, unread = app.store.sessions.counts()
    return models.SessionPage(
        sessions=tuple(models.shown_session(one, app.reader, focused) for one in shown),
        total=total,
        unread_threads=unread,
        next_page=write_page(shown[-1].last_activity_at, shown[-1].thread_id) if len(found) > limit else None,
    )


def focus_session(
    app: App,
    *,
    session: AgentName | None = None,
    messages: Rows = 10,
    before: Count | None = None,
    mark_read: bool = True,
) -> models.FocusedThread:
    """Choose the thread that you work in and read its newest messages; replies go there from now on. The
    choice is yours alone: it changes no other client's. Marks the thread as read.

    Args:
        session: The thread: its id (c_dm_... or c_pdm_...), the other agent's DID, or @alias of a known
            contact. Left out: the focused thread.
        messages: At most so many messages of the thread, its newest.
        before: Only messages with a number below this: `before` of the answer before, or a message's number
            plus 1 with messages=1 for all of one.
        mark_read: Whether the thread counts as read from now on.

    Raises:
        ThreadError: there is no such thread, or none is focused.
    """
    found = find_session(app, session)
    thread, table = found.thread_id, app.store.sessions
    if table.focus(app.caller) != thread:
        table.set_focus(app.caller, thread, app.clock())
    if mark_read:
        table.mark_read(thread)
    shown = app.store.messages.of_thread(thread, before=before, limit=messages)
    return models.FocusedThread(
        session=models.shown_session(table.get(thread) or found, app.reader, thread),
        messages=shown_messages(shown, app.reader),
        before=shown[0].id if shown else None,
    )


def next_unread(app: App, *, messages: Rows = 10, mark_read: bool = True) -> models.NextUnread:
    """Focus the thread whose unread messages wait for longest, and read its newest ones. Passes over agents
    that nobody has approved.

    Args:
        messages: At most so many messages of the thread, its newest.
        mark_read: Whether the thread counts as read from now on.
    """
    focused = app.store.sessions.focus(app.caller)
    found = app.store.overview.next_unread(besides=focused) or app.store.overview.next_unread()
    thread = None
    if found:
        thread = focus_session(app, session=found.thread_id, messages=messages, mark_read=mark_read)
    return models.NextUnread(
        thread=thread,
        unread_threads=app.store.sessions.counts()[1],
        pending_contacts=app.store.contacts.counts()["pending"],
    )


def mark_read(
    app: App, *, session: AgentName | None = None, up_to: Number | None = None
) -> models.MarkedRead:
    """Clear the unread count of the focused thread, or of the one you name; with up_to, what came in after
    that message stays unread.

    Args:
        session: As in pingagent_focus_session.
        up_to: Number of the newest message that you read; what came in after it stays unread.

    Raises:
        ThreadError: there is no such thread, or none is focused.
    """
    found = find_session(app, session)
    table, thread = app.store.sessions, found.thread_id
    with app.store.write():
        current = table.get(thread) or found
        if up_to is None:
            table.mark_read(thread)
        else:
            table.lower_unread(thread, app.store.overview.unread_after(thread, up_to))
        after = table.get(thread) or found
    return models.MarkedRead(session=session_now(app, after), unread_before=current.unread)


def session_summary(  # noqa: PLR0913 - each argument is a field of the note, in the tool's contract
    app: App,
    *,
    session: AgentName | None = None,
    objective: NoteText | None = None,
    context: NoteText | None = None,
    constraints: NoteItems | None = None,
    decisions: NoteItems | None = None,
    open_questions: NoteItems | None = None,
    next_steps: NoteItems | None = None,
    clear_fields: Annotated[list[NoteField], Rule(max_length=6)] | None = None,
) -> models.NoteChange:
    """Read or change the thread's working note: goal, constraints, decisions, what is open. Fields that you
    leave out stay; empty ones, and clear_fields, clear. Working notes only; not authoritative.

    Args:
        session: As in pingagent_focus_session.
        objective: What the thread is for. An empty text clears it.
        context: What somebody has to know who comes in new. An empty text clears it.
        constraints: Limits to keep to, in place of what was there; an empty list clears it.
        decisions: What was decided; as constraints.
        open_questions: What is not clear yet; as constraints.
        next_steps: What comes next; as constraints.
        clear_fields: Fields to clear.

    Raises:
        ThreadError: there is no such thread, or none is focused.
        SummaryError: a change that cannot be made.
    """
    thread = find_session(app, session).thread_id
    fields = {
        "objective": objective,
        "context": context,
        "constraints": constraints,
        "decisions": decisions,
        "open_questions": open_questions,
        "next_steps": next_steps,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    if not given and not clear_fields:
        return _note_change(app, SummaryChange(app.store.summaries.get(thread)))
    now = app.clock()
    # Read and written in one transaction: two that change different fields both have their way.
    with app.store.write():
        known = app.store.summaries.get(thread)
        change = changed_summary(known, given, clear_fields or (), app.caller, now)
        if change.changed:
            app.store.summaries.put(change.summary)
            changed = list(change.changed)
            app.store.events.add("session.summary", now, thread_id=thread, by=app.caller, fields=changed)
    return _note_change(app, change)


def session_overview(app: App, *, session: AgentName | None = None) -> models.SessionOverview:
    """All about the focused thread, or the one you name: trust, note, what waits or is stuck, where its
    messages go. For details; a reply does not need it.

    Args:
        session: As in pingagent_focus_session.

    Raises:
        ThreadError: there is no such thread, or none is focused.
    """
    found = find_session(app, session)
    thread = found.thread_id
    trust = trust_status(app, session=thread)
    contact = app.store.contacts.get(found.peer)
    return models.SessionOverview(
        session=session_now(app, found),
        contact=opened_as(ShownContact, contact, app.reader) if contact else None,
        contact_policy=trust.contact,
        task_policy=trust.task,
        recommendation=trust.recommendation,
        summary=models.shown_note(app.store.summaries.get(thread), app.reader),
        figures=app.store.overview.figures(thread),
        newest=shown_messages(app.store.messages.of_thread(thread, limit=_NEWEST), app.reader),
        route_mode=app.route_mode,
        binding=app.store.bindings.get(thread),
        policy=trust.policy,
    )


def conversations(
    app: App,
    *,
    type: Literal["all", "dm", "pending_dm"] = "all",  # noqa: A002 - the argument's name in the tool's contract
    limit: Rows = 20,
    page: Page | None = None,
) -> models.ConversationPage:
    """Contacts with what they wrote last, longest known first. type "pending_dm": who waits for a person's
    approval.

    Args:
        type: pending_dm: who waits for a person's approval; dm: approved contacts; all: also rejected and
            blocked ones.
        limit: At most so many contacts.
        page: `next_page` of the answer before; nobody is listed twice or passed over when others change.

    Raises:
        UsageError: `page` is not one that this function gave.
    """
    state = _STATES[type]
    found = app.store.overview.conversations(state, after=read_page(page, "did:"), limit=limit + 1)
    shown = found[:limit]
    next_page = None
    if len(found) > limit:
        last = shown[-1].contact
        next_page = write_page(last.first_seen_at if state is None else last.updated_at, last.did)
    return models.ConversationPage(
        conversations=tuple(_conversation(app, one) for one in shown),
        counts=app.store.contacts.counts(),
        next_page=next_page,
    )


def session_now(app: App, session: Session) -> models.ShownSession:
    """A thread as the caller may see it, and whether it is the one that the caller works in."""
    return models.shown_session(session, app.reader, app.store.sessions.focus(app.caller))


def shown_address(url: str | None) -> str | None:
    """An address without what could be a password or a key in it."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "(no valid address)"
    return f"{parts.scheme}://{host}{parts.path}"


def _note_change(app: App, change: SummaryChange) -> models.NoteChange:
    note = change.summary
    return opened_as(
        models.NoteChange,
        note,
        app.reader,
        summary=models.shown_note(note, app.reader),
        withheld=not app.reader.opens(note.fields.standing),
        changed=change.changed,
        cleared=change.cleared,
    )


def _conversation(app: App, one: models.Conversation) -> models.ShownConversation:
    thread, pending = one.thread_id, one.contact.state == "pending"
    return opened_as(
        models.ShownConversation,
        one,
        app.reader,
        type="pending_dm" if pending else "dm",
        conversation_id=thread and (thread.replace("c_dm_", "c_pdm_", 1) if pending else thread),
        contact=opened_as(ShownContact, one.contact, app.reader),
        preview=app.reader.open(one.preview) or "",
        withheld=not app.reader.opens(one.contact.state),
    )

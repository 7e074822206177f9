"""The texts about threads: lists, one with its messages, its note, an overview; contacts. Pure."""

from __future__ import annotations

from dataclasses import fields

from openclaw_install.common.shown_text import cut, neutral, quoted
from openclaw_install.messaging.models.sessions import (
    ConversationPage,
    Figures,
    FocusedThread,
    MarkedRead,
    NextUnread,
    Note,
    NoteChange,
    SessionOverview,
    SessionPage,
    ShownConversation,
    ShownSession,
)
from openclaw_install.surfaces.views import view
from openclaw_install.surfaces.views.contacts import full_name, peer_name
from openclaw_install.surfaces.views.messages import QUOTED, WITHHELD, message_row, moment
from openclaw_install.surfaces.views.text import LEFT, Text
from openclaw_install.surfaces.views.trust import problem_lines


@view.register
def session_page(page: SessionPage) -> Text:
    """The threads, one a line."""
    more = [f"More: page={page.next_page}"] if page.next_page else []
    return Text(
        head=[f"{page.total} threads, {page.unread_threads} with unread messages; newest first."],
        rows=[session_row(one) for one in page.sessions],
        tail=[*more, QUOTED if page.sessions else "Nobody has written yet."],
    )


def session_row(one: ShownSession) -> str:
    """One thread of a list."""
    marks = [f"{one.unread} unread"] if one.unread else []
    marks += [one.trust] if one.trust != "approved" else []
    marks += ["focused"] if one.focused else []
    marks += ["degraded"] if one.degraded else []
    state = f" [{', '.join(marks)}]" if marks else ""
    said = WITHHELD if one.withheld and not one.preview else quoted(one.preview, 60)
    return f"- {one.thread_id} {peer_name(one.peer)}{state} {moment(one.last_activity_at)[:16]} {said}"


@view.register
def focused_thread(thread: FocusedThread) -> Text:
    """The focused thread and its newest messages, oldest first."""
    session = thread.session
    head = [f"Focused: {session.thread_id} with {full_name(session.peer)}, {session.trust}."]
    if session.degraded:
        head.append(cut(neutral(f"Degraded: {session.degraded}"), 150))
    earlier = [f"Earlier: before={thread.before}"] if thread.before else []
    return Text(
        head,
        [message_row(one) for one in thread.messages],
        [*earlier, f"{QUOTED} One whole message: messages=1 and before=its number plus 1."],
        more="({left} older ones of this page left out; messages={shown} pages through all)",
        newest_last=True,
    )


@view.register
def next_unread(found: NextUnread) -> Text:
    """The thread that comes next, or that nothing is unread."""
    rest = f"Unread threads left: {found.unread_threads}."
    if found.pending_contacts:
        rest += f" Contacts that wait for a person: {found.pending_contacts}."
    if found.thread is None:
        return Text([f"Nothing unread of an approved contact. {rest}"])
    thread = focused_thread(found.thread)
    return Text(thread.head, thread.rows, [*thread.tail, rest], thread.more, newest_last=True)


@view.register
def marked_read(done: MarkedRead) -> Text:
    """What was unread, and what still is."""
    session = done.session
    left = f"; {session.unread} came in since and stay unread" if session.unread else ""
    read = f"Read: {session.thread_id} with {peer_name(session.peer)}"
    return Text([f"{read}, {done.unread_before} unread before{left}."])


@view.register
def conversation_page(page: ConversationPage) -> Text:
    """Contacts, one a line, and how many there are of each state."""
    tail = [f"More: page={page.next_page}"] if page.next_page else []
    tail.append(QUOTED if page.conversations else "None of this kind.")
    if any(one.type == "pending_dm" for one in page.conversations):
        tail.append("Approving is your person's to decide: pingagent contacts list shows them the message.")
    counts = ", ".join(f"{count} {state}" for state, count in page.counts.items())
    return Text([f"Contacts: {counts}."], [_conversation_row(one) for one in page.conversations], tail)


def _conversation_row(one: ShownConversation) -> str:
    contact = one.contact
    waiting = f", {contact.waiting} messages wait" if contact.waiting else ""
    waiting += f", {contact.deferred} more at the relay" if contact.deferred else ""
    said = f" {quoted(one.preview, 80)}" if one.preview else ""
    return f"- {full_name(contact)} [{contact.state}{waiting}]{said}"


@view.register
def note_change(done: NoteChange) -> Text:
    """The note, field by field."""
    head = [f"Note of {done.thread_id}, revision {done.revision}."]
    if done.withheld:
        head.append("It is kept from you: it can quote an agent that is not approved.")
    if done.changed:
        cleared = f"; cleared: {', '.join(done.cleared)}" if done.cleared else ""
        head = [f"{head[0]} Changed: {', '.join(done.changed)}{cleared}."]
    empty = [] if done.withheld else ["It is empty."]
    return Text(head, note_rows(done.summary) or empty, (), LEFT)


def note_rows(note: Note, most: int = 260) -> list[str]:
    """What is filled of a note."""
    values = {one.name: getattr(note, one.name) for one in fields(note)}
    pairs = [
        (name, item)
        for name, value in values.items()
        for item in ([value] if isinstance(value, str) else value)
    ]
    return [f"{name}: {quoted(item, most)}" for name, item in pairs if item]


@view.register
def session_overview(found: SessionOverview) -> Text:
    """One thread: trust, troubles, note, and its newest messages."""
    session = found.session
    key = cut(neutral(session.session_key or "no session yet"), 90)
    head = [
        f"{session.thread_id} with {full_name(session.peer)}, {session.trust}, {session.unread} unread.",
        cut(neutral(f"Tasks: {found.task_policy.why}"), 150),
        f"{figures_line(found.figures)} Goes to {key} ({found.route_mode}).",
    ]
    if found.binding:
        bound = f"Bound to {found.binding.session_key} by {found.binding.bound_by}"
        head.append(cut(neutral(bound), 130))
    if session.degraded:
        head.append(cut(neutral(f"Degraded: {session.degraded}"), 130))
    if one := found.recommendation:
        head.append(cut(neutral(f"Recommended: {one.section} {one.action}: {one.why}"), 150))
    head += problem_lines(found.policy)
    rows = [*note_rows(found.summary, 120)[:4], *(message_row(one, 100) for one in found.newest)]
    return Text(head, rows, [QUOTED], LEFT)


def figures_line(figures: Figures) -> str:
    """How much is under way or stuck."""
    return (
        f"{figures.waiting} to the agent, {figures.parked} parked, {figures.outgoing} to be sent, "
        f"{figures.failed} failed."
    )

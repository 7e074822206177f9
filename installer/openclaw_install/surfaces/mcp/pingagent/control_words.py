"""The short texts of the tools that steer threads and tell of the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openclaw_install.common.shown_text import cut, neutral, quoted, within
from openclaw_install.surfaces.mcp.pingagent.words import (
    MORE,
    QUOTED,
    message_line,
    peer_name,
    session_line,
    thread_text,
)
from openclaw_install.surfaces.tool import MOST_TEXT

Document = Mapping[str, Any]
_CLOCK = slice(5, 19)  # month to second of an ISO time


def next_unread_text(body: Document) -> str:
    """The thread as `pingagent_focus_session` tells it, or that nothing is unread."""
    rest = f"Unread threads left: {body['unread_threads']}."
    if body["pending_contacts"]:
        rest += f" Contacts that wait for a person: {body['pending_contacts']}."
    if body["thread"] is None:
        return f"Nothing unread of an approved contact. {rest}"
    return f"{thread_text(body['thread'], most=MOST_TEXT - len(rest) - 1)}\n{rest}"


def marked_read_text(body: Document) -> str:
    session = body["session"]
    left = f"; {session['unread']} came in since and stay unread" if session["unread"] else ""
    before = f"{body['unread_before']} unread before{left}"
    return f"Read: {session['thread_id']} with {peer_name(session['peer'])}, {before}."


def conversations_text(body: Document) -> str:
    """Contacts, one a line, and how many there are of each state."""
    counts = ", ".join(f"{count} {state}" for state, count in body["counts"].items())
    tail = [f"More: page={body['next_page']}"] if body["next_page"] else []
    tail.append(QUOTED if body["conversations"] else "None of this kind.")
    if any(one["type"] == "pending_dm" for one in body["conversations"]):
        tail.append("Approving is your person's to decide: pingagent contacts list shows them the message.")
    items = map(_conversation_line, body["conversations"])
    return within([f"Contacts: {counts}."], items, tail, most=MOST_TEXT, more=MORE)


def _conversation_line(one: Document) -> str:
    contact = one["contact"]
    waiting = f", {contact['waiting']} messages wait" if contact["waiting"] else ""
    waiting += f", {contact['deferred']} more at the relay" if contact["deferred"] else ""
    said = f" {quoted(one['preview'], 80)}" if one["preview"] else ""
    alias = f" @{neutral(contact['alias'])}" if contact["alias"] else ""
    return f"- {contact['did']}{alias} [{contact['state']}{waiting}]{said}"


def summary_text(body: Document) -> str:
    """The note, field by field."""
    head = [f"Note of {body['thread_id']}, revision {body['revision']}."]
    if body["withheld"]:
        head.append("It is kept from you: it can quote an agent that is not approved.")
    if body["changed"]:
        cleared = f"; cleared: {', '.join(body['cleared'])}" if body["cleared"] else ""
        head = [f"{head[0]} Changed: {', '.join(body['changed'])}{cleared}."]
    return within(
        head,
        _note_lines(body["summary"]) or ([] if body["withheld"] else ["It is empty."]),
        (),
        most=MOST_TEXT,
        more=_LEFT,
    )


_LEFT = "(... and {left} more lines in the structured answer)"


def _note_lines(summary: Document, most: int = 260) -> list[str]:
    lines: list[str] = []
    for name, value in summary.items():
        if isinstance(value, str):
            lines += [f"{name}: {quoted(value, most)}"] if value else []
        else:
            lines += [f"{name}: {quoted(item, most)}" for item in value]
    return lines


def session_overview_text(body: Document) -> str:
    """One thread: trust, troubles, note, and its newest messages."""
    session, figures = body["session"], body["figures"]
    head = [
        f"{session['thread_id']} with {session['peer']['did']}{_alias(session['peer'])}, {session['trust']}, "
        f"{session['unread']} unread.",
        cut(neutral(f"Tasks: {body['task_policy']['why']}"), 150),
        f"{_figures(figures)} Goes to {cut(neutral(session['session_key'] or 'no session yet'), 90)}.",
    ]
    if session["degraded"]:
        head.append(cut(neutral(f"Degraded: {session['degraded']}"), 130))
    if one := body["recommendation"]:
        head.append(cut(neutral(f"Recommended: {one['section']} {one['action']}: {one['why']}"), 150))
    items = [*_note_lines(body["summary"], 120)[:4], *(message_line(one, 100) for one in body["newest"])]
    return within(head, items, [QUOTED], most=MOST_TEXT, more=_LEFT)


def runtime_text(body: Document) -> str:
    """The host at a glance; what is wrong first."""
    contacts = ", ".join(f"{count} {state}" for state, count in body["contacts"].items())
    policy = body["policy"]
    lines = [
        f"{body['did']}: {body['threads']} threads, {body['unread_threads']} unread. Contacts: {contacts}.",
        f"Runtime {'runs' if body['runtime_running'] else 'does not run'}; {body['route_mode']}, "
        f"{body['bindings']} bindings. Focused: {body['focused_thread'] or 'none'}.",
        f"Policy {policy['version']} ({policy['source']}): contacts {policy['contact_default']}, tasks "
        f"{policy['task_default']}, {policy['rules']} rules.",
        *_transport_lines(body["transport"]),
    ]
    if problem := policy["problem"]:
        lines.append(cut(neutral(f"Policy: {problem['message']} To do: {problem['next_step']}"), 200))
    items = [f"Stuck: {message_line(one, 40)}" for one in body["stuck"]]
    return within(lines, items, (), most=MOST_TEXT, more=_LEFT)


def transport_text(body: Document) -> str:
    """The transport, and what to do about it."""
    relay = cut(neutral(body["relay"] or "none set"), 150)
    lines = [f"Transport {body['transport']}, relay {relay}.", *_transport_lines(body)]
    if body["next_attempt_at"]:
        lines.append(f"Next try: {body['next_attempt_at']}.")
    items = [
        f"{one['at'][_CLOCK]} {neutral(one['kind'])} {quoted(str(one['data'].get('detail', '')), 100)}"
        for one in body["history"]
    ]
    return within(lines, items, (), most=MOST_TEXT, more=_LEFT)


def _transport_lines(transport: Document) -> list[str]:
    health = transport["health"]
    lines = [
        f"{health['connection']}, {health['state']} since {health['since']}. {_figures(transport['figures'])}"
    ]
    if health["detail"]:
        lines.append(cut(neutral(health["detail"]), 200))
    if health["retries"] or health["lag"]:
        lines.append(f"Retries {health['retries']}, {health['lag']} at the relay still.")
    if transport["withheld"] or transport["deferred"]:
        lines.append(
            f"{transport['withheld']} numbers withheld by the relay, {transport['deferred']} left there "
            "until their senders are decided about."
        )
    blocker = health["blocker"]
    if todo := (blocker or {}).get("next_step") or health["recommendation"]:
        lines.append(cut(neutral(f"To do: {todo}"), 200))
    return lines


def _figures(figures: Document) -> str:
    names = {"waiting": "to the agent", "parked": "parked", "outgoing": "to be sent", "failed": "failed"}
    return f"{', '.join(f'{figures[name]} {word}' for name, word in names.items())}."


def since_text(body: Document) -> str:
    """What is new, thread by thread, and what went wrong."""
    since = f"since {body['since']}" if body["since"] else "at the first look, back over the newest events"
    head = [
        f"For {quoted(body['operator'], 60)} {since}: {sum(body['events'].values())} events; now "
        f"{body['unread_threads']} unread threads, {body['pending_contacts']} contacts that wait.",
    ]
    items = [_since_line(one) for one in body["threads"]]
    items += [f"! {_entry_line(one)}" for one in body["attention"]]
    tail = [QUOTED] if body["threads"] else []
    tail += ["There is more already: call again."] if body["more"] else []
    if body["gap"]:
        tail.append("Older events were forgotten in between: look at pingagent_recent_sessions.")
    return within(head, items, tail, most=MOST_TEXT, more=_LEFT)


def _since_line(one: Document) -> str:
    done = [f"{one[name]} {name}" for name in ("received", "sent", "failed") if one[name]]
    return f"{session_line(one['session'])}: {', '.join(done) or 'other events'}"


def timeline_text(body: Document) -> str:
    """What happened, oldest first; the newest are kept where there is no room for all."""
    message, session = body["message"], body["session"]
    about = f"{neutral(message['message_id'])} is {message['state']}; " if message else ""
    head = [f"Timeline: {about}{session['thread_id']} with {peer_name(session['peer'])}."]
    tail = [f"Earlier: before={body['before']}"] if body["before"] else []
    lines = [_entry_line(one, short=message is not None) for one in body["entries"]]
    if not lines:
        return "\n".join([*head, "Nothing is known of it any more.", *tail])
    room = MOST_TEXT - sum(len(line) + 1 for line in (*head, *tail)) - 60
    kept: list[str] = []
    while lines and sum(len(one) + 1 for one in kept) + len(lines[-1]) < room:
        kept.insert(0, lines.pop())
    note = [f"({len(lines)} older ones of this page in the structured answer)"] if lines else []
    return cut("\n".join([*head, *note, *kept, *tail]), MOST_TEXT)


def _entry_line(one: Document, *, short: bool = False) -> str:
    about = "" if short or not one["message_id"] else f" {one['message_id']}"
    detail = f" ({cut(neutral(one['detail']), 90)})" if one["detail"] else ""
    return neutral(f"{one['at'][_CLOCK]} {one['step']} {one['kind']}{about}") + detail


def _alias(peer: Document) -> str:
    return f" @{neutral(peer['alias'])}" if peer["alias"] else ""

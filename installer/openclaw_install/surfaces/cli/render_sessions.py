"""Turns threads, notes, timelines and live events into lines for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openclaw_install.common.shown_text import cut, neutral, quoted
from openclaw_install.protocol.messages import said_in
from openclaw_install.surfaces.mcp.pingagent.words import peer_name

Document = Mapping[str, Any]


def thread_lines(body: Document) -> list[str]:
    """A focused thread and its newest messages, oldest first."""
    session = body["session"]
    lines = [f"{session['thread_id']} with {peer_name(session['peer'])}, {session['trust']}"]
    if session["degraded"]:
        lines.append(neutral(f"degraded: {session['degraded']}"))
    lines += [_message_line(one) for one in body["messages"]]
    if body["before"]:
        lines.append(f"earlier: --before {body['before']}")
    return lines


def _message_line(one: Document) -> str:
    arrow = "<" if one["direction"] == "in" else ">"
    reason = f" ({cut(neutral(one['reason']), 100)})" if one["reason"] else ""
    said = quoted(said_in(one["body"]), 400)
    return f"#{one['number']} {_when(one['sent_at'])} {arrow} [{neutral(one['state'])}]{reason} {said}"


def overview_lines(body: Document) -> list[str]:
    """One thread in full."""
    session, figures = body["session"], body["figures"]
    peer = session["peer"]
    name = f" {quoted(peer['display_name'], 80)}" if peer["display_name"] else ""
    lines = [
        f"{session['thread_id']} with {peer['did']}",
        f"{peer_name(peer)}{name}: {session['trust']}, {session['unread']} unread",
        neutral(f"tasks: {body['task_policy']['why']}"),
        neutral(f"goes to {session['session_key'] or 'no session yet'} ({body['route_mode']})"),
        f"waiting {figures['waiting']}, parked {figures['parked']}, to be sent {figures['outgoing']}, "
        f"failed {figures['failed']}",
    ]
    if binding := body["binding"]:
        lines.append(neutral(f"bound to {binding['session_key']} by {binding['bound_by']}"))
    if session["degraded"]:
        lines.append(neutral(f"degraded: {session['degraded']}"))
    if one := body["recommendation"]:
        lines.append(neutral(f"recommended: {one['section']} {one['action']}, because {one['why']}"))
    if problem := body["problem"]:
        lines.append(neutral(f"policy: {problem['message']}; {problem['next_step']}"))
    return [*lines, *_note_lines(body["summary"]), *(_message_line(one) for one in body["newest"])]


def summary_lines(body: Document) -> list[str]:
    """A thread's note."""
    lines = [f"{body['thread_id']}, revision {body['revision']}"]
    if body["changed"]:
        lines.append(f"changed: {', '.join(body['changed'])}")
    return [*lines, *(_note_lines(body["summary"]) or ["no note"])]


def _note_lines(summary: Document) -> list[str]:
    pairs = [
        (name, item)
        for name, value in summary.items()
        for item in ([value] if isinstance(value, str) else value)
        if item
    ]
    return [f"{name}: {quoted(item, 2000)}" for name, item in pairs]


def timeline_lines(body: Document) -> list[str]:
    """What happened, oldest first."""
    message, session = body["message"], body["session"]
    lines = [f"{session['thread_id']} with {peer_name(session['peer'])}"]
    if message:
        lines.append(f"{neutral(message['message_id'])}: {neutral(message['state'])}")
    lines += [_entry_line(one) for one in body["entries"]]
    if body["before"]:
        lines.append(f"earlier: --before {body['before']}")
    return lines


def _entry_line(one: Document) -> str:
    detail = f"  {cut(neutral(one['detail']), 200)}" if one["detail"] else ""
    about = f"  {neutral(one['message_id'])}" if one["message_id"] else ""
    return f"{_when(one['at'])}  {one['step']:<8}  {neutral(one['kind'])}{about}{detail}"


def event_line(event: Document) -> str:
    """One live event."""
    about = "  ".join(one for one in (event["thread_id"], event["message_id"]) if one)
    facts = ", ".join(f"{name} {value}" for name, value in event["data"].items() if value not in (None, ""))
    line = f"{event['id']}  {_when(event['at'])}  {event['kind']}  {about}  {cut(facts, 200)}"
    return neutral(line.rstrip())


def _when(iso: str) -> str:
    return iso[:19].replace("T", " ")

"""Turns the documents of the command `pingagent` into lines for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from openclaw_install.common.shown_text import cut, neutral, quoted
from openclaw_install.protocol.messages import said_in

Document = Mapping[str, Any]


def whoami_lines(body: Document, *, verbose: bool) -> list[str]:
    """Who this agent is; the DID alone on the first line, so that it is easy to take."""
    names = [f"@{neutral(body['alias'])}"] if body["alias"] else []
    names += [quoted(body["display_name"], 80)] if body["display_name"] else []
    lines = [body["did"], *([" ".join(names)] if names else [])]
    lines.append(f"relay: {neutral(body['relay'] or 'none set (PINGAGENT_SERVER_URL)')}")
    lines.append(
        f"threads: {body['threads']} ({body['unread_threads']} unread), "
        f"contacts that wait: {body['pending_contacts']}"
    )
    lines += health_lines(body["health"], verbose=verbose)
    return lines


def health_lines(health: Document, *, verbose: bool) -> list[str]:
    """The transport, and what to do about it."""
    since = f" since {health['connected_since']}" if health["connected_since"] else ""
    lines = [f"transport: {health['connection']}{since}, {health['state']}"]
    if health["detail"]:
        lines.append(neutral(f"  {health['detail']}"))
    if verbose:
        lines.append(
            f"  last heard {health['last_event_at'] or 'never'}, lag {health['lag']}, "
            f"waiting {health['waiting']}, retries {health['retries']}"
        )
    blocker = health["blocker"]
    if blocker:
        lines.append(neutral(f"  blocked: {blocker['message']}"))
    if todo := (blocker or {}).get("next_step") or health["recommendation"]:
        lines.append(neutral(f"  next: {todo}"))
    return lines


def sessions_lines(body: Document) -> list[str]:
    """A table of threads."""
    if not body["sessions"]:
        return ["nobody has written yet"]
    lines = [_session_line(one) for one in body["sessions"]]
    lines.append(f"{body['total']} threads, {body['unread_threads']} unread")
    if body["next_page"]:
        lines.append(f"more: --page {body['next_page']}")
    return lines


def _session_line(session: Document) -> str:
    peer = session["peer"]
    name = f"@{neutral(peer['alias'])}" if peer["alias"] else peer["did"]
    unread = f"{session['unread']} new" if session["unread"] else "-"
    trust = "" if session["trust"] == "approved" else f" [{session['trust']}]"
    when = session["last_activity_at"][:16].replace("T", " ")
    return f"{session['thread_id']}  {when}  {unread:>7}  {name}{trust}  {quoted(session['preview'], 60)}"


def inbox_lines(body: Document) -> list[str]:
    """Raw messages, newest first."""
    lines = [] if body["messages"] else ["no message has come in"]
    for one in body["messages"]:
        said = quoted(said_in(one["body"]), 100)
        reason = f" ({cut(neutral(one['reason']), 100)})" if one["reason"] else ""
        lines.append(
            f"#{one['number']} {one['sent_at']} {neutral(one['sender'])} [{one['state']}]{reason} {said}"
        )
    lines += [
        f"refused seq {one['seq']} {one['at']}: {neutral(one['reason'])}, "
        f"says it is from {quoted(one['claimed_sender'], 60)}"
        for one in body["rejections"]
    ]
    if body["before"]:
        lines.append(f"earlier: --before {body['before']}")
    return lines


def send_lines(body: Document) -> list[str]:
    """Sent with its evidence, or unconfirmed and what that means."""
    if body["sent"]:
        proof = f"seq {body['seq']}" if body["seq"] else "delivery receipt"
        return [f"sent to {body['recipient']}: {body['message_id']}, {proof}", f"thread {body['thread_id']}"]
    lines = [f"unconfirmed: {body['message_id']} to {body['recipient']} is {body['state']} in the outbox"]
    if not body["runtime_running"]:
        lines.append("no runtime is running; the message is kept, and sent when one runs")
    if body["reason"]:
        lines.append(neutral(f"why: {body['reason']}"))
    if body["next_step"]:
        lines.append(neutral(f"next: {body['next_step']}"))
    lines.append(neutral(f"look again with the same text and --key {body['idempotency_key']}"))
    return lines


def card_lines(body: Document) -> list[str]:
    """An agent's public card."""
    names = [f"@{neutral(body['alias'])}"] if body["alias"] else []
    names += [quoted(body["display_name"], 80)] if body["display_name"] else []
    state = (
        f"published, version {body['version']}" if body["published"] else f"not published: {body['reason']}"
    )
    keys: Sequence[Document] = body["encryption_keys"]
    return [
        body["did"],
        *([" ".join(names)] if names else []),
        neutral(state),
        f"signing key {body['signing_key']}",
        *(f"encryption key {key['kid']}, epoch {key['epoch']}, until {key['expires_at']}" for key in keys),
        *([f"can: {', '.join(map(neutral, body['capabilities']))}"] if body["capabilities"] else []),
    ]


def doctor_lines(body: Document, *, verbose: bool) -> list[str]:
    """What was found and mended, worst first."""
    order = {"critical": 0, "warn": 1, "info": 2}
    lines = [neutral(f"mended: {one}") for one in body["repaired"]]
    for one in sorted(body["findings"], key=lambda found: order[found["severity"]]):
        if one["severity"] == "info" and not verbose:
            continue
        lines.append(neutral(f"{one['severity']}: {one['message']} ({one['code']})"))
        if one["next_step"]:
            lines.append(neutral(f"  next: {one['next_step']}"))
    lines += [
        neutral(f"parked: {one['message_id']} of {one['sender']}: {one['reason']}") for one in body["parked"]
    ]
    lines += [
        neutral(f"failed: {one['message_id']} to {one['recipient']}: {one['reason']}")
        for one in body["failed"]
    ]
    lines += health_lines(body["health"], verbose=verbose)
    lines.append("nothing is in the way" if body["ok"] else "something is in the way")
    return lines

"""Turns what the hub's commands found into documents and lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openclaw_install.surfaces.cli.reply import Reply


def planned(command: str, what: str) -> Reply:
    """The answer to `--dry-run`: what would be done, and that it was not."""
    return Reply(command, None, [f"dry run: this would {what}; nothing was written"])


def key_json(key: Any) -> dict[str, Any]:
    """A key as the document has it; never the key itself."""
    return {
        "id": key.id,
        "owner": key.owner,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }


def key_line(key: Any) -> str:
    """A key in one line."""
    state = f"revoked {key.revoked_at}" if key.revoked_at else f"last used {key.last_used_at or 'never'}"
    return f"{key.id}  {key.owner}  created {key.created_at}  {state}"


def agents_reply(command: str, admin: Any, data: Path, agents: Any) -> Reply:
    """Agents with their folders."""
    from openclaw_install.hub.data_folder import DataFolder

    files = DataFolder(data).skill_files()
    documents = [
        {
            "id": agent.id,
            "owner": agent.owner,
            "name": agent.name,
            "pod_state": agent.pod_state,
            "created_at": agent.created_at,
            "skills": admin.skill_count(agent.id),
            "folder": str(files.folder(agent.id)),
        }
        for agent in agents
    ]
    lines = [
        "{id}  {name}  of {owner}  {pod_state}  {skills} skills  {folder}".format(**one) for one in documents
    ]
    return Reply(command, {"agents": documents}, lines)


def row_json(row: Any) -> dict[str, Any]:
    """A row of the audit as the document has it."""
    from dataclasses import asdict

    return {"seq": row.seq, **asdict(row.entry), "previous": row.previous, "hash": row.hash}


def row_line(row: Any) -> str:
    """A row of the audit in one line."""
    entry = row.entry
    facts = (entry.owner, entry.key_id, entry.agent_id, entry.skill, entry.sha256 and entry.sha256[:12])
    return "  ".join([str(row.seq), entry.at, entry.action, entry.outcome, *(fact for fact in facts if fact)])


def verdict_json(verdict: Any) -> dict[str, Any] | None:
    """What following the hash chain showed; None where nobody asked."""
    from dataclasses import asdict

    return None if verdict is None else {"ok": verdict.ok, **asdict(verdict)}


def verdict_lines(verdict: Any) -> list[str]:
    """The same for a person."""
    if verdict is None:
        return []
    if verdict.broken_at is not None:
        return [f"BROKEN at row {verdict.broken_at}: {verdict.reason}"]
    if verdict.saw_head is False:
        return ["BROKEN: the head that you noted is not in the chain; rows were cut off or rebuilt"]
    return [f"{verdict.rows} rows hold; head {verdict.head}"]


def member_json(member: Any) -> dict[str, Any]:
    """An agent of the relay as the document has it."""
    return {
        "did": member.did,
        "alias": member.alias,
        "last_used_at": _moment(member.used_at) if member.met else None,
        "waiting": member.waiting,
        "waiting_bytes": member.waiting_bytes,
    }


def member_line(member: Any) -> str:
    """The same in one line."""
    one = member_json(member)
    name = f" ({one['alias']})" if one["alias"] else ""
    used = one["last_used_at"] or "never"
    return f"{one['did']}{name}  last there {used}  {one['waiting']} waiting, {one['waiting_bytes']} bytes"


def invite_json(invite: Any) -> dict[str, Any]:
    """An invitation as the document has it; never its code."""
    return {
        "id": invite.id,
        "uses": invite.uses,
        "uses_left": invite.uses_left,
        "created_at": _moment(invite.created_at),
        "expires_at": _moment(invite.expires_at),
        "revoked_at": None if invite.revoked_at is None else _moment(invite.revoked_at),
    }


def invite_line(invite: Any) -> str:
    """The same in one line."""
    one = invite_json(invite)
    state = f"revoked {one['revoked_at']}" if one["revoked_at"] else f"until {one['expires_at']}"
    return f"{one['id']}  {one['uses_left']} of {one['uses']} uses left  {state}"


def _moment(milliseconds: int) -> str:
    from openclaw_install.protocol.times import iso

    return iso(milliseconds / 1000)

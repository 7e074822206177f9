"""Texts of what the hub's commands answer. Pure."""

from __future__ import annotations

from openclaw_install.common.jsonable import iso_time
from openclaw_install.hub import results
from openclaw_install.hub.audit_chain import ChainVerdict
from openclaw_install.hub.model import AuditRow, Key
from openclaw_install.hub.relay.model import Invite, Member
from openclaw_install.surfaces.views import view
from openclaw_install.surfaces.views.text import Text


@view.register
def _keys(answer: results.KeyList) -> Text:
    return Text(rows=[_key_line(key) for key in answer.keys])


@view.register
def _new_key(answer: results.NewKey) -> Text:
    key = answer.keys[0]
    return Text([f"{key.id} for {key.owner}; keep it, it is not shown again:", answer.key])


@view.register
def _agents(answer: results.HubAgentList) -> Text:
    return Text(rows=[_agent_line(agent) for agent in answer.agents])


@view.register
def _audit(answer: results.AuditReport) -> Text:
    return Text(rows=[_audit_line(row) for row in answer.rows], tail=_check_lines(answer.verified))


@view.register
def _run(_answer: results.HubRun) -> Text:
    return Text(["the hub has stopped"])


@view.register
def _relay_agents(answer: results.RelayAgentList) -> Text:
    return Text(rows=[_relay_agent_line(agent) for agent in answer.agents])


@view.register
def _relay_agent_removed(answer: results.RelayAgentRemoved) -> Text:
    return Text([f"removed {_relay_agent_line(agent)}" for agent in answer.agents])


@view.register
def _invitations(answer: results.InvitationList) -> Text:
    return Text(rows=[_invitation_line(invite) for invite in answer.invites])


@view.register
def _new_invitation(answer: results.NewInvitation) -> Text:
    line = _invitation_line(answer.invites[0])
    return Text([f"{line}; keep the code, it is not shown again:", answer.code])


def _key_line(key: Key) -> str:
    state = f"revoked {key.revoked_at}" if key.revoked_at else f"last used {key.last_used_at or 'never'}"
    return f"{key.id}  {key.owner}  created {key.created_at}  {state}"


def _agent_line(one: results.HubAgent) -> str:
    return f"{one.id}  {one.name}  of {one.owner}  {one.pod_state}  {one.skills} skills  {one.folder}"


def _audit_line(row: AuditRow) -> str:
    facts = (row.owner, row.key_id, row.agent_id, row.skill, row.sha256 and row.sha256[:12])
    return "  ".join([str(row.seq), row.at, row.action, row.outcome, *(fact for fact in facts if fact)])


def _check_lines(check: ChainVerdict | None) -> list[str]:
    if check is None:
        return []
    if check.broken_at is not None:
        return [f"BROKEN at row {check.broken_at}: {check.reason}"]
    if check.saw_head is False:
        return ["BROKEN: the head that you noted is not in the chain; rows were cut off or rebuilt"]
    return [f"{check.rows} rows hold; head {check.head}"]


def _relay_agent_line(one: Member) -> str:
    name = f" ({one.alias})" if one.alias else ""
    used = "never" if one.last_used_at is None else iso_time(one.last_used_at / 1000)
    return f"{one.did}{name}  last used {used}  {one.waiting} waiting, {one.waiting_bytes} bytes"


def _invitation_line(one: Invite) -> str:
    state = "until" if one.revoked_at is None else "revoked"
    at = iso_time((one.revoked_at or one.expires_at) / 1000)
    return f"{one.id}  {one.uses_left} of {one.uses} uses left  {state} {at}"

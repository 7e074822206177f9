"""Plans what has to happen for each skill at each agent: no files, no network, no clock. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from openclaw_install.sync.gate import SecretFinding
from openclaw_install.sync.inventory import LocalSkill
from openclaw_install.sync.ledger import Record
from openclaw_install.sync.service import Agent

ActionKind = Literal["create", "update", "unchanged", "unconfirmed", "deleted_locally", "blocked"]
MAX_SKILL_BYTES = 1024 * 1024
NOTHING_KNOWN = Record()
UNCONFIRMED = "sync.unconfirmed"


@dataclass(frozen=True)
class Action:
    """What is to be done with one skill at one agent.

    Attributes:
        agent_id: the agent.
        skill: the name under which the skill goes up.
        kind: `create` and `update` send it; `unchanged` was acknowledged with this content; `unconfirmed` was
            sent and repeated, and no answer said whether it was stored: it is not sent again by itself;
            `deleted_locally` was acknowledged and is no longer on this machine (the agent keeps it);
            `blocked` must not be sent.
        reason: why, in words.
        code: for `blocked` and `unconfirmed`, the reason as a word.
        sha256: the local content; empty where there is none.
        path: the local SKILL.md; empty where there is none.
        age_seconds: time since the service acknowledged something for this skill, None if it never did.
        findings: for a skill that the gate blocked, where and what kind of secret it may hold.
        is_repeat: whether this content met one unclear answer, so that it is sent once more, alone.
    """

    agent_id: str
    skill: str
    kind: ActionKind
    reason: str
    code: str = ""
    sha256: str = ""
    path: str = ""
    age_seconds: float | None = None
    findings: tuple[SecretFinding, ...] = ()
    is_repeat: bool = False

    @property
    def sends(self) -> bool:
        """Whether it uploads something."""
        return self.kind in ("create", "update")


def plan(
    skills: Sequence[LocalSkill],
    records: Mapping[tuple[str, str], Record],
    agents: Sequence[Agent],
    *,
    force: bool,
    now: float,
    present: Collection[str] | None = None,
) -> tuple[Action, ...]:
    """The actions for every agent, agent by agent, in the order of the skills.

    Args:
        skills: what was asked for; those with a problem become blocked, except shadowed ones: what goes up
            under their name is the winner.
        records: the ledger's, by agent id and skill name.
        agents: whom to sync to.
        force: send also what is unchanged or unconfirmed.
        now: seconds since the epoch.
        present: the names of all skills on this machine: others were deleted; None says nothing of those.
    """
    actions: list[Action] = []
    for agent in agents:
        for skill in skills:
            if skill.problem != "shadowed":
                record = records.get((agent.id, skill.name), NOTHING_KNOWN)
                actions.append(_action(agent.id, skill, record, force=force, now=now))
        if present is not None:
            actions += _deleted(agent.id, present, records, now)
    return tuple(actions)


def _action(agent_id: str, skill: LocalSkill, record: Record, *, force: bool, now: float) -> Action:
    kind, code, reason = _decision(skill, record, force=force)
    return Action(
        agent_id,
        skill.name,
        kind,
        reason,
        code,
        skill.sha256,
        skill.path,
        None if record.acknowledged_at is None else max(0.0, now - record.acknowledged_at),
        is_repeat=not force and record.unclear_sha256 == skill.sha256 and record.unclear_answers > 0,
    )


def _decision(skill: LocalSkill, record: Record, *, force: bool) -> tuple[ActionKind, str, str]:
    if skill.problem:
        return "blocked", skill.problem, skill.reason
    if skill.size > MAX_SKILL_BYTES:
        return "blocked", "too_large", f"it is larger than {MAX_SKILL_BYTES} bytes"
    if not force and record.is_unconfirmed(skill.sha256):
        return (
            "unconfirmed",
            UNCONFIRMED,
            "sent twice, and no answer confirms that it was stored",
        )
    if record.sha256 is None:
        doubt = " (an earlier upload was not confirmed)" if record.in_doubt else ""
        return "create", "", f"never acknowledged{doubt}"
    if reason := _reason_to_update(skill, record, force=force):
        return "update", "", reason
    return "unchanged", "", "acknowledged with this content"


def _reason_to_update(skill: LocalSkill, record: Record, *, force: bool) -> str:
    if record.sha256 != skill.sha256:
        return "changed since it was acknowledged"
    if record.in_doubt:
        return "a later upload was not confirmed, so the service may hold something else"
    return "unchanged, but forced" if force else ""


def _deleted(
    agent_id: str, here: Collection[str], records: Mapping[tuple[str, str], Record], now: float
) -> list[Action]:
    deleted = [
        Action(
            agent_id,
            name,
            "deleted_locally",
            "no longer on this machine; the agent keeps it, since the service has no delete operation",
            age_seconds=None if record.acknowledged_at is None else max(0.0, now - record.acknowledged_at),
        )
        for (owner, name), record in records.items()
        if owner == agent_id and name not in here and record.sha256 is not None
    ]
    return sorted(deleted, key=lambda action: action.skill)


def through_gate(
    actions: Sequence[Action],
    verdicts: Mapping[str, tuple[SecretFinding, ...]],
    allowed: Collection[tuple[str, str, str]],
) -> tuple[Action, ...]:
    """The same actions, with uploads blocked where the content may hold a secret that nobody let through.

    Args:
        verdicts: the gate's findings by content hash; what is not among them could not be read.
        allowed: agent id, skill name and content hash of what the operator let through.
    """
    return tuple(
        _blocked_by(action, verdicts[action.sha256])
        if action.sends
        and verdicts.get(action.sha256)
        and (action.agent_id, action.skill, action.sha256) not in allowed
        else action
        for action in actions
    )


def through_consent(
    actions: Sequence[Action], skills: Sequence[LocalSkill], roots: Collection[str]
) -> tuple[Action, ...]:
    """The same actions, with uploads blocked from folders that the operator did not agree to."""
    root_of = {skill.name: skill.root for skill in skills}
    return tuple(
        replace(
            action,
            kind="blocked",
            code="consent",
            reason=f"you have not agreed to send skills from {root_of[action.skill]} to this agent",
        )
        if action.sends and root_of[action.skill] not in roots
        else action
        for action in actions
    )


def _blocked_by(action: Action, findings: tuple[SecretFinding, ...]) -> Action:
    places = ", ".join(f"line {finding.line}: {finding.kind}" for finding in findings[:5])
    more = f" and {len(findings) - 5} more" if len(findings) > 5 else ""
    reason = f"it may hold a secret ({places}{more})"
    return replace(action, kind="blocked", code="secret", reason=reason, findings=findings)

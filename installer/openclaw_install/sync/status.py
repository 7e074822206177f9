"""`sync status`, `sync agents` and `sync consent`: what the ledger knows, and what the service lists."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from openclaw_install.common.errors import ExitCode
from openclaw_install.common.jsonable import Timestamp
from openclaw_install.common.redaction import Secret
from openclaw_install.host.locate import HostLocation
from openclaw_install.sync.choice import Operator, named_agents
from openclaw_install.sync.consent import Consents
from openclaw_install.sync.endpoint import (
    Connect,
    Endpoint,
    connect_mcp,
    endpoint_from,
    key_from,
    key_missing,
)
from openclaw_install.sync.inventory import LocalSkill, inventory_of
from openclaw_install.sync.ledger import Ledger, Record
from openclaw_install.sync.service import Agent

State = Literal["in_sync", "drifted", "in_doubt", "unconfirmed", "never_acknowledged", "deleted_locally"]


@dataclass(frozen=True)
class LastError:
    """Why the newest upload of a skill to an agent failed, if none succeeded after it."""

    code: str
    message: str
    at: Timestamp


@dataclass(frozen=True)
class AgentState:
    """Where one agent stands with one skill.

    Attributes:
        agent_id: whom it is about.
        state: `in_sync` if it acknowledged the local content last; `drifted` if another; `in_doubt` if a
            later upload had no answer, so that the service may hold either content; `unconfirmed` if the
            local content was sent twice, and no answer said whether it was stored: it is not sent again by
            itself; `never_acknowledged`; `deleted_locally` if it is not here any more.
        age_seconds: since the acknowledgement.
    """

    agent_id: str
    state: State
    acknowledged_sha256: str | None
    acknowledged_at: Timestamp | None
    age_seconds: float | None
    last_error: LastError | None


@dataclass(frozen=True)
class SkillStatus:
    """One skill across all agents.

    Attributes:
        local_sha256: of the content here; empty where there is none to send.
        path: empty where the skill is not here any more.
        problem: why the local skill cannot go up, as a word; else empty.
        agents: in the order of those of the whole status.
    """

    skill: str
    local_sha256: str
    path: str
    problem: str
    agents: tuple[AgentState, ...]


@dataclass(frozen=True)
class SyncStatus:
    """The result of `sync status`: the drift matrix."""

    endpoint: str
    agents: tuple[Agent, ...]
    skills: tuple[SkillStatus, ...]

    @property
    def exit_code(self) -> ExitCode:
        """1 if an agent holds, or may hold, something else than it was given last."""
        off = ("drifted", "in_doubt", "unconfirmed")
        return 1 if any(agent.state in off for skill in self.skills for agent in skill.agents) else 0


def sync_status(
    location: HostLocation,
    env: Mapping[str, str],
    ledger: Ledger,
    roots: Sequence[Path],
    wanted: Sequence[str],
    now: float,
) -> SyncStatus:
    """The drift matrix, without any network.

    Args:
        location: the host whose skills count.
        env: `MYSTA_MCP_URL`.
        ledger: the ledger.
        roots: further folders with skills.
        wanted: agents by id or name; all known ones if empty.
        now: seconds since the epoch.

    Raises:
        UsageError: an agent is unknown.
        ConfigError, FileError, SyncError: as `sync`.
    """
    endpoint = endpoint_from(env)
    records = ledger.records(endpoint.url)
    listed = ledger.agents(endpoint.url)
    former = sorted({agent_id for agent_id, _ in records} - {agent.id for agent in listed})
    agents = (*listed, *map(Agent, former))
    if wanted:
        agents = named_agents(agents, wanted)
    found = reversed(inventory_of(location, roots, ledger).skills)
    skills = {skill.name: skill for skill in found if skill.problem != "shadowed"}
    names = {name for name, skill in skills.items() if not skill.only_by_name} | {name for _, name in records}
    return SyncStatus(
        endpoint.url,
        agents,
        tuple(_skill_status(name, skills.get(name), agents, records, now) for name in sorted(names)),
    )


def _skill_status(
    name: str,
    skill: LocalSkill | None,
    agents: Sequence[Agent],
    records: Mapping[tuple[str, str], Record],
    now: float,
) -> SkillStatus:
    states = []
    for agent in agents:
        record = records.get((agent.id, name), Record())
        at, failed_at = record.acknowledged_at, record.error_at
        states.append(
            AgentState(
                agent.id,
                _state(skill, record),
                record.sha256,
                at,
                None if at is None else max(0.0, now - at),
                None if failed_at is None else LastError(record.error_code, record.error, failed_at),
            )
        )
    if skill is None:
        return SkillStatus(name, "", "", "", tuple(states))
    return SkillStatus(name, skill.sha256, skill.path, skill.problem, tuple(states))


def _state(skill: LocalSkill | None, record: Record) -> State:
    if skill is not None and record.is_unconfirmed(skill.sha256):
        return "unconfirmed"
    if record.in_doubt:
        return "in_doubt"
    if record.sha256 is None:
        return "never_acknowledged"
    if skill is None:
        return "deleted_locally"
    return "in_sync" if record.sha256 == skill.sha256 else "drifted"


@dataclass(frozen=True)
class AgentsList:
    """The result of `sync agents`."""

    endpoint: str
    agents: tuple[Agent, ...]


def list_agents(
    env: Mapping[str, str], operator: Operator, ledger: Ledger, now: float, connect: Connect = connect_mcp
) -> AgentsList:
    """The agents of the service, asked now.

    Raises:
        SyncError: no key, no consent, or no way to the service.
        UsageError: there is nobody to ask for consent.
    """
    endpoint, key = endpoint_from(env), key_from(env)
    if key is None:
        raise key_missing(endpoint.url)
    Consents(ledger, operator, now).connect(endpoint.url)
    agents = asyncio.run(_listed(connect, endpoint, key))
    ledger.remember_agents(endpoint.url, agents, now)
    return AgentsList(endpoint.url, agents)


async def _listed(connect: Connect, endpoint: Endpoint, key: Secret) -> tuple[Agent, ...]:
    async with connect(endpoint, key) as service:
        return tuple(await service.list_agents())

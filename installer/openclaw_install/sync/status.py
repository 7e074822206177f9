"""`sync status`, `sync agents` and `sync consent`: what the ledger knows, and what the service lists."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from openclaw_install.common.redaction import Secret
from openclaw_install.host.locate import HostLocation
from openclaw_install.sync.choice import chosen_agents
from openclaw_install.sync.connect import Connect, connect_mcp
from openclaw_install.sync.consent import Consents, moment
from openclaw_install.sync.endpoint import Endpoint, endpoint_from, key_from, key_missing
from openclaw_install.sync.inventory import LocalSkill
from openclaw_install.sync.ledger import Ledger, Record
from openclaw_install.sync.operator import Operator
from openclaw_install.sync.prepare import inventory_of
from openclaw_install.sync.service import Agent

State = Literal["in_sync", "drifted", "in_doubt", "unconfirmed", "never_acknowledged", "deleted_locally"]


@dataclass(frozen=True)
class Cell:
    """Where one agent stands with one skill.

    Attributes:
        agent: whom it is about.
        state: `in_sync` if it acknowledged the local content last; `drifted` if another; `in_doubt` if a
            later upload had no answer; `unconfirmed` if the local content was sent twice, and no answer said
            whether it was stored; `never_acknowledged`; `deleted_locally` if it is not here any more.
        record: what the ledger holds.
        age_seconds: since the acknowledgement.
    """

    agent: Agent
    state: State
    record: Record
    age_seconds: float | None

    def to_json(self) -> dict[str, Any]:
        record = self.record
        failed = record.error_at is not None
        return {
            "agent_id": self.agent.id,
            "state": self.state,
            "acknowledged_sha256": record.sha256,
            "acknowledged_at": None if record.acknowledged_at is None else moment(record.acknowledged_at),
            "age_seconds": None if self.age_seconds is None else round(self.age_seconds, 3),
            "last_error": {"code": record.error_code, "message": record.error, "at": moment(record.error_at)}
            if failed and record.error_at is not None
            else None,
        }


@dataclass(frozen=True)
class Row:
    """One skill across all agents; `sha256` is the local content's, empty where there is none to send."""

    skill: str
    sha256: str
    path: str
    problem: str
    cells: tuple[Cell, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "skill": self.skill,
            "local_sha256": self.sha256 or None,
            "path": self.path or None,
            "problem": self.problem or None,
            "agents": [cell.to_json() for cell in self.cells],
        }


@dataclass(frozen=True)
class SyncStatus:
    """The result of `sync status`: the drift matrix."""

    endpoint: str
    agents: tuple[Agent, ...]
    rows: tuple[Row, ...]

    @property
    def exit_code(self) -> int:
        """1 if an agent holds, or may hold, something else than it was given last."""
        off = ("drifted", "in_doubt", "unconfirmed")
        return 1 if any(cell.state in off for row in self.rows for cell in row.cells) else 0

    def to_json(self) -> dict[str, Any]:
        return {
            "endpoint": self.endpoint,
            "agents": [{"id": agent.id, "name": agent.name or None} for agent in self.agents],
            "skills": [row.to_json() for row in self.rows],
        }


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
    agents = _agents(ledger, endpoint, records)
    if wanted:
        agents = chosen_agents(agents, wanted) or ()
    skills = {
        skill.name: skill
        for skill in reversed(inventory_of(location, roots, ledger).skills)
        if _counts(skill)
    }
    names = sorted(
        {*(name for name, skill in skills.items() if not skill.shipped), *(name for _, name in records)}
    )
    rows = tuple(_row(name, skills.get(name), agents, records, now) for name in names)
    return SyncStatus(endpoint.url, agents, rows)


def _counts(skill: LocalSkill) -> bool:
    return skill.problem != "shadowed"


def _agents(
    ledger: Ledger, endpoint: Endpoint, records: Mapping[tuple[str, str], Record]
) -> tuple[Agent, ...]:
    """The agents that were listed last, and those that something was sent to before."""
    listed = ledger.agents(endpoint.url)
    known = {agent.id for agent in listed}
    return (*listed, *(Agent(agent_id) for agent_id in sorted({owner for owner, _ in records} - known)))


def _row(
    name: str,
    skill: LocalSkill | None,
    agents: Sequence[Agent],
    records: Mapping[tuple[str, str], Record],
    now: float,
) -> Row:
    cells = []
    for agent in agents:
        record = records.get((agent.id, name), Record())
        at = record.acknowledged_at
        age = None if at is None else max(0.0, now - at)
        cells.append(Cell(agent, _state(skill, record), record, age))
    if skill is None:
        return Row(name, "", "", "", tuple(cells))
    return Row(name, skill.sha256, skill.path, skill.problem, tuple(cells))


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

    def to_json(self) -> dict[str, Any]:
        return {
            "endpoint": self.endpoint,
            "agents": [
                {"id": agent.id, "name": agent.name or None, "running": agent.running}
                for agent in self.agents
            ],
        }


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
        raise key_missing()
    Consents(ledger, operator, now).connect(endpoint.url)
    agents = asyncio.run(_listed(connect, endpoint, key))
    ledger.remember_agents(endpoint.url, agents, now)
    return AgentsList(endpoint.url, agents)


async def _listed(connect: Connect, endpoint: Endpoint, key: Secret) -> tuple[Agent, ...]:
    async with connect(endpoint, key) as service:
        return tuple(await service.list_agents())

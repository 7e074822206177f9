"""The metadata's twin in memory: for tests, and as the benchmark's measure of what durability costs."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from openclaw_install.hub.audit_chain import GENESIS, link
from openclaw_install.hub.model import (
    AddAgent,
    AddKey,
    Agent,
    Append,
    AuditRow,
    Change,
    DropSkill,
    Key,
    PutSkill,
    RevokeKey,
    SetPodState,
    Skill,
    TouchKey,
)
from openclaw_install.hub.storage.metadata import already_there


class MemoryMetadata:
    """`Metadata` that forgets everything with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, Key] = {}
        self._digests: dict[str, str] = {}
        self._agents: dict[str, Agent] = {}
        self._skills: defaultdict[str, dict[str, Skill]] = defaultdict(dict)
        self._audit: list[AuditRow] = []

    def commit(self, changes: Sequence[Change]) -> None:
        with self._lock:
            for change in changes:
                self._refuse_taken(change)
            for change in changes:
                self._apply(change)

    def _refuse_taken(self, change: Change) -> None:
        match change:
            case AddKey(key, digest) if key.id in self._keys or digest in self._digests:
                raise already_there(f"the key {key.id}")
            case AddAgent(agent) if any(agent.name == other.name for other in self.agents(agent.owner)):
                raise already_there(f"an agent {agent.name!r} of {agent.owner}")

    def _apply(self, change: Change) -> None:
        match change:
            case AddKey(key, digest):
                self._keys[key.id] = key
                self._digests[digest] = key.id
            case RevokeKey() | TouchKey():
                self._mark_key(change)
            case AddAgent(agent):
                self._agents[agent.id] = agent
            case SetPodState(agent_id, state):
                self._agents[agent_id] = replace(self._agents[agent_id], pod_state=state)
            case PutSkill(skill):
                self._skills[skill.agent_id][skill.name] = skill
            case DropSkill(agent_id, name):
                self._skills[agent_id].pop(name, None)
            case Append(entry):
                previous = self._audit[-1].hash if self._audit else GENESIS
                self._audit.append(link(len(self._audit) + 1, previous, entry))

    def _mark_key(self, change: RevokeKey | TouchKey) -> None:
        key = self._keys[change.key_id]
        if isinstance(change, TouchKey):
            self._keys[key.id] = replace(key, last_used_at=change.at)
        else:
            self._keys[key.id] = replace(key, revoked_at=key.revoked_at or change.at)

    def key_by_digest(self, digest: str) -> Key | None:
        return self._keys.get(self._digests.get(digest, ""))

    def keys(self) -> list[Key]:
        return list(self._keys.values())

    def agent(self, agent_id: str) -> Agent | None:
        return self._agents.get(agent_id)

    def agents(self, owner: str | None = None) -> list[Agent]:
        chosen = (agent for agent in self._agents.values() if owner in (None, agent.owner))
        return sorted(chosen, key=lambda agent: (agent.name, agent.id))

    def skills(self, agent_id: str) -> list[Skill]:
        return sorted(self._skills[agent_id].values(), key=lambda skill: skill.name)

    def skill_count(self, agent_id: str) -> int:
        return len(self._skills[agent_id])

    def audit(self, *, after: int = 0, limit: int = 1000) -> list[AuditRow]:
        return self._audit[after : after + limit]

    def close(self) -> None:
        pass

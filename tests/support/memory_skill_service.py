"""A `SkillService` without a network, for tests and for trying things out: it keeps what it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from openclaw_install.common.files import sha256
from openclaw_install.sync.errors import ForbiddenError
from openclaw_install.sync.service import Agent, Outcome, Upload


@dataclass
class MemorySkillService:
    """Stores skills in a dictionary.

    Attributes:
        agents: those that may be used.
        refuses: skills that are refused, with the reason.
        skills: what is stored, by agent and name.
    """

    agents: Sequence[Agent] = ()
    refuses: Mapping[str, str] = field(default_factory=dict)
    skills: dict[tuple[str, str], str] = field(default_factory=dict)

    async def list_agents(self) -> Sequence[Agent]:
        return tuple(self.agents)

    async def sync_skill(self, agent_id: str, upload: Upload) -> Outcome:
        return self._stored(self._agent(agent_id), upload)

    async def sync_batch(self, agent_id: str, uploads: Sequence[Upload]) -> Mapping[str, Outcome]:
        agent = self._agent(agent_id)
        return {upload.name: self._stored(agent, upload) for upload in uploads}

    def _agent(self, agent_id: str) -> Agent:
        for agent in self.agents:
            if agent.id == agent_id:
                return agent
        raise ForbiddenError(
            f"no agent {agent_id}", next_step="check that the key belongs to the agent's owner"
        )

    def _stored(self, agent: Agent, upload: Upload) -> Outcome:
        if upload.name in self.refuses:
            return Outcome(upload.name, "refused", agent.running, "refused", self.refuses[upload.name])
        if sha256(upload.content.encode()) != upload.sha256:
            return Outcome(
                upload.name, "refused", agent.running, "hash", "the content is not that of its hash"
            )
        self.skills[agent.id, upload.name] = upload.content
        return Outcome(upload.name, "acknowledged", agent.running)

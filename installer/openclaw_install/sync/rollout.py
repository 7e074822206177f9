"""Sends to all agents of a run: the canary first, then the others side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from openclaw_install.sync.errors import ServiceError
from openclaw_install.sync.pipeline import Pipeline
from openclaw_install.sync.planner import Action
from openclaw_install.sync.push import Sent
from openclaw_install.sync.report import AgentReport, SkillResult
from openclaw_install.sync.service import Agent, SkillService

_AGENTS_AT_ONCE = 4


@dataclass
class Rollout:
    """The uploads of one run.

    Args:
        service: the far side.
        pipeline: the way to each agent.
        progress: called with the number of uploads that are settled, and that of all.

    Attributes:
        stopped: the error that kept a part of the uploads from being tried, if there was one.
    """

    service: SkillService
    pipeline: Pipeline
    progress: Callable[[int, int], None]
    stopped: ServiceError | None = field(init=False, default=None)
    _done: int = field(init=False, default=0)

    async def run(
        self, agents: Sequence[Agent], canary: Agent | None, actions: Sequence[Action]
    ) -> tuple[AgentReport, ...]:
        """Sends what the actions say, and reports what became of each of them.

        Args:
            agents: whom to sync to, the canary included.
            canary: gets everything first; the others get nothing unless it acknowledges all.
            actions: for all agents, after the gate.

        Raises:
            FileError: the ledger cannot be written.
        """
        contents = self.pipeline.read(actions)
        total = sum(action.sends for action in actions)
        slots = asyncio.Semaphore(_AGENTS_AT_ONCE)

        def settled(count: int) -> None:
            self._done += count
            self.progress(self._done, total)

        async def one(agent: Agent) -> AgentReport:
            async with slots:
                mine = [action for action in actions if action.agent_id == agent.id]
                done = await self.pipeline.deliver(self.service, agent, mine, contents, settled)
                self.stopped = self.stopped or done.stopped
                return AgentReport(agent, done.results)

        reports: list[AgentReport] = []
        others = [agent for agent in agents if agent != canary]
        if canary is not None:
            reports.append(await one(canary))
            if any(_unsettled(result) for result in reports[0].results):
                reason = f"the canary {canary.label} did not acknowledge all"
                return (reports[0], *(_skipped(agent, actions, reason) for agent in others))
        for ended in await asyncio.gather(*(one(agent) for agent in others), return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended  # of a full disk; the other agents have come to their end by then
            reports.append(ended)
        return tuple(reports)


def _unsettled(result: SkillResult) -> bool:
    """Whether the canary was to have this content and did not acknowledge it."""
    return (result.action.sends or result.outcome == "unconfirmed") and not result.satisfied


def _skipped(agent: Agent, actions: Sequence[Action], reason: str) -> AgentReport:
    step = "see what the canary's agent refused, then run the command again"
    results = tuple(
        SkillResult(
            action,
            Sent(action.skill, "not_sent", None, "sync.canary", reason, step) if action.sends else None,
        )
        for action in actions
        if action.agent_id == agent.id
    )
    return AgentReport(agent, results, skipped=reason)

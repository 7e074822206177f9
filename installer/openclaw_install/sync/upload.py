"""The uploads of one run: the canary first, then the other agents side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from openclaw_install.common.clock import wall_time
from openclaw_install.sync.errors import ServiceError
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.planner import Action
from openclaw_install.sync.prepare import Contents, read_contents
from openclaw_install.sync.push import Push, Sent
from openclaw_install.sync.report import AgentReport, SkillResult
from openclaw_install.sync.service import Agent, SkillService

_AGENTS_AT_ONCE = 4


@dataclass
class Uploads:
    """The uploads of one run.

    Args:
        service: the far side.
        ledger: where intents and outcomes go.
        endpoint: the key of the ledger's rows.
        progress: called with the uploads that are settled, and all of them.
        clock: seconds since the epoch.

    Attributes:
        stopped: the error that kept a part of the uploads from being tried, if there was one.
    """

    service: SkillService
    ledger: Ledger
    endpoint: str
    progress: Callable[[int, int], None]
    clock: Callable[[], float] = wall_time
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
        contents = read_contents((action.path, action.sha256) for action in actions if action.sends)
        total = sum(action.sends for action in actions)
        slots = asyncio.Semaphore(_AGENTS_AT_ONCE)

        def settled(count: int) -> None:
            self._done += count
            self.progress(self._done, total)

        async def one(agent: Agent) -> AgentReport:
            async with slots:
                mine = [action for action in actions if action.agent_id == agent.id]
                push = Push(self.service, self.ledger, self.endpoint, agent.id, settled, self.clock)
                report = await _pushed(push, agent, mine, contents)
                self.stopped = self.stopped or push.stopped
                return report

        reports: list[AgentReport] = []
        others = [agent for agent in agents if agent != canary]
        if canary is not None:
            reports.append(await one(canary))
            if any(result.action.sends and not result.satisfied for result in reports[0].results):
                reason = f"the canary {canary.label} did not acknowledge all"
                return (reports[0], *(_skipped(agent, actions, reason) for agent in others))
        for ended in await asyncio.gather(*(one(agent) for agent in others), return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended  # of a full disk; the other agents have come to their end by then
            reports.append(ended)
        return tuple(reports)


async def _pushed(push: Push, agent: Agent, actions: Sequence[Action], contents: Contents) -> AgentReport:
    sending = [action for action in actions if action.sends]
    ready = [action for action in sending if action.sha256 in contents.texts]
    fates = {sent.skill: sent for sent in await push.run([contents.upload(action) for action in ready])}
    for action in sending:
        if action.sha256 not in contents.texts:
            fates[action.skill] = Sent(
                action.skill,
                "not_sent",
                code="sync.changed",
                detail="it was changed while the sync ran",
                next_step="run the command again",
            )
    results = tuple(
        SkillResult(action, fates.get(action.skill) if action.sends else None) for action in actions
    )
    return AgentReport(agent, results)


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

"""`sync`: inventory, choice, consent, plan, gate, uploads, report, in this order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import UsageError
from openclaw_install.common.redaction import Secret
from openclaw_install.host.locate import HostLocation
from openclaw_install.sync.choice import (
    Operator,
    choose_agents,
    choose_skills,
    named_agent,
    named_agents,
)
from openclaw_install.sync.consent import (
    Allowed,
    Consents,
    StandingChoice,
    allowed_secrets,
    record_choice,
)
from openclaw_install.sync.endpoint import (
    Connect,
    Endpoint,
    connect_mcp,
    endpoint_from,
    key_from,
    key_missing,
)
from openclaw_install.sync.errors import APP_URL, KEYS_URL, ServiceError
from openclaw_install.sync.inventory import Inventory, LocalSkill, inventory_of, own_roots
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.pipeline import Pipeline, scan_all
from openclaw_install.sync.planner import Action
from openclaw_install.sync.report import (
    AgentReport,
    SkillResult,
    SyncReport,
    agent_report,
    skill_result,
    totals_of,
    warnings_of,
)
from openclaw_install.sync.service import Agent, Outcome, SkillService

# A watcher holds the lock for a push at a time.
LOCK_PATIENCE = 2.0
AGENTS_AT_ONCE = 4
NOBODY_YET = Agent("unknown", "the agent that will be chosen")


@dataclass(frozen=True)
class SyncOptions:
    """What was asked for.

    Attributes:
        names: skills by name; with none of them and without `everything`, the operator is asked.
        everything: all skills of the operator's own.
        agents: ids, names or `all`.
        roots: further folders with skills.
        canary: the agent that gets everything first.
        allow_secrets: skills whose findings at the gate are let through, for their present content.
        force: send also what is unchanged or unconfirmed.
        dry_run: send nothing.
        keep: what was chosen is to be kept in step from now on.
    """

    names: tuple[str, ...] = ()
    everything: bool = False
    agents: tuple[str, ...] = ()
    roots: tuple[Path, ...] = ()
    canary: str | None = None
    allow_secrets: tuple[str, ...] = ()
    force: bool = False
    dry_run: bool = False
    keep: bool = False


@dataclass
class SyncRun:
    """One run of `sync`.

    Args:
        location: the host whose skills go up.
        env: `MYSTA_API_KEY` and `MYSTA_MCP_URL`.
        options: what was asked for.
        operator: who is asked.
        ledger: the ledger.
        connect: opens the service.
        clock: seconds since the epoch.

    Attributes:
        stopped: the error that ended the run before its end, such as a key that was revoked meanwhile.
    """

    location: HostLocation
    env: Mapping[str, str]
    options: SyncOptions
    operator: Operator
    ledger: Ledger
    connect: Connect = connect_mcp
    clock: Callable[[], float] = wall_time
    stopped: ServiceError | None = field(init=False, default=None)
    _skills: tuple[LocalSkill, ...] = field(init=False, default=())
    _present: frozenset[str] | None = field(init=False, default=None)
    _let_through: tuple[LocalSkill, ...] = field(init=False, default=())
    _kept_roots: tuple[str, ...] = field(init=False, default=())

    def run(self) -> SyncReport:
        """Does it.

        Raises:
            SyncError: no key, no agent, no consent, or no way to the service.
            UsageError: nothing was chosen, or something that does not exist.
            ConflictError: another sync to this endpoint is running.
            FileError, ConfigError: the ledger or the host's config cannot be used.
        """
        endpoint = endpoint_from(self.env)
        with nullcontext() if self.options.dry_run else self.ledger.lock(endpoint.url, LOCK_PATIENCE):
            consents = Consents(self.ledger, self.operator, self.clock())
            key = key_from(self.env)
            if key is None and not self.options.dry_run:
                if endpoint.is_default and consents.browser(KEYS_URL):
                    self.operator.open_page(KEYS_URL)
                raise key_missing(endpoint.url)
            self._choose(inventory_of(self.location, self.options.roots, self.ledger))
            if key is None or (self.options.dry_run and not consents.may_connect(endpoint.url)):
                return self._planned_offline(endpoint)
            consents.connect(endpoint.url)
            return self._connected(endpoint, key, consents)

    def _choose(self, inventory: Inventory) -> None:
        self._skills, is_whole = choose_skills(
            inventory, self.options.names, self.operator, everything=self.options.everything
        )
        self._present = frozenset(skill.name for skill in inventory.skills) if is_whole else None
        if self.options.keep:
            self._kept_roots = (
                own_roots(self.location, self.options.roots)
                if is_whole
                else tuple({skill.root: None for skill in self._skills if not skill.problem})
            )
        usable = inventory.usable()
        unknown = sorted(set(self.options.allow_secrets) - usable.keys())
        if unknown:
            raise UsageError(
                f"--allow-secrets: there is no skill called {', '.join(unknown)} that could be sent",
                next_step="name a skill that the gate has blocked",
                code="usage.no_such_skill",
            )
        self._let_through = tuple(usable[name] for name in self.options.allow_secrets)

    def _allowed(self, endpoint: Endpoint, agents: Sequence[Agent]) -> Allowed:
        """What may go despite the gate: what was let through before, and what this command says."""
        said = ((agent.id, skill.name, skill.sha256) for agent in agents for skill in self._let_through)
        return allowed_secrets(self.ledger, endpoint.url) | frozenset(said)

    def _connected(self, endpoint: Endpoint, key: Secret, consents: Consents) -> SyncReport:
        """The part with the network; questions come between the loop's runs, so that Ctrl-C ends them."""
        manager = self.connect(endpoint, key)
        pipeline = self._pipeline(endpoint)
        with asyncio.Runner() as runner:
            service = runner.run(_enter(manager))
            try:
                agents = runner.run(self._listed(service, pipeline))
                chosen, canary = self._agents(agents)
                actions = pipeline.gate(self._planned(chosen, pipeline), self._allowed(endpoint, chosen))
                if self.options.dry_run:
                    return self._report(endpoint, _plan_of(chosen, actions))
                for agent in chosen:
                    self._agree_to_upload(consents, endpoint, agent, actions)
                    for skill in self._let_through:
                        if pipeline.verdicts.get(skill.sha256):
                            consents.allow_secret(endpoint.url, agent, skill.name, skill.sha256)
                if self.options.keep:
                    self._record_choice(chosen, endpoint)
                reports = runner.run(self._sent(service, pipeline, chosen, canary, actions))
                return self._report(endpoint, reports)
            finally:
                runner.run(_leave(manager))

    async def _listed(self, service: SkillService, pipeline: Pipeline) -> Sequence[Agent]:
        """The agents; while the network is slow, the gate already looks at what will probably be sent."""
        listing = asyncio.ensure_future(service.list_agents())
        try:
            likely = self.ledger.agents(pipeline.endpoint) or (NOBODY_YET,)
            texts = pipeline.unscanned(self._planned(likely, pipeline))
            await asyncio.sleep(0)
            pipeline.learn(await asyncio.to_thread(scan_all, texts))
            agents = await listing
        finally:
            listing.cancel()
            await asyncio.gather(listing, return_exceptions=True)
        self.ledger.remember_agents(pipeline.endpoint, agents, self.clock())
        return agents

    def _agents(self, agents: Sequence[Agent]) -> tuple[tuple[Agent, ...], Agent | None]:
        chosen = choose_agents(agents, self.options.agents, self.operator)
        if self.options.canary is None:
            return chosen, None
        canary = named_agent(agents, self.options.canary, "--canary")
        return (canary, *(agent for agent in chosen if agent != canary)), canary

    def _pipeline(self, endpoint: Endpoint) -> Pipeline:
        return Pipeline(self.ledger, endpoint.url, self.clock)

    def _planned(self, agents: Sequence[Agent], pipeline: Pipeline) -> tuple[Action, ...]:
        return pipeline.plan(self._skills, agents, force=self.options.force, present=self._present)

    def _agree_to_upload(
        self, consents: Consents, endpoint: Endpoint, agent: Agent, actions: Sequence[Action]
    ) -> None:
        names = {action.skill for action in actions if action.agent_id == agent.id and action.sends}
        roots = {skill.root for skill in self._skills if skill.name in names and not skill.problem}
        if roots := roots | set(self._kept_roots):
            consents.upload(endpoint.url, agent, sorted(roots), len(names))

    def _record_choice(self, agents: Sequence[Agent], endpoint: Endpoint) -> None:
        names = None if self._present is not None else tuple(sorted({skill.name for skill in self._skills}))
        ids = tuple(agent.id for agent in agents)
        roots = tuple(str(root) for root in self.options.roots)
        kept = StandingChoice(endpoint.url, names, ids, roots, self.clock())
        record_choice(self.ledger, self.location, kept)

    def _planned_offline(self, endpoint: Endpoint) -> SyncReport:
        """A dry run without the service: against the agents as they were listed last."""
        known, pipeline = self.ledger.agents(endpoint.url), self._pipeline(endpoint)
        agents = named_agents(known, self.options.agents) if known else (NOBODY_YET,)
        note = (
            "the service was not asked, because you have not agreed to connect to it yet or no key is set; "
        )
        note += "the agents are those that it listed last" if known else "its agents are not known"
        actions = pipeline.gate(self._planned(agents, pipeline), self._allowed(endpoint, agents))
        return replace(
            self._report(endpoint, _plan_of(agents, actions)), agents_known_from="ledger", notes=(note,)
        )

    def _report(self, endpoint: Endpoint, agents: Sequence[AgentReport]) -> SyncReport:
        return SyncReport(
            endpoint=endpoint.url,
            dry_run=self.options.dry_run,
            totals=totals_of(skill for agent in agents for skill in agent.skills),
            agents=tuple(agents),
            warnings=warnings_of(self._skills),
            app_url=APP_URL if endpoint.is_default else None,
        )

    async def _sent(
        self,
        service: SkillService,
        pipeline: Pipeline,
        agents: Sequence[Agent],
        canary: Agent | None,
        actions: Sequence[Action],
    ) -> list[AgentReport]:
        """Sends what the actions say to all agents side by side, and reports what became of each of them.

        Args:
            service: the far side.
            pipeline: the way to each agent.
            agents: whom to sync to, the canary included.
            canary: gets everything first; the others get nothing unless it acknowledges all.
            actions: for all agents, after the gate.

        Raises:
            FileError: the ledger cannot be written.
        """
        contents = pipeline.read(actions)
        done, total = 0, sum(action.sends for action in actions)
        slots = asyncio.Semaphore(AGENTS_AT_ONCE)

        def settled(count: int) -> None:
            nonlocal done
            done += count
            self.operator.progress(done, total)

        async def one(agent: Agent) -> AgentReport:
            async with slots:
                mine = [action for action in actions if action.agent_id == agent.id]
                delivery = await pipeline.deliver(service, agent, mine, contents, settled)
                self.stopped = self.stopped or delivery.stopped
                return agent_report(agent, delivery.results)

        reports: list[AgentReport] = []
        others = [agent for agent in agents if agent != canary]
        if canary is not None:
            reports.append(await one(canary))
            if any(_is_unsettled(result) for result in reports[0].skills):
                reason = f"the canary {canary.label} did not acknowledge all"
                return [*reports, *(_skipped(agent, actions, reason) for agent in others)]
        for ended in await asyncio.gather(*(one(agent) for agent in others), return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended  # of a full disk; the other agents have come to their end by then
            reports.append(ended)
        return reports


def _plan_of(agents: Sequence[Agent], actions: Sequence[Action]) -> list[AgentReport]:
    """The reports of a run that sends nothing."""
    return [
        agent_report(agent, [skill_result(action) for action in actions if action.agent_id == agent.id])
        for agent in agents
    ]


def _is_unsettled(result: SkillResult) -> bool:
    """Whether the canary was to have this content and did not acknowledge it."""
    was_wanted = result.action in ("create", "update") or result.outcome == "unconfirmed"
    return was_wanted and not result.satisfied


def _skipped(agent: Agent, actions: Sequence[Action], reason: str) -> AgentReport:
    step = "see what the canary's agent refused, then run the command again"
    results = [
        skill_result(
            action,
            Outcome(action.skill, "not_sent", None, "sync.canary", reason, step) if action.sends else None,
        )
        for action in actions
        if action.agent_id == agent.id
    ]
    return agent_report(agent, results, skipped=reason)


async def _enter(manager: AbstractAsyncContextManager[SkillService]) -> SkillService:
    return await manager.__aenter__()


async def _leave(manager: AbstractAsyncContextManager[SkillService]) -> None:
    await manager.__aexit__(None, None, None)

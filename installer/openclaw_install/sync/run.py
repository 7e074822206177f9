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
from openclaw_install.sync import choice, prepare
from openclaw_install.sync.connect import Connect, connect_mcp
from openclaw_install.sync.consent import Consents, allow_secrets, allowed_secrets
from openclaw_install.sync.endpoint import Endpoint, endpoint_from, key_from, key_missing
from openclaw_install.sync.errors import APP_URL, KEYS_URL
from openclaw_install.sync.inventory import Inventory, LocalSkill
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.operator import Operator
from openclaw_install.sync.pipeline import Pipeline
from openclaw_install.sync.planner import Action
from openclaw_install.sync.report import AgentReport, SkillResult, SyncReport, warnings_of
from openclaw_install.sync.rollout import Rollout
from openclaw_install.sync.service import Agent, SkillService
from openclaw_install.sync.standing_choice import StandingChoice, record_choice

# A watcher holds the lock for a push at a time.
LOCK_PATIENCE = 2.0
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
    """

    location: HostLocation
    env: Mapping[str, str]
    options: SyncOptions
    operator: Operator
    ledger: Ledger
    connect: Connect = connect_mcp
    clock: Callable[[], float] = wall_time
    _skills: tuple[LocalSkill, ...] = field(init=False, default=())
    _present: frozenset[str] | None = field(init=False, default=None)
    _allowed: set[tuple[str, str]] = field(init=False, default_factory=set)
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
                if consents.browser(KEYS_URL):
                    self.operator.open_page(KEYS_URL)
                raise key_missing()
            self._choose(prepare.inventory_of(self.location, self.options.roots, self.ledger))
            if key is None or (self.options.dry_run and not consents.may_connect(endpoint.url)):
                return self._planned_offline(endpoint)
            consents.connect(endpoint.url)
            return self._connected(endpoint, key, consents)

    def _choose(self, inventory: Inventory) -> None:
        self._skills, is_whole = prepare.choose_skills(
            inventory, self.options.names, self.operator, everything=self.options.everything
        )
        self._present = frozenset(skill.name for skill in inventory.skills) if is_whole else None
        if self.options.keep:
            self._kept_roots = (
                prepare.own_roots(self.location, self.options.roots)
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
        said = [(name, usable[name].sha256) for name in self.options.allow_secrets]
        if not self.options.dry_run:
            allow_secrets(self.ledger, said, self.clock())
        self._allowed = allowed_secrets(self.ledger) | set(said)

    def _connected(self, endpoint: Endpoint, key: Secret, consents: Consents) -> SyncReport:
        """The part with the network; questions come between the loop's runs, so that Ctrl-C ends them."""
        manager = self.connect(endpoint, key)
        pipeline = self._pipeline(endpoint)
        with asyncio.Runner() as runner:
            service = runner.run(_enter(manager))
            try:
                agents = runner.run(self._listed(service, pipeline))
                chosen, canary = self._agents(agents)
                actions = pipeline.gate(self._planned(chosen, pipeline), self._allowed)
                if self.options.dry_run:
                    return self._report(endpoint, chosen, actions)
                for agent in chosen:
                    self._agree_to_upload(consents, endpoint, agent, actions)
                if self.options.keep:
                    self._record_choice(chosen, endpoint)
                progress = self.operator.progress
                rollout = Rollout(service, pipeline, progress)
                results = runner.run(rollout.run(chosen, canary, actions))
                errors = () if rollout.stopped is None else (rollout.stopped,)
                return replace(self._report(endpoint, chosen, actions), agents=results, errors=errors)
            finally:
                runner.run(_leave(manager))

    async def _listed(self, service: SkillService, pipeline: Pipeline) -> Sequence[Agent]:
        """The agents; while the network is slow, the gate already looks at what will probably be sent."""
        listing = asyncio.ensure_future(service.list_agents())
        try:
            likely = self.ledger.agents(pipeline.endpoint) or (NOBODY_YET,)
            texts = pipeline.unscanned(self._planned(likely, pipeline))
            await asyncio.sleep(0)
            pipeline.learn(await asyncio.to_thread(prepare.scan_all, texts))
            agents = await listing
        finally:
            listing.cancel()
            await asyncio.gather(listing, return_exceptions=True)
        self.ledger.remember_agents(pipeline.endpoint, agents, self.clock())
        return agents

    def _agents(self, agents: Sequence[Agent]) -> tuple[tuple[Agent, ...], Agent | None]:
        chosen = prepare.choose_agents(agents, self.options.agents, self.operator)
        if self.options.canary is None:
            return chosen, None
        (canary,) = choice.chosen_agents(agents, [self.options.canary]) or ()
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
        choice = StandingChoice(endpoint.url, names, ids, roots, self.clock())
        record_choice(self.ledger, self.location, choice)

    def _planned_offline(self, endpoint: Endpoint) -> SyncReport:
        """A dry run without the service: against the agents as they were listed last."""
        known, pipeline = self.ledger.agents(endpoint.url), self._pipeline(endpoint)
        wanted = self.options.agents
        agents = (choice.chosen_agents(known, wanted) or known) if known else (NOBODY_YET,)
        note = (
            "the service was not asked, because you have not agreed to connect to it yet or no key is set; "
        )
        note += "the agents are those that it listed last" if known else "its agents are not known"
        report = self._report(endpoint, agents, pipeline.gate(self._planned(agents, pipeline), self._allowed))
        return replace(report, agents_known_from="ledger", notes=(note,))

    def _report(self, endpoint: Endpoint, agents: Sequence[Agent], actions: Sequence[Action]) -> SyncReport:
        return SyncReport(
            endpoint=endpoint.url,
            dry_run=self.options.dry_run,
            agents_known_from="service",
            agents=tuple(
                AgentReport(agent, tuple(SkillResult(a) for a in actions if a.agent_id == agent.id))
                for agent in agents
            ),
            warnings=warnings_of(self._skills),
            app_url=APP_URL if endpoint.is_default else None,
        )


async def _enter(manager: AbstractAsyncContextManager[SkillService]) -> SkillService:
    return await manager.__aenter__()


async def _leave(manager: AbstractAsyncContextManager[SkillService]) -> None:
    await manager.__aexit__(None, None, None)

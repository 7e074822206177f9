"""How skills get to an agent: plan, gate, read, push. A single run and the watcher share it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from openclaw_install.common.clock import wall_time
from openclaw_install.sync import prepare
from openclaw_install.sync.errors import ServiceError
from openclaw_install.sync.gate import SecretFinding
from openclaw_install.sync.inventory import LocalSkill
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.planner import Action, plan, through_gate
from openclaw_install.sync.push import Aside, Push, Sent, on_the_spot
from openclaw_install.sync.report import SkillResult
from openclaw_install.sync.service import Agent, SkillService

CHANGED = "sync.changed"


@dataclass(frozen=True)
class Delivery:
    """What became of one agent's actions.

    Attributes:
        results: by skill.
        stopped: the error that kept a part from being tried, if there was one.
    """

    results: tuple[SkillResult, ...]
    stopped: ServiceError | None = None


@dataclass
class Pipeline:
    """The steps from skills on disk to acknowledgements. All but `deliver` use the ledger on the spot.

    Args:
        ledger: the ledger.
        endpoint: the key of its rows.
        clock: seconds since the epoch.
        aside: does what `deliver` needs of the ledger; see `Push`.
        keeps_verdicts: whether the gate's verdicts go into the ledger. A watcher keeps them in memory: one
            more commit for each save would slow it down.

    Attributes:
        verdicts: the gate's findings by content hash. What is not among them is never sent.
    """

    ledger: Ledger
    endpoint: str
    clock: Callable[[], float] = wall_time
    aside: Aside = on_the_spot
    keeps_verdicts: bool = True
    verdicts: dict[str, tuple[SecretFinding, ...]] = field(default_factory=dict)

    def plan(
        self,
        skills: Sequence[LocalSkill],
        agents: Sequence[Agent],
        *,
        force: bool = False,
        present: Collection[str] | None = None,
    ) -> tuple[Action, ...]:
        """The actions by what the ledger says; the arguments are those of `planner.plan`."""
        names = [skill.name for skill in skills] if present is None else None
        records = self.ledger.records(self.endpoint, names)
        return plan(skills, records, agents, force=force, now=self.clock(), present=present)

    def gate(self, actions: Sequence[Action], allowed: Collection[tuple[str, str]]) -> tuple[Action, ...]:
        """The same actions, with uploads blocked that may hold a secret which was not let through."""
        self.learn(prepare.scan_all(self.unscanned(actions)))
        return through_gate(actions, self.verdicts, allowed)

    def unscanned(self, actions: Sequence[Action]) -> Mapping[str, str]:
        """The contents that would be sent and that the gate has not scanned yet, by hash."""
        wanted = {action.sha256: action.path for action in actions if action.sends}
        self.verdicts.update(
            prepare.known_verdicts(self.ledger, [digest for digest in wanted if digest not in self.verdicts])
        )
        return prepare.read_contents(
            (path, digest) for digest, path in wanted.items() if digest not in self.verdicts
        ).texts

    def learn(self, verdicts: prepare.Verdicts) -> None:
        """Takes over what the gate found."""
        self.verdicts.update(verdicts)
        if self.keeps_verdicts:
            prepare.learn_verdicts(self.ledger, verdicts)

    def read(self, actions: Sequence[Action]) -> prepare.Contents:
        """The contents to be sent, if their files still hold what was planned and scanned."""
        return prepare.read_contents(
            (action.path, action.sha256)
            for action in actions
            if action.sends and action.sha256 in self.verdicts
        )

    async def deliver(
        self,
        service: SkillService,
        agent: Agent,
        actions: Sequence[Action],
        contents: prepare.Contents,
        progress: Callable[[int], None] = lambda _count: None,
    ) -> Delivery:
        """Sends what an agent's actions say, and reports what became of each of them.

        Raises:
            FileError: the ledger cannot be written.
        """
        sending = [action for action in actions if action.sends]
        ready = [action for action in sending if action.sha256 in contents.texts]
        push = Push(service, self.ledger, self.endpoint, agent.id, progress, self.clock, self.aside)
        sent = await push.run(
            [contents.upload(action) for action in ready],
            repeats=[action.skill for action in ready if action.is_repeat],
        )
        fates = {action.skill: _changed(action.skill) for action in sending}
        fates.update((fate.skill, fate) for fate in sent)
        results = tuple(
            SkillResult(action, fates[action.skill] if action.sends else None) for action in actions
        )
        return Delivery(results, push.stopped)


def _changed(skill: str) -> Sent:
    detail, step = "it was changed while the sync ran", "run the command again"
    return Sent(skill, "not_sent", code=CHANGED, detail=detail, next_step=step)

"""How skills get to an agent: plan, gate, read, push. A single run and the watcher share it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from openclaw_install.common.clock import wall_time
from openclaw_install.common.files import sha256
from openclaw_install.common.jsonable import jsonable
from openclaw_install.sync.errors import ServiceError
from openclaw_install.sync.gate import GATE_VERSION, SecretFinding, scan
from openclaw_install.sync.inventory import LocalSkill
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.planner import Action, plan, through_gate
from openclaw_install.sync.push import Aside, Push, on_the_spot
from openclaw_install.sync.report import SkillResult, skill_result
from openclaw_install.sync.service import Agent, Outcome, SkillService, Upload

CHANGED = "sync.changed"
Verdicts = Mapping[str, tuple[SecretFinding, ...]]


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

    def gate(
        self, actions: Sequence[Action], allowed: Collection[tuple[str, str, str]]
    ) -> tuple[Action, ...]:
        """The same actions, with uploads blocked that may hold a secret which was not let through."""
        self.learn(scan_all(self.unscanned(actions)))
        return through_gate(actions, self.verdicts, allowed)

    def unscanned(self, actions: Sequence[Action]) -> Mapping[str, str]:
        """The contents that would be sent and that the gate has not scanned yet, by hash."""
        wanted = {action.sha256: action.path for action in actions if action.sends}
        facts = self.ledger.facts("gate", GATE_VERSION, [one for one in wanted if one not in self.verdicts])
        for digest, found in facts.items():
            self.verdicts[digest] = tuple(SecretFinding(**one) for one in found)
        return read_contents((path, digest) for digest, path in wanted.items() if digest not in self.verdicts)

    def learn(self, verdicts: Verdicts) -> None:
        """Takes over what the gate found."""
        self.verdicts.update(verdicts)
        if self.keeps_verdicts:
            self.ledger.learn("gate", GATE_VERSION, jsonable(verdicts))

    def read(self, actions: Sequence[Action]) -> Mapping[str, str]:
        """The contents to be sent, by hash, if their files still hold what was planned and scanned."""
        return read_contents(
            (action.path, action.sha256)
            for action in actions
            if action.sends and action.sha256 in self.verdicts
        )

    async def deliver(
        self,
        service: SkillService,
        agent: Agent,
        actions: Sequence[Action],
        contents: Mapping[str, str],
        progress: Callable[[int], None] = lambda _count: None,
    ) -> Delivery:
        """Sends what an agent's actions say, and reports what became of each of them.

        Raises:
            FileError: the ledger cannot be written.
        """
        sending = [action for action in actions if action.sends]
        ready = [action for action in sending if action.sha256 in contents]
        push = Push(service, self.ledger, self.endpoint, agent.id, progress, self.clock, self.aside)
        sent = await push.run(
            [Upload(action.skill, action.sha256, contents[action.sha256]) for action in ready],
            repeats=[action.skill for action in ready if action.is_repeat],
        )
        fates = {action.skill: _changed(action.skill) for action in sending}
        fates.update((fate.skill, fate) for fate in sent)
        results = tuple(
            skill_result(action, fates[action.skill] if action.sends else None) for action in actions
        )
        return Delivery(results, push.stopped)


def _changed(skill: str) -> Outcome:
    detail, step = "it was changed while the sync ran", "run the command again"
    return Outcome(skill, "not_sent", code=CHANGED, detail=detail, next_step=step)


def scan_all(texts: Mapping[str, str]) -> Verdicts:
    """Asks the gate about contents; no ledger, so it can run in a thread beside the network."""
    return {digest: scan(text) for digest, text in texts.items()}


def read_contents(wanted: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Reads files again, by path and expected hash; a file that has changed since is left out."""
    texts: dict[str, str] = {}
    for path, digest in wanted:
        if digest not in texts:
            try:
                data = Path(path).read_bytes()
            except OSError:
                continue
            if sha256(data) == digest:
                texts[digest] = data.decode("utf-8")
    return texts

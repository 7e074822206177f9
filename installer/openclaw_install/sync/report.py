"""What a sync did or would do, as frozen records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from openclaw_install.common.errors import ExitCode
from openclaw_install.sync.errors import NEXT_STEP_UNCONFIRMED
from openclaw_install.sync.gate import SecretFinding
from openclaw_install.sync.inventory import LocalSkill
from openclaw_install.sync.planner import Action, ActionKind
from openclaw_install.sync.service import Agent, Outcome

SkillOutcome = Literal[
    "acknowledged",
    "unchanged",
    "planned",
    "blocked",
    "refused",
    "unconfirmed",
    "failed",
    "not_sent",
    "deleted_locally",
]
_SATISFIED = ("acknowledged", "unchanged", "deleted_locally")


@dataclass(frozen=True, kw_only=True)
class SkillResult:
    """One skill at one agent: what was planned, and what became of it.

    Attributes:
        skill: the folder's name, under which the skill goes up.
        action: what the plan says.
        outcome: what became of it: `refused` by the service; `unconfirmed`: sent and repeated, and no answer
            said whether it was stored; `failed` on the way, so that the service may hold either content;
            `not_sent`; `planned` in a dry run.
        reason: why, in words.
        code: the cause as a word, where something is in the way; else empty.
        next_step: what to do about it; empty where there is nothing to do, or the reason says it.
        sha256: of the local content; empty where there is none.
        path: the local SKILL.md; empty where there is none.
        age_seconds: since the service acknowledged anything for this skill; null if it never did.
        findings: where the upload gate saw what may be a secret; never the value.
        live: whether the agent works with it already; null where the service does not say.
    """

    skill: str
    action: ActionKind
    outcome: SkillOutcome
    reason: str
    code: str
    next_step: str
    sha256: str
    path: str
    age_seconds: float | None
    findings: tuple[SecretFinding, ...]
    live: bool | None = None

    @property
    def satisfied(self) -> bool:
        """Whether what was asked for is so: the agent has acknowledged this content."""
        return self.outcome in _SATISFIED


def skill_result(action: Action, sent: Outcome | None = None) -> SkillResult:
    """The result of an action; `sent` is what became of its upload, None where nothing was sent."""
    reason, code, step = action.reason, action.code, ""
    outcome: SkillOutcome
    match action.kind:
        case "create" | "update":
            outcome = "planned" if sent is None else sent.kind
        case "unconfirmed":
            outcome, step = "unconfirmed", NEXT_STEP_UNCONFIRMED
        case kind:
            outcome = kind
    if sent is not None and outcome != "acknowledged":
        reason, code, step = sent.detail, sent.code, sent.next_step
    return SkillResult(
        skill=action.skill,
        action=action.kind,
        outcome=outcome,
        reason=reason,
        code=code,
        next_step=step,
        sha256=action.sha256,
        path=action.path,
        age_seconds=action.age_seconds,
        findings=action.findings,
        live=None if sent is None else sent.live,
    )


@dataclass(frozen=True, kw_only=True)
class AgentReport(Agent):
    """One agent's part of a sync.

    Attributes:
        running: whether its dev pod ran at the start; null where the service does not say.
        live: whether the agent works with the skills now; null where the service does not say.
        skipped: why nothing was sent although something was planned, as after a failed canary; else empty.
        totals: how many skills there are of each outcome.
        skills: by skill, what became of it.
    """

    live: bool | None
    skipped: str
    totals: Mapping[SkillOutcome, int]
    skills: tuple[SkillResult, ...]


def agent_report(agent: Agent, skills: Sequence[SkillResult], skipped: str = "") -> AgentReport:
    """The report about an agent with the pod's state at the start; `skipped` as in the record."""
    said = [agent.running, *(skill.live for skill in skills if skill.live is not None)]
    return AgentReport(
        id=agent.id,
        name=agent.name,
        running=agent.running,
        live=said[-1],
        skipped=skipped,
        totals=totals_of(skills),
        skills=tuple(skills),
    )


def totals_of(skills: Iterable[SkillResult]) -> dict[SkillOutcome, int]:
    """How many skills there are of each outcome, those of which there is none included."""
    counts = Counter(skill.outcome for skill in skills)
    return {outcome: counts[outcome] for outcome in get_args(SkillOutcome)}


@dataclass(frozen=True, kw_only=True)
class SyncReport:
    """The result of `sync`.

    Attributes:
        endpoint: the service.
        dry_run: whether nothing was to be sent.
        agents_known_from: `service` (asked now) or `ledger` (as they were listed last).
        totals: how many skills there are of each outcome, all agents together.
        agents: by agent.
        warnings: skills that are not sent or not under the name they call themselves.
        notes: what else there is to say.
        app_url: where pods are started, for Mysta's own service; null for others.
    """

    endpoint: str
    dry_run: bool
    agents_known_from: Literal["service", "ledger"] = "service"
    totals: Mapping[SkillOutcome, int]
    agents: tuple[AgentReport, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()
    app_url: str | None = None

    @property
    def exit_code(self) -> ExitCode:
        """0 if everything that was asked for is acknowledged; for a dry run, if nothing is in the way."""
        fine = all(
            skill.satisfied or (self.dry_run and skill.outcome == "planned")
            for agent in self.agents
            for skill in agent.skills
        )
        return 0 if fine else 1


def warnings_of(skills: tuple[LocalSkill, ...]) -> tuple[str, ...]:
    """What has to be said about single skills: shadowed, refused, or named otherwise in their frontmatter."""
    found = []
    for skill in skills:
        if skill.problem:
            found.append(f"{skill.name}: not sent: {skill.reason} ({skill.path})")
        elif skill.declared:
            found.append(
                f"{skill.name}: goes up under its folder's name, though it calls itself {skill.declared!r}"
            )
    return tuple(found)

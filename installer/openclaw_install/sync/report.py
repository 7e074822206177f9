"""What a sync did or would do, as one frozen result (`schemas/sync-report.schema.json`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openclaw_install.common.errors import InstallError
from openclaw_install.sync.errors import NEXT_STEP_UNCONFIRMED
from openclaw_install.sync.inventory import LocalSkill
from openclaw_install.sync.planner import Action
from openclaw_install.sync.push import Sent
from openclaw_install.sync.service import Agent

_TOTALS = (
    "acknowledged",
    "unchanged",
    "planned",
    "blocked",
    "refused",
    "unconfirmed",
    "failed",
    "not_sent",
    "deleted_locally",
)


@dataclass(frozen=True)
class SkillResult:
    """One skill at one agent: the action, and what became of it (None where nothing was sent)."""

    action: Action
    sent: Sent | None = None

    @property
    def outcome(self) -> str:
        """One of the words that the totals count."""
        if self.sent is not None:
            return self.sent.fate
        return "planned" if self.action.sends else self.action.kind

    @property
    def satisfied(self) -> bool:
        """Whether what was asked for is so: the agent has acknowledged this content."""
        return self.outcome in ("acknowledged", "unchanged", "deleted_locally")

    @property
    def next_step(self) -> str:
        """What to do about it; empty where there is nothing to do, or the action's reason says it."""
        if self.sent is not None and self.sent.fate != "acknowledged":
            return self.sent.next_step
        return NEXT_STEP_UNCONFIRMED if self.outcome == "unconfirmed" else ""

    def to_json(self) -> dict[str, Any]:
        action, sent = self.action, self.sent
        failed = sent is not None and sent.fate != "acknowledged"
        return {
            "skill": action.skill,
            "action": action.kind,
            "outcome": self.outcome,
            "reason": sent.detail if failed and sent is not None else action.reason,
            "code": (sent.code if failed and sent is not None else action.code) or None,
            "next_step": self.next_step or None,
            "sha256": action.sha256 or None,
            "path": action.path or None,
            "age_seconds": None if action.age_seconds is None else round(action.age_seconds, 3),
            "findings": [finding.to_json() for finding in action.findings],
        }


@dataclass(frozen=True)
class AgentReport:
    """One agent's part of a sync.

    Attributes:
        agent: whom it is about, with the pod's state at the start.
        results: by skill.
        skipped: why nothing was sent to it although something was planned, as after a failed canary.
    """

    agent: Agent
    results: tuple[SkillResult, ...]
    skipped: str = ""

    @property
    def live(self) -> bool | None:
        """Whether the agent works with the skills now; None where the service did not say."""
        said = [result.sent.live for result in self.results if result.sent and result.sent.live is not None]
        return said[-1] if said else self.agent.running

    def totals(self) -> dict[str, int]:
        counts = Counter(result.outcome for result in self.results)
        return {word: counts[word] for word in _TOTALS}

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.agent.id,
            "name": self.agent.name or None,
            "running": self.agent.running,
            "live": self.live,
            "skipped": self.skipped or None,
            "totals": self.totals(),
            "skills": [result.to_json() for result in self.results],
        }


@dataclass(frozen=True)
class SyncReport:
    """The result of `sync`.

    Attributes:
        endpoint: the service.
        dry_run: whether nothing was to be sent.
        agents_known_from: `service` (asked now) or `ledger` (as they were listed last).
        agents: by agent.
        warnings: skills that are not sent or not under the name they call themselves.
        notes: what else there is to say.
        app_url: where pods are started, for Mysta's own service; None for others.
        errors: what ended the run before its end, such as a key that was revoked meanwhile.
    """

    endpoint: str
    dry_run: bool
    agents_known_from: str
    agents: tuple[AgentReport, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    app_url: str | None = None
    errors: tuple[InstallError, ...] = ()

    def totals(self) -> Mapping[str, int]:
        total: Counter[str] = Counter()
        for agent in self.agents:
            total.update(agent.totals())
        return {word: total[word] for word in _TOTALS}

    @property
    def exit_code(self) -> int:
        """0 if everything that was asked for is acknowledged; for a dry run, if nothing is in the way."""
        fine = all(
            result.satisfied or (self.dry_run and result.outcome == "planned")
            for agent in self.agents
            for result in agent.results
        )
        return 0 if fine else 1

    def to_json(self) -> dict[str, Any]:
        return {
            "endpoint": self.endpoint,
            "dry_run": self.dry_run,
            "agents_known_from": self.agents_known_from,
            "totals": dict(self.totals()),
            "agents": [agent.to_json() for agent in self.agents],
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }


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

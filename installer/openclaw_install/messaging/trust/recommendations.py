"""What a thread's history recommends about trust, and how recommendations follow the history. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openclaw_install.messaging.models.trust import Recommendation, RecommendationKind, ThreadHistory
from openclaw_install.messaging.trust.policy import Action, Policy, Section, action_for, rank

FLOOD_WAITING = 25
FLOOD_PER_HOUR = 100
PERSISTENT = 10
EXCHANGES = 5
PARKED = 3


@dataclass(frozen=True)
class Plan:
    """What is to change in the store so that it says what the history says now.

    Attributes:
        open: what is recommended now; None where nothing is. Its `id` is 0 where it is not stored yet.
        supersede: the number of an open one that no longer holds; None where there is none.
    """

    open: Recommendation | None
    supersede: int | None


def recommended(history: ThreadHistory, policy: Policy, now: float) -> Recommendation | None:
    """The most urgent thing that the history recommends: narrowing before widening, one at a time."""
    return _blocking(history, policy, now) or _about_tasks(history, policy, now)


def _blocking(history: ThreadHistory, policy: Policy, now: float) -> Recommendation | None:
    undecided = history.state == "pending" and not history.decided
    if history.state == "blocked":
        return None
    if undecided and history.waiting >= FLOOD_WAITING:
        why = f"{history.waiting} messages wait, and nobody has decided about their sender"
        return _made(history, policy, now, ("block_flood", "contact", "block"), why, history.waiting)
    if history.last_hour >= FLOOD_PER_HOUR and history.unanswered >= FLOOD_PER_HOUR:
        why = f"{history.last_hour} messages came in an hour; the last {history.unanswered} have no answer"
        return _made(history, policy, now, ("block_flood", "contact", "block"), why, history.last_hour)
    if history.state == "rejected" and history.refused >= PERSISTENT:
        why = f"it was rejected, and has sent {history.refused} messages since"
        return _made(history, policy, now, ("block_persistent", "contact", "block"), why, history.refused)
    return None


def _about_tasks(history: ThreadHistory, policy: Policy, now: float) -> Recommendation | None:
    if history.state != "approved":
        return None
    present = rank("task", action_for(policy, "task", history.subject))
    if history.parked >= PARKED and present > rank("task", "manual"):
        why = f"{history.parked} of its messages had to be given up within 30 days"
        return _made(history, policy, now, ("task_caution", "task", "manual"), why, history.parked)
    # A denial is a person's word against this sender: good conduct elsewhere is no reason to undo it.
    proven = history.exchanges >= EXCHANGES and history.tasks and not history.parked
    if proven and rank("task", "deny") < present < rank("task", "execute"):
        why = (
            f"it was answered {history.exchanges} times without trouble and has sent {history.tasks} "
            f"task{'' if history.tasks == 1 else 's'}"
        )
        return _made(history, policy, now, ("task_execute", "task", "execute"), why, history.exchanges)
    return None


def plan(stored: Sequence[Recommendation], proposal: Recommendation | None) -> Plan:
    """How the stored recommendations of a thread follow a new look at its history.

    Args:
        stored: newest first.
        proposal: what `recommended` says now.
    """
    current = next((one for one in stored if one.state == "open"), None)
    if current and proposal and _same(current, proposal):
        return Plan(current, None)
    # One that somebody reopened stays until it is decided, or until something more urgent is found.
    if current and current.changed_by != "history" and proposal is None:
        return Plan(current, None)
    if proposal and _was_dismissed(stored, proposal):
        proposal = None
    return Plan(proposal, current.id if current else None)


def reopenable(stored: Sequence[Recommendation]) -> Recommendation | None:
    """The one that was dismissed or superseded last; None where there is none."""
    closed = [one for one in stored if one.state in {"dismissed", "superseded"}]
    return max(closed, key=lambda one: (one.changed_at, one.id), default=None)


def _was_dismissed(stored: Sequence[Recommendation], proposal: Recommendation) -> bool:
    newest = next((one for one in stored if _same(one, proposal)), None)
    return newest is not None and newest.state == "dismissed" and proposal.weight < 2 * newest.weight


def _same(one: Recommendation, other: Recommendation) -> bool:
    return (one.kind, one.section, one.action) == (other.kind, other.section, other.action)


def _made(
    history: ThreadHistory,
    policy: Policy,
    now: float,
    what: tuple[RecommendationKind, Section, Action],
    why: str,
    weight: int,
) -> Recommendation:
    kind, section, action = what
    return Recommendation(
        id=0,
        thread_id=history.thread_id,
        did=str(history.subject.did),
        kind=kind,
        section=section,
        action=action,
        state="open",
        why=why,
        weight=weight,
        opened_at=now,
        changed_at=now,
        changed_by="history",
        policy_version=policy.version,
    )

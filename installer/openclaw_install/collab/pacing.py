"""Paces two agents that answer each other: how many rounds a thread had, how long to wait (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from openclaw_install.collab.records import Direction, Ingress
from openclaw_install.protocol.times import iso


@dataclass(frozen=True)
class PacingLimits:
    """How fast two agents may answer each other in one thread.

    Attributes:
        rounds: so many within the window cost no wait.
        window: seconds.
    """

    rounds: int = 20
    window: float = 600.0


class Passed(NamedTuple):
    """A message that passed through a thread: one that came in, or one that the agent itself wrote.

    Receipts and the like are none, nor is what a person wrote.

    Attributes:
        at: when this host came to know it; seconds since the epoch.
    """

    direction: Direction
    at: float


def rounds(passed: Iterable[Passed]) -> Iterator[float]:
    """When each round began: a message came in after one of the agent's.

    What comes in before the agent's next message belongs to the same round, so that a backlog, however
    long, is one.

    Args:
        passed: of one thread, in order.
    """
    answered = False
    for one in passed:
        if one.direction == "out":
            answered = True
        elif answered:
            answered = False
            yield one.at


def paced_until(passed: Iterable[Passed], now: float, limits: PacingLimits) -> float | None:
    """Until when the thread's next message waits: then its rounds within the window are few enough.

    Rounds that lie ahead of `now`, because the clock was set back, do not count: so nothing waits for
    longer than the window.

    Args:
        passed: of one thread, in order, the waiting message among them.
        now: seconds since the epoch.

    Returns:
        The time, later than `now`; None where nothing has to wait.
    """
    recent = sorted(at for at in rounds(passed) if at <= now < at + limits.window)
    if len(recent) <= limits.rounds:
        return None
    return recent[-limits.rounds - 1] + limits.window


def is_paced(row: Ingress) -> bool:
    """Whether a row waits for its pace: whatever else makes one wait follows a first attempt."""
    return row.attempts == 0 and row.next_attempt_at > 0


def is_due(row: Ingress, now: float, limits: PacingLimits) -> bool:
    """Whether a row's time has come. A pause that ends beyond the window is of a clock that was set back."""
    return row.next_attempt_at <= now or (is_paced(row) and row.next_attempt_at > now + limits.window)


def pace_reason(until: float, limits: PacingLimits) -> str:
    """Why a message waits, in words."""
    minutes = f"{limits.window / 60:g} minutes"
    return f"over {limits.rounds} rounds in {minutes}; its turn comes at {iso(until)}"

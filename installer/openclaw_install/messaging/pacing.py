"""Rate limits on two agents that answer each other: rounds of a thread, and how long to wait. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from openclaw_install.messaging.models import Direction, Ingress
from openclaw_install.protocol.times import iso


@dataclass(frozen=True)
class PacingLimits:
    """How fast agents may answer each other, in one thread and on the whole host.

    Attributes:
        rounds: so many of one thread within the window cost no wait.
        window: seconds.
        host_rounds: so many of all threads together.
        reserve: so many more, for threads that had none within the window: who talks without a pause, under
            however many names, does not take the others' turn.
    """

    rounds: int = 20
    window: float = 600.0
    host_rounds: int = 120
    reserve: int = 40


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


def host_paced_until(
    host: Iterable[float], passed: Iterable[Passed], now: float, limits: PacingLimits
) -> float | None:
    """Until when a round of a thread waits for the ceiling over all threads.

    Args:
        host: when the rounds of all threads were let through, this one not among them.
        passed: of the thread, in order, the waiting message among them.
        now: seconds since the epoch.

    Returns:
        The time, later than `now`; None where nothing has to wait.
    """
    let_through = sorted(at for at in host if at <= now < at + limits.window)
    # The newest round is the one that waits.
    is_quiet = not [at for at in list(rounds(passed))[:-1] if at <= now < at + limits.window]
    most = limits.host_rounds + (limits.reserve if is_quiet else 0)
    return None if len(let_through) < most else let_through[-most] + limits.window


def is_round(passed: Iterable[Passed], at: float) -> bool:
    """Whether the message that this host came to know at `at` went on with an exchange."""
    return any(one == at for one in rounds(passed))


def is_paced(row: Ingress) -> bool:
    """Whether a row waits for its pace: whatever else makes one wait follows a first attempt."""
    return row.attempts == 0 and row.next_attempt_at > 0


def is_due(row: Ingress, now: float, limits: PacingLimits) -> bool:
    """Whether a row's time has come. A pause that ends beyond the window is of a clock that was set back."""
    return row.next_attempt_at <= now or (is_paced(row) and row.next_attempt_at > now + limits.window)


def pace_reason(until: float, limits: PacingLimits, *, host: bool = False) -> str:
    """Why a message waits, in words; `host`: for the ceiling over all threads."""
    over = f"{limits.host_rounds} rounds of all threads" if host else f"{limits.rounds} rounds"
    return f"over {over} in {limits.window / 60:g} minutes; its turn comes at {iso(until)}"

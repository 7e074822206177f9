"""State machine of an inbound message: how each outcome changes its ledger row. Pure.

`TRANSITIONS` is the machine; `table()` prints it. A message that fails verification never gets a row: it is a
rejection. docs/bridge.md has the reasoning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from openclaw_install.common.backoff import pause
from openclaw_install.host.hooks.dispatch import Accepted, Blocked, Faulty, Later, Outcome, Unknown
from openclaw_install.host.hooks.turn_evidence import Sight
from openclaw_install.messaging.models import Ingress, IngressChanges, Stage
from openclaw_install.messaging.routing import Route


class Transition(NamedTuple):
    """One way from a stage to the next.

    Attributes:
        when: what has to happen.
    """

    stage: Stage
    when: str
    next: Stage


TRANSITIONS = (
    Transition("pending", "a person approves the sender", "approved"),
    Transition("pending", "a person rejects or blocks the sender", "refused"),
    Transition("approved", "the attempt is written down", "dispatching"),
    Transition("approved", "the sender is not approved any more", "refused"),
    Transition("approved", "a lost answer's turn is in the transcript", "accepted"),
    Transition("approved", "a lost answer stays in doubt", "parked"),
    Transition("dispatching", "the gateway accepts, or its turn is in the transcript", "accepted"),
    Transition("dispatching", "the gateway refuses it for now, or its turn did not begin", "approved"),
    Transition("dispatching", "too many faults or doubts, or nobody can know", "parked"),
    Transition("accepted", "the gateway ended before the turn began", "approved"),
    Transition("accepted", "turns were lost with the gateway too often", "parked"),
)
FINAL: tuple[Stage, ...] = ("handled", "refused", "parked")


def table() -> str:
    """The machine as a table in Markdown."""
    rows = ("| from | when | to |", "|---|---|---|")
    return "\n".join((*rows, *(f"| `{one.stage}` | {one.when} | `{one.next}` |" for one in TRANSITIONS)))


# What the bridge does besides writing the row.
Effect = Literal["none", "accepted", "parked", "retry", "gateway_later", "gateway_blocked", "in_doubt"]


@dataclass(frozen=True)
class InboundLimits:
    """How long the bridge goes on with one message.

    Attributes:
        faults: requests that may fail for the message's own reasons before it is parked.
        doubts: times that the outcome may be unknown before it is parked.
        replay_seconds: how long after a request the gateway surely replays it; it keeps answers for 300 s
            after the turn has ended.
        settle_seconds: how long after a request its turn may take to appear in the transcript.
    """

    faults: int = 5
    doubts: int = 4
    replay_seconds: float = 240.0
    settle_seconds: float = 45.0


@dataclass(frozen=True)
class Step:
    """One step of the machine.

    Attributes:
        changes: of the ledger's row; empty where it stays as it is.
        effect: what else there is to do.
        wait: seconds that the whole gateway is left alone, for `gateway_later`.
        detail: in words, for the event; holds no secret.
    """

    changes: IngressChanges
    effect: Effect
    detail: str = ""
    wait: float | None = None


def begin(row: Ingress, route: Route, gateway: str | None, now: float) -> IngressChanges:
    """What is written before a request goes out. A request in doubt is repeated under its own session key."""
    keep = row.doubts > 0 and row.session_key is not None
    first = IngressChanges(begun_at=now) if row.attempts == 0 else IngressChanges()
    return IngressChanges(
        **first,
        stage="dispatching",
        attempts=row.attempts + 1,
        session_key=row.session_key if keep else route.session_key,
        degraded=row.degraded if keep else route.degraded,
        gateway=gateway,
        attempted_at=now,
        reason="",
    )


def settle(row: Ingress, outcome: Outcome, now: float, jitter: float, limits: InboundLimits) -> Step:
    """What an outcome makes of a row in `dispatching`.

    Args:
        row: as it is after `begin`.
        now: seconds since the epoch.
        jitter: from 0 up to 1.
    """
    match outcome:
        case Accepted(run_id):
            step = accepted(now, run_id, "answer")
        case Later(detail, after, everybody=True):
            # The whole gateway waits, so the row itself is due as soon as that is over.
            step = Step(_again(0.0, detail), "gateway_later", detail, after)
        case Later(detail, after):
            due = now + max(pause(row.attempts, jitter, most=20.0), after or 0.0)
            step = Step(_again(due, detail), "retry", detail)
        case Blocked(_, detail):
            step = Step(_again(0.0, detail), "gateway_blocked", detail)
        case Faulty(status, detail):
            step = _faulty(row, status, detail, limits, now, jitter)
        case Unknown(detail):
            doubts = row.doubts + 1
            due = now + pause(doubts, jitter, base=1.0)
            changes = IngressChanges(
                doubts=doubts,
                doubt_at=row.doubt_at or row.attempted_at,
                next_attempt_at=due,
                reason=detail,
            )
            step = Step(changes, "in_doubt", detail)
    return step


def _faulty(row: Ingress, status: int, detail: str, limits: InboundLimits, now: float, jitter: float) -> Step:
    faults = row.faults + 1
    if faults >= limits.faults or status == 413:
        return _parked(IngressChanges(faults=faults), f"the gateway refused it {faults} times: {detail}")
    due = now + pause(faults, jitter, base=2.0)
    return Step({**_again(due, detail), "faults": faults}, "retry", detail)


def is_in_doubt(row: Ingress) -> bool:
    """Whether a request of the row may have begun its turn without our knowing, so `resolve` comes first."""
    return row.stage == "dispatching" or row.doubts > 0


def resolve(
    row: Ingress,
    sight: Sight,
    same_gateway: bool | None,  # noqa: FBT001 - three values, one of them "not known"
    now: float,
    limits: InboundLimits,
) -> Step:
    """What becomes of a row whose request has no known outcome: we died, or the gateway did.

    The transcript decides where it can be read: a turn that is there was begun, so it is not begun again.
    One that is not there was not begun, unless it is about to be: so a gateway that is still the same gets
    the very same request again, which it replays; without that certainty the row waits for
    `settle_seconds` first. Where nothing can be read and the replay is over, nobody can know: the message
    is parked and told, because a turn done twice cannot be taken back.

    Args:
        row: one of which `is_in_doubt` is true.
        sight: what the transcript says.
        same_gateway: whether the process that got the request still answers under the same token; None
            where that is not known.
        now: seconds since the epoch.
    """
    begun = row.doubt_at or row.attempted_at or now
    since = now - begun
    replayed = same_gateway is True and 0 <= since < limits.replay_seconds
    if sight == "found":
        step = accepted(now, row.run_id, "transcript")
    elif row.doubts > limits.doubts:
        step = _parked(IngressChanges(), f"its outcome stayed unknown after {row.attempts} requests")
    elif sight == "unreadable" and not replayed:
        step = _parked(
            IngressChanges(), "whether its turn ran cannot be known: the host's transcript cannot be read"
        )
    elif not replayed and same_gateway is not False and 0 <= since < limits.settle_seconds:
        due = begun + limits.settle_seconds
        step = Step(IngressChanges(next_attempt_at=due), "in_doubt", "waiting whether its turn appears")
    else:
        changes = IngressChanges(
            stage="approved", doubts=max(row.doubts, 1), doubt_at=begun, next_attempt_at=0.0
        )
        step = Step(changes, "retry", "again")
    return step


def confirm(
    row: Ingress,
    sight: Sight,
    same_gateway: bool | None,  # noqa: FBT001 - three values, one of them "not known"
    now: float,
    limits: InboundLimits,
) -> Step:
    """What becomes of an accepted row whose turn was not seen in the transcript yet.

    A gateway that dies between its answer and the first line of the turn takes the turn with it. So where
    the process has changed and the transcript lacks the turn, it is dispatched again.

    Args:
        row: in `accepted`, not confirmed.
        sight, same_gateway, now: as in `resolve`.
    """
    since = now - (row.accepted_at or now)
    if sight == "found":
        return Step(IngressChanges(confirmed_at=now), "none")
    if sight == "absent" and same_gateway is False:
        if row.doubts >= limits.doubts:
            return _parked(IngressChanges(), f"its turn was lost with the gateway {row.doubts + 1} times")
        changes = IngressChanges(
            stage="approved", doubts=row.doubts + 1, doubt_at=now, accepted_at=None, next_attempt_at=0.0
        )
        return Step(changes, "retry", "the gateway ended before the turn began")
    if sight == "unreadable" or since > 10 * limits.replay_seconds:
        return Step(IngressChanges(confirmed_at=now, evidence="answer_only"), "none")
    return Step(IngressChanges(), "none")


def accepted(now: float, run_id: str | None, evidence: str) -> Step:
    """The row of a message whose turn was begun."""
    changes = IngressChanges(
        stage="accepted",
        run_id=run_id,
        accepted_at=now,
        evidence=evidence,
        confirmed_at=now if evidence == "transcript" else None,
        reason="",
    )
    return Step(changes, "accepted")


def _again(due: float, detail: str) -> IngressChanges:
    return IngressChanges(stage="approved", next_attempt_at=due, reason=detail)


def _parked(changes: IngressChanges, reason: str) -> Step:
    return Step({**changes, "stage": "parked", "reason": reason}, "parked", reason)


_EVENTS = {"parked": "message.parked", "in_doubt": "message.in_doubt"}
_RETRIES = {"retry", "gateway_later", "gateway_blocked"}


def event_of(step: Step, attempts: int) -> str | None:
    """The event's kind for what became of one request to the gateway; None where nothing is told."""
    if step.effect in _RETRIES:
        return "message.retry" if is_recorded(attempts) else None
    return _EVENTS.get(step.effect)


def is_recorded(attempts: int) -> bool:
    """Whether the failed try of this number is told: the first, second, fourth, eighth and so on."""
    return attempts > 0 and attempts & (attempts - 1) == 0

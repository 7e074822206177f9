"""The watcher's events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openclaw_install.common.jsonable import Timestamp

EventKind = Literal[
    "watching",
    "changed",
    "acknowledged",
    "unchanged",
    "refused",
    "unconfirmed",
    "held",
    "deleted",
    "waiting",
    "recovered",
    "reconciled",
    "polling",
    "warning",
    "blocked",
    "stopped",
]


@dataclass(frozen=True)
class WatchEvent:
    """One thing that happened.

    Attributes:
        kind: `watching` begins; `changed` was saved and is about to be sent; `acknowledged` by the service;
            `unchanged`: the agent has this content already, by another run perhaps; `refused` by the
            service; `unconfirmed`: it answered twice and said neither yes nor no, so that this content is not
            sent again by itself; `held` back here, for a fault of the content; `deleted` here, and left alone
            there; `waiting` for the service, another run or a pause; `recovered` after waiting;
            `reconciled`: a full rescan ended; `polling`: the file system gives no events; `warning`;
            `blocked`: a person has to act, and the watcher ends; `stopped`.
        time: when.
        skill: the skill's name; empty where it is about none.
        agent: the agent's id; empty where it is about none.
        milliseconds: from the save to its acknowledgement; for `waiting`, until the next try; for `watching`
            and `reconciled`, how long it took.
        code: the reason as a word.
        reason: why, in words; it may hold names that somebody else chose.
        next_step: what to do about it.
        pending: skills that some agent has not acknowledged yet, one for each agent.
        waiting: those of them that wait for a pause to end.
    """

    kind: EventKind
    time: Timestamp
    skill: str = ""
    agent: str = ""
    milliseconds: float | None = None
    code: str = ""
    reason: str = ""
    next_step: str = ""
    pending: int = 0
    waiting: int = 0

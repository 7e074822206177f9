"""How the way to the relay and to the gateway is, as one record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openclaw_install.common.jsonable import Timestamp
from openclaw_install.common.problems import Problem

# The next step of a way that is degraded and needs nobody.
GOES_ON = "nothing has to be done at once: it goes on by itself"
HealthState = Literal["ok", "degraded", "repaired", "blocked"]
Connection = Literal["connected", "polling", "connecting", "down", "stopped"]


@dataclass(frozen=True)
class TransportHealth:
    """How the way to the relay and to the gateway is; times in seconds since the epoch.

    Attributes:
        connection: `connected` by the stream, `polling` without it, `down` while neither works,
            `stopped` while no bridge runs.
        connected_since: of the present stream; None without one.
        last_event_at: when the relay was heard last.
        lag: messages in the relay's inbox that are not in the store yet.
        waiting: messages in the store that are to be dispatched still.
        retries: failed tries since the last success.
        state: `ok`, `degraded` (works, with less than asked: see `detail`), `repaired` (works again since
            `since`), `blocked` (somebody must act: see `blocker`).
        clock_offset: the relay's clock minus ours, in seconds.
        next_step: what to do, or empty.
    """

    connection: Connection
    connected_since: Timestamp | None
    last_event_at: Timestamp | None
    lag: int
    waiting: int
    retries: int
    state: HealthState
    since: Timestamp
    detail: str
    clock_offset: float
    next_step: str
    blocker: Problem | None = None

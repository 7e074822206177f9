"""The bridge's health as it is kept in the store, for the report, the tools and the doctor."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import Any

from openclaw_install.common.boot import boot_id
from openclaw_install.common.problems import Problem, problem_from
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.transport_health import TransportHealth

FACT = "bridge.health"
OWNER = "store.owner"
OWNER_NEXT_STEP = "bring the identity back that made the store, or move the store away"
RETIRED = "identity.retired"
CLAIM = "if it is to be used here and nowhere else: pingagent identity claim"
_RELAY = "bridge.relay"
_SIGN = "bridge.sign"
# A bridge writes its health twice a minute.
_SIGN_SECONDS = 120.0
RESTART = "openclaw-install runtime restart"
STOPPED = "start the runtime: openclaw-install runtime start"


def read_health(store: Store, *, running: bool, now: float) -> TransportHealth:
    """The newest health that a bridge wrote; `stopped` where none runs, `blocked` where it stands still."""
    value: dict[str, Any] | None = store.facts.get(FACT)
    waiting = store.ingress.open_count()
    if value is None or not running:
        since = float(value["since"]) if value else now
        last = value["last_event_at"] if value else None
        stopped = stopped_health(since, last_event_at=last, waiting=waiting)
        elsewhere: str | None = store.facts.get(RETIRED)
        return replace(stopped, detail=elsewhere, next_step=CLAIM) if elsewhere else stopped
    blocker = value.pop("blocker")
    if "recommendation" in value:  # an older bridge wrote it
        value["next_step"] = value.pop("recommendation")
    health = TransportHealth(
        **{**value, "waiting": waiting, "blocker": None if blocker is None else problem_from(blocker)}
    )
    silent = _silent_seconds(store)
    return health if silent < _SIGN_SECONDS else _standing_still(health, store, silent)


def stopped_health(since: float, *, last_event_at: float | None = None, waiting: int = 0) -> TransportHealth:
    """The health where no bridge runs; times in seconds since the epoch."""
    return TransportHealth(
        connection="stopped",
        connected_since=None,
        last_event_at=last_event_at,
        lag=0,
        waiting=waiting,
        retries=0,
        state="blocked",
        since=since,
        detail="no bridge runs on this store",
        clock_offset=0.0,
        next_step=STOPPED,
    )


def write_health(store: Store, health: TransportHealth, now: float) -> None:
    """Keeps the health for the other processes."""
    with store.write():
        store.facts.set(FACT, asdict(health), now)
        store.facts.set(_SIGN, {"boot": boot_id(), "awake": time.monotonic()}, now)


def _silent_seconds(store: Store) -> float:
    """For how long no bridge wrote its health, while the machine was awake; 0 where nobody can tell."""
    sign: dict[str, Any] | None = store.facts.get(_SIGN)
    if sign is None or sign["boot"] != boot_id():
        return 0.0
    return max(0.0, time.monotonic() - float(sign["awake"]))


def _standing_still(health: TransportHealth, store: Store, silent: float) -> TransportHealth:
    message = (
        f"the bridge runs, and has written nothing into its store for {silent:.0f} s: it stands still, "
        "or the disk is full"
    )
    finding = Problem("runtime.stalled", message, RESTART, path=str(store.path))
    return replace(health, state="blocked", detail=message, next_step=RESTART, blocker=finding)


def write_served(store: Store, url: str, now: float) -> None:
    """Keeps which relay the bridge was started for: another process may be told another one."""
    store.facts.set(_RELAY, url, now)


def served_relay(store: Store) -> str | None:
    """The relay that the newest bridge was started for; None where none ever ran."""
    url: str | None = store.facts.get(_RELAY)
    return url

"""The bridge's health as it is kept in the store, for the report, the tools and the doctor."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from openclaw_install.collab.results import TransportHealth
from openclaw_install.collab.store import Store
from openclaw_install.common.findings import Finding

FACT = "bridge.health"
OWNER = "store.owner"
OWNER_CURE = "bring the identity back that made the store, or move the store away"
_RELAY = "bridge.relay"
STOPPED = "start the runtime: openclaw-install runtime start"


def read_health(store: Store, *, running: bool, now: float) -> TransportHealth:
    """The newest health that a bridge wrote; `stopped` where none runs."""
    value: dict[str, Any] | None = store.facts.get(FACT)
    waiting = store.ingress.open_count()
    if value is None or not running:
        since = float(value["since"]) if value else now
        last = value["last_event_at"] if value else None
        return TransportHealth(
            *(
                "stopped",
                None,
                last,
                0,
                waiting,
                0,
                "blocked",
                since,
                "no bridge runs on this store",
                0.0,
                STOPPED,
            )
        )
    blocker = value.pop("blocker")
    return TransportHealth(
        **{**value, "waiting": waiting, "blocker": None if blocker is None else Finding(**blocker)}
    )


def write_health(store: Store, health: TransportHealth, now: float) -> None:
    """Keeps the health for the other processes."""
    store.facts.set(FACT, asdict(health), now)


def write_served(store: Store, url: str, now: float) -> None:
    """Keeps which relay the bridge was started for: another process may be told another one."""
    store.facts.set(_RELAY, url, now)


def served_relay(store: Store) -> str | None:
    """The relay that the newest bridge was started for; None where none ever ran."""
    url: str | None = store.facts.get(_RELAY)
    return url

"""Which route mode is in force: the bridge's own while one runs, else what the environment says."""

from __future__ import annotations

from typing import cast

from openclaw_install.common.errors import UsageError
from openclaw_install.messaging.models import RouteMode
from openclaw_install.messaging.store import Store

ROUTE_VARIABLE = "IM_INGRESS_SESSION_ROUTE_MODE"
FACT = "bridge.route_mode"
_MODES: dict[str, RouteMode] = {
    "": "stable-hook-session",
    "stable-hook-session": "stable-hook-session",
    "map-active-group": "map-active-group",
}


def read_route_mode(value: str | None) -> RouteMode:
    """The route mode that the variable's value means.

    Raises:
        UsageError: it is neither of the two.
    """
    text = (value or "").strip()
    if text not in _MODES:
        raise UsageError(
            f"{ROUTE_VARIABLE} is {text!r}",
            next_step="set it to stable-hook-session or map-active-group, or leave it out",
            code="usage.route_mode",
        )
    return _MODES[text]


def tell_route_mode(store: Store, mode: RouteMode, now: float) -> None:
    """Keeps the mode that a bridge runs with for the other processes."""
    if store.facts.get(FACT) != mode:
        store.facts.set(FACT, mode, now)


def mode_in_force(store: Store, value: str | None, *, running: bool) -> RouteMode:
    """The mode by which messages are routed.

    A host starts tools with another environment than the runtime, so the runtime's word counts first.

    Args:
        value: of the variable in this process; None or blank where it is not set.
        running: whether a bridge drives the store.
    """
    told = store.facts.get(FACT)
    named = (value or "").strip()
    if told in _MODES and (running or named not in _MODES or not named):
        return cast("RouteMode", told)
    return _MODES.get(named, "stable-hook-session")

"""Which OpenClaw session a thread's messages go to, and the route mode by which that is decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Route:
    """Where a message goes.

    Attributes:
        session_key: what the hook request names.
        mode: what was asked for.
        degraded: why it is the stable key although another was asked for; None where all is as asked.
    """

    session_key: str
    mode: RouteMode
    degraded: str | None = None


def route(
    thread_id: str,
    mode: RouteMode,
    active_group: str | None,
    prefixes: Sequence[str] | None,
    bound: str | None = None,
) -> Route:
    """The route of a thread.

    Args:
        thread_id: its `c_dm_` form.
        mode: `IM_INGRESS_SESSION_ROUTE_MODE`.
        active_group: the text of ACTIVE_GROUP.md; None where there is none.
        prefixes: the session-key prefixes that the running gateway admits, folded; None where that is not
            known; an empty list means that it admits no persistent session at all.
        bound: the session key that somebody bound the thread to; it stands above ACTIVE_GROUP.md. A bound
            thread never goes to the working session of the others: where its own is not admitted, it goes
            to its stable one.
    """
    # Every command loads this module for the mode, and only the bridge asks for a route.
    from openclaw_install.host.hooks.policy import INGRESS_PREFIX
    from openclaw_install.host.hooks.text import admits
    from openclaw_install.host.workspace import active_group_key

    stable = f"{INGRESS_PREFIX}{thread_id}"
    if mode == "stable-hook-session":
        return Route(stable, mode)
    key = bound or (active_group_key(active_group) if active_group is not None else None)
    if key is None:
        return Route(stable, mode, "ACTIVE_GROUP.md names no session")
    if prefixes is None:
        return Route(stable, mode, "the gateway did not tell which session keys it admits")
    if not admits(prefixes, key):
        source = "that the thread is bound to" if bound else "of ACTIVE_GROUP.md"
        return Route(stable, mode, f"the gateway does not admit the session key {source}: {key}")
    return Route(key, mode)


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

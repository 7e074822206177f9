"""Which OpenClaw session a thread's messages go to (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openclaw_install.host.hooks.policy import INGRESS_PREFIX
from openclaw_install.host.hooks.text import admits
from openclaw_install.host.workspace import active_group_key
from openclaw_install.messaging.models import RouteMode


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

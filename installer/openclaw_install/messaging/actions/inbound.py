"""The pause of all inbound, and the ceilings of turns: a person's alone, so no tool calls these."""

from __future__ import annotations

from dataclasses import replace

from openclaw_install.messaging.app import App
from openclaw_install.messaging.inbound_guard import (
    ceilings_of,
    inbound_state,
    pause_of,
    set_ceilings,
    set_pause,
)
from openclaw_install.messaging.models.inbound import InboundState, Pause
from openclaw_install.messaging.trust.gate import TrustRefusedError, is_agent
from openclaw_install.messaging.turn_ceilings import TurnCeilings


def show_inbound(app: App) -> InboundState:
    """Whether messages become turns, and how many may."""
    return inbound_state(app.store, app.clock())


def pause_inbound(app: App, *, reason: str = "") -> InboundState:
    """Pauses all inbound; a second time keeps the first one's time.

    Messages come in, wait in order, and begin no turn until `resume_inbound`, over restarts too.

    Raises:
        TrustRefusedError: an agent asks.
    """
    _require_a_person(app)
    now, store = app.clock(), app.store
    with store.write():
        if pause_of(store) is None:
            set_pause(store, Pause(at=now, by=app.caller, reason=reason), now)
            store.events.add("inbound.paused", now, by=app.caller, reason=reason)
    return inbound_state(store, now)


def resume_inbound(app: App) -> InboundState:
    """Takes the pause back: what waits goes to the agent, in order.

    Raises:
        TrustRefusedError: an agent asks.
    """
    _require_a_person(app)
    now, store = app.clock(), app.store
    with store.write():
        if pause_of(store) is not None:
            set_pause(store, None, now)
            store.events.add("inbound.resumed", now, by=app.caller)
    return inbound_state(store, now)


def change_ceilings(app: App, *, default: bool = False, **changes: int | None) -> InboundState:
    """Sets ceilings of turns; what waits is looked at again at once.

    Args:
        default: those that ship come first.
        changes: fields of `TurnCeilings`; None leaves one as it is.

    Raises:
        TrustRefusedError: an agent asks.
    """
    _require_a_person(app)
    now, store = app.clock(), app.store
    given = {name: most for name, most in changes.items() if most is not None}
    with store.write():
        before = ceilings_of(store)
        after = replace(TurnCeilings() if default else before, **given)
        if after != before or default:
            set_ceilings(store, None if default and not given else after, now)
            store.events.add("inbound.ceilings", now, by=app.caller, **vars(after))
    return inbound_state(store, now)


def _require_a_person(app: App) -> None:
    if is_agent(app.caller):
        raise TrustRefusedError(
            "how many turns messages may begin is a person's to decide",
            next_step="ask your person; the commands are pingagent pause, resume and limits",
        )

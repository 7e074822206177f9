"""What a person set about messages that come in, as the store has it: the pause of all, and the ceilings."""

from __future__ import annotations

from dataclasses import asdict

from openclaw_install.common.problems import Problem
from openclaw_install.messaging.models.inbound import HeldContact, InboundState, Pause, TurnsBegun
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.turn_ceilings import Reached, TurnCeilings, reached

_PAUSED = "inbound.paused"
_CEILINGS = "inbound.ceilings"
RESUME = "go on: pingagent resume"
# The version of the store that `inbound_findings` takes.
INBOUND_SINCE = 13
_MOST_FINDINGS = 5
_DEFAULT = TurnCeilings()


def pause_of(store: Store) -> Pause | None:
    """The pause; None where messages go to the agent."""
    value = store.facts.get(_PAUSED)
    return Pause(**value) if value else None


def set_pause(store: Store, pause: Pause | None, now: float) -> None:
    """Pauses, or goes on; it holds until it is taken back, also over restarts."""
    store.facts.set(_PAUSED, asdict(pause) if pause else None, now)


def ceilings_of(store: Store, default: TurnCeilings = _DEFAULT) -> TurnCeilings:
    """The ceilings that a person set; `default` where nobody did."""
    value = store.facts.get(_CEILINGS)
    return TurnCeilings(**value) if value else default


def set_ceilings(store: Store, ceilings: TurnCeilings | None, now: float) -> None:
    """Sets the ceilings, or goes back to those that ship; what waits is looked at again."""
    with store.write():
        store.facts.set(_CEILINGS, asdict(ceilings) if ceilings else None, now)
        store.ingress.look_again(now)


def inbound_state(store: Store, now: float) -> InboundState:
    """How it stands now."""
    ceilings, since = ceilings_of(store), store.ingress.turns_since
    held = []
    for did, waiting in store.ingress.paced(10).items():
        if found := reached_by(store, ceilings, did, now):
            held.append(HeldContact(did=did, waiting=waiting, reason=found.reason, until=found.until))
    return InboundState(
        pause=pause_of(store),
        ceilings=ceilings,
        begun=TurnsBegun(minute=since(now - 60), hour=since(now - 3600), day=since(now - 86_400)),
        waiting=store.ingress.open_count(),
        held=tuple(held),
    )


def reached_by(store: Store, ceilings: TurnCeilings, peer: str, now: float) -> Reached | None:
    """The ceiling that holds the next turn of a contact back; None where it may begin."""
    begun = store.ingress.turn_begun
    oldest = {one: begun(one.most, now, peer if one.scope == "contact" else None) for one in ceilings.each()}
    return reached(oldest, now)


def inbound_findings(store: Store, now: float) -> list[Problem]:
    """What a person should know: that all is paused, and who waits for a ceiling, until when."""
    state = inbound_state(store, now)
    found = []
    if state.pause:
        text = f"{state.pause.words}; {state.waiting} wait"
        found.append(Problem("inbound.paused", text, RESUME, severity="warn", path=str(store.path)))
    for one in state.held[:_MOST_FINDINGS]:
        text = f"{one.waiting} message(s) of {one.did} wait: {one.reason}"
        step = f"nothing has to be done; see pingagent limits, or pingagent contacts block {one.did}"
        found.append(Problem("inbound.ceiling", text, step, severity="warn", path=one.did))
    return found

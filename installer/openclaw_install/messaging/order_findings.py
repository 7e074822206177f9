"""What the chains tell the doctor: messages that did not come in, on either end, and two for one place."""

from __future__ import annotations

from openclaw_install.common.problems import Problem
from openclaw_install.messaging.bridge.chain_judge import words
from openclaw_install.messaging.store import Store

_ASK = "ask that agent by another way what is missing; where it happens again, use another relay"
_FORKED = "ask that agent by another way which it meant; its store may be an older copy, or its key be stolen"


def order_findings(store: Store) -> list[Problem]:
    """Gaps and forks, newest first."""
    found: list[Problem] = []
    for one in store.chains.with_gaps():
        told = f"number {words(one.missing)} of its messages did not come in"
        found.append(Problem("chain.gap", told, _ASK, severity="warn", path=one.peer))
    for peer, missing in store.sent.with_gaps():
        told = f"it lacks number {words(missing)} of our messages"
        found.append(Problem("chain.missing_there", told, _ASK, severity="warn", path=peer))
    for _, peer, counter, message_id in store.chains.forks():
        told = f"it signed two messages with number {counter}: {message_id}"
        found.append(Problem("chain.fork", told, _FORKED, severity="warn", path=peer))
    return found

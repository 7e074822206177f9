"""What the chains tell the doctor: messages that did not come in, on either end, and two for one place."""

from __future__ import annotations

from openclaw_install.common.findings import Finding
from openclaw_install.messaging.bridge.chain_judge import words
from openclaw_install.messaging.store import Store

_ASK = "ask that agent by another way what is missing; where it happens again, use another relay"
_FORKED = "ask that agent by another way which it meant; its store may be an older copy, or its key be stolen"


def order_findings(store: Store) -> list[Finding]:
    """Gaps and forks, newest first."""
    found: list[Finding] = []
    for one in store.chains.with_gaps():
        told = f"number {words(one.missing)} of its messages did not come in"
        found.append(Finding("chain.gap", "warn", one.peer, told, _ASK))
    for peer, missing in store.sent.with_gaps():
        told = f"it lacks number {words(missing)} of our messages"
        found.append(Finding("chain.missing_there", "warn", peer, told, _ASK))
    for _, peer, counter, message_id in store.chains.forks():
        told = f"it signed two messages with number {counter}: {message_id}"
        found.append(Finding("chain.fork", "warn", peer, told, _FORKED))
    return found

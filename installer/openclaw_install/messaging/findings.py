"""What a person should know of contacts and of missing messages, for the doctor and the activation report."""

from __future__ import annotations

from openclaw_install.common.problems import Problem
from openclaw_install.messaging.bridge.chain_rules import words
from openclaw_install.messaging.knocks import FORGOTTEN, GATE_FULL
from openclaw_install.messaging.store import Store

# The version of the store that `contact_findings` takes.
CONTACTS_SINCE = 10
_ASK = "ask that agent by another way what is missing; where it happens again, use another relay"
_FORKED = "ask that agent by another way which it meant; its store may be an older copy, or its key be stolen"


def contact_findings(store: Store) -> list[Problem]:
    """What is worth a person's look, of a store of the newest version."""
    place, found = str(store.path), list[Problem]()
    if number := store.contacts.let_in_by_agents():
        message = f"{number} contact(s) were let in by an agent's first word, as up to 0.2.0"
        step = "see pingagent contacts list --state approved, then approve or block each of them"
        found.append(Problem("contact.let_in_by_agent", message, step, severity="warn", path=place))
    if store.facts.get(GATE_FULL):
        waiting, forgotten = store.contacts.waiting_in_all(), store.facts.get(FORGOTTEN) or 0
        rest = f"; {forgotten} more that knocked are not listed any more" if forgotten else ""
        message = f"{waiting} messages of strangers wait for a decision, further ones at the relay{rest}"
        step = "see pingagent contacts list --state pending, and block who floods, which makes room"
        found.append(Problem("contact.gate_full", message, step, severity="warn", path=place))
    return found


def order_findings(store: Store) -> list[Problem]:
    """Messages that did not come in, on either end, and two that were signed for one place; newest first."""
    found = [
        ("chain.gap", one.peer, f"number {words(one.missing)} of its messages did not come in", _ASK)
        for one in store.chains.with_gaps()
    ]
    found += [
        ("chain.missing_there", peer, f"it lacks number {words(missing)} of our messages", _ASK)
        for peer, missing in store.sent.with_gaps()
    ]
    for one in store.chains.forks():
        text = f"it signed two messages with number {one.counter}: {one.message_id}"
        found.append(("chain.fork", one.peer, text, _FORKED))
    return [Problem(code, text, step, severity="warn", path=peer) for code, peer, text, step in found]

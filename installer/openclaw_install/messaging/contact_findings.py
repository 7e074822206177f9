"""What a person should know of the contacts, for the doctor and the activation report."""

from __future__ import annotations

from openclaw_install.common.problems import Problem
from openclaw_install.messaging.knocks import FORGOTTEN, GATE_FULL
from openclaw_install.messaging.store import Store

# The version of the store that it takes.
CONTACTS_SINCE = 10


def contact_findings(store: Store) -> list[Problem]:
    """What is worth a person's look, of a store of the newest version."""
    found: list[Problem] = []
    if number := store.contacts.let_in_by_agents():
        found.append(
            Problem(
                "contact.let_in_by_agent",
                f"{number} contact(s) were let in by an agent's first word, as up to 0.2.0",
                "see pingagent contacts list --state approved, then approve or block each of them",
                severity="warn",
                path=str(store.path),
            )
        )
    if store.facts.get(GATE_FULL):
        waiting, forgotten = store.contacts.waiting_in_all(), store.facts.get(FORGOTTEN) or 0
        rest = f"; {forgotten} more that knocked are not listed any more" if forgotten else ""
        found.append(
            Problem(
                "contact.gate_full",
                f"{waiting} messages of strangers wait for a decision, further ones at the relay{rest}",
                "see pingagent contacts list --state pending, and block who floods, which makes room",
                severity="warn",
                path=str(store.path),
            )
        )
    return found

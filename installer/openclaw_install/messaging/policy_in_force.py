"""The trust policy that a app works under, and whom an agent may therefore not write to first."""

from __future__ import annotations

from openclaw_install.messaging.app import App
from openclaw_install.messaging.outgoing import ContactError
from openclaw_install.messaging.trust.gate import contact_action
from openclaw_install.messaging.trust.guard import is_agent
from openclaw_install.messaging.trust.policy_file import PolicyState, TrustBook

_TURNED_AWAY = frozenset({"block", "reject"})


def book_of(app: App) -> TrustBook:
    """The policy file that the app works with."""
    return app.trust or TrustBook(app.store.path.with_name("trust-policy.json"), app.store)


def policy_state(app: App) -> PolicyState:
    """The policy in force."""
    return book_of(app).current(app.clock())


def require_may_begin(app: App, did: str, alias: str | None) -> None:
    """Refuses an agent the first message to somebody whom the contact policy turns away.

    Writing first lets the answers in, so it would undo the policy. A person may: that is a decision.

    Args:
        alias: folded; None where the recipient was named otherwise.

    Raises:
        ContactError: so it is.
    """
    if not is_agent(app.caller) or app.store.contacts.get(did) is not None:
        return
    action = contact_action(policy_state(app).policy, did, alias)
    if action in _TURNED_AWAY:
        raise ContactError(
            f"the trust policy says {action} of {did}, and writing first would let its answers in",
            next_step=f"a person decides that: pingagent contacts approve {did}",
            code="contact.turned_away",
        )

"""The contact gate: what happens to a message, by what was decided about its sender. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from openclaw_install.messaging.models import Contact, ContactState
from openclaw_install.messaging.trust.policy import ContactAction

Verdict = Literal[
    "pass",  # goes on to the agent
    "wait",  # is kept until somebody decides; reaches no agent
    "refuse",  # its sender was blocked or rejected
    "defer",  # too many wait already: it stays at the relay
]
Action = Literal["approve", "reject", "block", "undo"]
UNDECIDED: frozenset[ContactState] = frozenset({"pending", "awaiting_reply"})
AFTER: dict[str, ContactState] = {
    "approve": "approved",
    "reject": "rejected",
    "block": "blocked",
    "undo": "pending",
}
"""The state that each decision leads to: `undo` makes a contact undecided again, whatever it was."""


@dataclass(frozen=True)
class GateLimits:
    """How much of undecided contacts is kept here.

    Attributes:
        per_contact: messages that may wait for one contact's decision.
        in_all: messages that may wait for decisions in all.
        first_words: so many more, where they are the only one of their sender: who floods does not take the
            place of a newcomer's first word.
        knocks: contacts that are known without any message.
    """

    per_contact: int = 50
    in_all: int = 500
    first_words: int = 100
    knocks: int = 10_000


class FirstContacts(Protocol):
    """What decides about senders that no person has decided about.

    It is asked on the store's thread, so it answers by what it learned when it was last refreshed.
    """

    async def refresh(self) -> object:
        """Learns what is in force now; called before each batch."""

    def first_contact(self, did: str, alias: str | None) -> ContactAction:
        """What is to be done about an agent that wrote for the first time."""

    def settled(self, contact: Contact, now: float) -> Contact:
        """A contact after the policy had its say."""


def judge(contact: Contact | None, waiting_in_all: int, limits: GateLimits) -> Verdict:
    """What to do with a verified message.

    Args:
        contact: its sender as the store knows it; None for a first contact.
        waiting_in_all: messages that wait for decisions, of all contacts.
    """
    state = contact.state if contact else "pending"
    if state == "approved":
        return "pass"
    if state in {"rejected", "blocked"}:
        return "refuse"
    waiting = contact.waiting if contact else 0
    first, more = rooms(waiting_in_all, limits)
    room = more if waiting else first
    return "wait" if room and waiting < limits.per_contact else "defer"


def rooms(waiting_in_all: int, limits: GateLimits) -> tuple[int, int]:
    """How many messages there is room for: of senders that have none here, and of the others."""
    return (
        max(0, limits.in_all + limits.first_words - waiting_in_all),
        max(0, limits.in_all - waiting_in_all),
    )


def may_write_to(contact: Contact | None) -> bool:
    """Whether we may send to an agent: to one that we began with, or begin with now, or have approved."""
    return contact is None or contact.state in {"approved", "awaiting_reply"}


def hears_receipts_of(contact: Contact | None) -> bool:
    """Whether an agent that waits for a decision may say that our message came: to it we wrote first."""
    return contact is not None and contact.origin == "outbound" and contact.state in UNDECIDED

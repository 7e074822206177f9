"""What the store keeps about trust, as frozen records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from openclaw_install.messaging.models import ContactState
from openclaw_install.messaging.trust.match import Subject
from openclaw_install.messaging.trust.policy import Action, Section
from openclaw_install.messaging.untrusted import Untrusted

DecisionKind = Literal[
    "set_default",
    "set_rule",
    "remove_rule",
    "restore",  # the last good policy was put back
    "applied_by_policy",  # the gate did what the policy says of a contact
    "contact",  # somebody decided about a contact
    "recommendation_applied",
    "recommendation_dismissed",
    "recommendation_reopened",
]
RecommendationState = Literal["open", "applied", "dismissed", "superseded"]
RecommendationKind = Literal["block_flood", "block_persistent", "task_execute", "task_caution"]


@dataclass(frozen=True)
class _Decided:
    """What a decision about trust was.

    Attributes:
        by: who: `cli:alice`, `mcp:<session>`, `policy`.
        before, after: the action or contact state; None where there was, or is, none.
        policy_before, policy_after: versions; equal where the policy was not changed.
    """

    at: float
    by: str
    kind: DecisionKind
    policy_before: str
    policy_after: str
    section: Section | None = None
    match: str | None = None
    before: str | None = None
    after: str | None = None
    did: str | None = None
    thread_id: str | None = None


@dataclass(frozen=True)
class NewDecision(_Decided):
    """A decision to be recorded; `detail` says it in words, such as the reason that was given."""

    detail: str = ""


@dataclass(frozen=True)
class TrustDecision(_Decided):
    """A recorded decision; `id` counts up, and `detail` can quote whom it is about."""

    detail: Untrusted[str] = field(default_factory=lambda: Untrusted("", "ours"))
    id: int = 0


@dataclass(frozen=True)
class Recommendation:
    """What a thread's history recommends.

    Attributes:
        id: 0 while it is only proposed and not in the store.
        kind: which rule recommends it.
        weight: how much evidence there was; a dismissed one comes back only with twice as much.
        changed_by: who brought it into its state; `history` where nobody did.
        policy_version: the policy in force then.
    """

    id: int
    thread_id: str
    did: str
    kind: RecommendationKind
    section: Section
    action: Action
    state: RecommendationState
    why: str
    weight: int
    opened_at: float
    changed_at: float
    changed_by: str
    policy_version: str


@dataclass(frozen=True)
class ThreadHistory:
    """What a thread's newest messages and its contact say, for the rules that recommend.

    Attributes:
        state: what was decided about the contact; `decided` whether anybody did.
        exchanges: times that we answered, and the answer was committed.
        tasks: tasks that came in.
        parked: messages of it that were given up in the last 30 days.
        last_hour: messages that came in within the last hour.
        unanswered: messages that came in since our newest one.
        waiting: messages that wait for a decision about it.
        refused: messages that were refused because it is rejected.
        known_days: whole days since its first message.
    """

    thread_id: str
    subject: Subject
    state: ContactState
    decided: bool
    exchanges: int
    tasks: int
    parked: int
    last_hour: int
    unanswered: int
    waiting: int
    refused: int
    known_days: int


@dataclass(frozen=True)
class PastEvent:
    """Something that the policy decided, or would have been asked about.

    Attributes:
        section: `contact`: a first contact; `task`: a task that came in.
        outcome: what became of it: the contact's state, or how far the message has got.
        decided_by: who decided about the contact; None where nobody did.
    """

    at: float
    section: Section
    subject: Subject
    thread_id: str | None
    message_id: str | None
    outcome: str
    decided_by: str | None

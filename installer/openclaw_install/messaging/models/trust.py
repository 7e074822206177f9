"""Trust, as the store keeps it and as tools and commands answer it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from openclaw_install.common.jsonable import Timestamp
from openclaw_install.common.problems import Problem
from openclaw_install.messaging.models import ContactState
from openclaw_install.messaging.models.contacts import Peer
from openclaw_install.messaging.trust.match import Subject
from openclaw_install.messaging.trust.policy import Action, Matched, PolicySource, Section, Verdict
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
        section: the part of the policy that it is about; None where it is about all of it.
        before, after: the action or contact state; None where there was, or is, none.
        policy_before, policy_after: versions; equal where the policy was not changed.
    """

    at: Timestamp
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
class ShownDecision(_Decided):
    """A recorded decision as its reader may see it.

    Attributes:
        detail: in words, such as the reason that was given; None where that is not for the reader.
        id: counts up.
    """

    detail: str | None = None
    id: int = 0


@dataclass(frozen=True)
class Recommendation:
    """What a thread's history recommends.

    Attributes:
        id: 0 while it is only proposed, and nobody has done anything with it.
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
    opened_at: Timestamp
    changed_at: Timestamp
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


@dataclass(frozen=True, kw_only=True)
class PolicyInForce:
    """Which policy an answer was given under.

    Attributes:
        version: names what the policy decides: equal for two files only if they decide alike.
        source: `file`; `defaults` where there is none; `last_good` where the file cannot be used, and the
            policy before is in force; `closed` where there is none before either.
        problem: what is wrong with the file; None where nothing is.
    """

    version: str
    source: PolicySource
    problem: Problem | None


@dataclass(frozen=True, kw_only=True)
class TrustStatus:
    """How the other side of a thread is trusted.

    Attributes:
        trust: what was decided about it; `pending` where nothing was.
        waiting: messages of it that wait for a decision.
        contact, task: what the policy says of it. A decision about the contact stands above the first.
        recommendation: what its history recommends; None where nothing is open.
        reopenable: the recommendation that was dismissed or superseded last.
        decisions: the newest about it, newest first.
        warnings: what a person should look at in the policy.
    """

    policy: PolicyInForce
    thread_id: str
    peer: Peer
    trust: ContactState
    decided_by: str | None
    waiting: int
    contact: Verdict
    task: Verdict
    recommendation: Recommendation | None
    reopenable: Recommendation | None
    decisions: tuple[ShownDecision, ...]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True)
class NumberedRule(Matched):
    """One rule of the policy; `position` counts from 1, and `note` is the operator's own."""

    note: str


@dataclass(frozen=True)
class RulesPage:
    """One section of the policy, with at most 100 of its rules.

    Attributes:
        default_action: what is done where no rule matches.
        rules: in order; the first that matches decides.
        total: how many rules there are.
        next_rule: where to go on; None at the end.
    """

    default_action: Action
    rules: tuple[NumberedRule, ...]
    total: int
    next_rule: int | None


@dataclass(frozen=True, kw_only=True)
class TrustPolicy:
    """The policy in force.

    Attributes:
        path: its file.
        warnings: what a person should look at.
        decisions: the newest about trust, newest first.
    """

    policy: PolicyInForce
    path: str
    contact_policy: RulesPage
    task_policy: RulesPage
    warnings: tuple[Problem, ...]
    decisions: tuple[ShownDecision, ...]


@dataclass(frozen=True)
class ShownSubject:
    """An agent as the policy sees it; the alias only where the reader may see it."""

    did: str | None
    alias: str | None


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What the policy says of an agent.

    Attributes:
        supposed: whether the agent, or a change of the policy, is only supposed.
        trust: what was decided about the contact, which stands above the policy; None where it is not known.
        contact, task: what the policy says of it.
        changed_contact, changed_task: what the changed policy would say; None where no change was supposed.
    """

    policy: PolicyInForce
    subject: ShownSubject
    supposed: bool
    trust: ContactState | None
    contact: Verdict
    task: Verdict
    changed_contact: Verdict | None
    changed_task: Verdict | None


@dataclass(frozen=True, kw_only=True)
class PolicyChange:
    """A change of the policy.

    Attributes:
        section: the part that was changed.
        match: whom the rule is about; None for the default.
        before, after: the action of the default or rule; None where there was, or is, none.
        position: of the rule, from 1; None for a default.
        changed: False where it said so already.
        saved: False where it was only tried.
        settled: contacts that waited undecided and that the new policy decided.
    """

    policy: PolicyInForce
    section: Section
    match: str | None
    before: Action | None
    after: Action | None
    position: int | None
    changed: bool
    saved: bool
    settled: int
    version_before: str


@dataclass(frozen=True, kw_only=True)
class RecommendationChange:
    """What was done with a recommendation, and what that changed.

    Attributes:
        policy_change: None where the policy was not changed.
        trust: what is decided about the contact now; None where it was not about the contact.
        ask_your_person: the command that a person has to run, where it is a person's to decide; then
            nothing was done.
    """

    recommendation: Recommendation
    policy_change: PolicyChange | None = None
    trust: ContactState | None = None
    ask_your_person: str | None = None

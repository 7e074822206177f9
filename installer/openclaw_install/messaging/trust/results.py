"""What the functions about trust return: frozen, plain, ready for a renderer."""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_install.messaging.models import Contact
from openclaw_install.messaging.trust.edits import Edit
from openclaw_install.messaging.trust.match import Subject
from openclaw_install.messaging.trust.policy import Action, Section, Verdict
from openclaw_install.messaging.trust.policy_file import PolicyState
from openclaw_install.messaging.trust.records import Recommendation, TrustDecision
from openclaw_install.messaging.trust.replay import Replay


@dataclass(frozen=True)
class TrustStatus:
    """How the other side of a thread is trusted.

    Attributes:
        contact: None where nothing is known of it.
        verdicts: what the policy says of it, for contacts and for tasks. A person's decision about the
            contact stands above the first.
        recommendation: what its history recommends; None where nothing is open.
        reopenable: what was dismissed or superseded last.
        decisions: the newest about it, newest first.
    """

    thread_id: str
    did: str
    contact: Contact | None
    policy: PolicyState
    verdicts: tuple[Verdict, Verdict]
    recommendation: Recommendation | None
    reopenable: Recommendation | None
    decisions: tuple[TrustDecision, ...]


@dataclass(frozen=True)
class PolicyView:
    """The policy in force, and the newest decisions about trust, newest first."""

    state: PolicyState
    decisions: tuple[TrustDecision, ...]


@dataclass(frozen=True)
class Explanation:
    """What the policy says of an agent.

    Attributes:
        contact: as it is known here; its state, once decided, stands above the policy.
        supposed: whether the agent, or a change of the policy, is only supposed.
        otherwise: what the changed policy would say, where changes were supposed.
    """

    subject: Subject
    contact: Contact | None
    state: PolicyState
    verdicts: tuple[Verdict, Verdict]
    supposed: bool
    otherwise: tuple[Verdict, Verdict] | None = None


@dataclass(frozen=True)
class PolicyChange:
    """A change of the policy.

    Attributes:
        changed: False where it said so already.
        before, after: the action of the default or rule; None where there was, or is, none.
        position: of the rule, from 1; None for a default.
        settled: contacts that waited undecided and that the new policy decided.
        saved: False where it was only tried.
    """

    section: Section
    match: str | None
    before: Action | None
    after: Action | None
    position: int | None
    changed: bool
    settled: int
    saved: bool
    version_before: str
    state: PolicyState


@dataclass(frozen=True)
class RecommendationChange:
    """What was done with a recommendation.

    Attributes:
        policy: the change of the policy that it led to; None where there was none.
        contact: the contact, where it led to a decision about it.
        ask: what a person has to run, where it is a person's to decide; then nothing was done.
    """

    recommendation: Recommendation
    policy: PolicyChange | None
    contact: Contact | None
    ask: str | None = None


@dataclass(frozen=True)
class ReplayReport:
    """A replay with what it was run on.

    Attributes:
        since: seconds since the epoch.
        cut: whether older events than these were left out because there are too many.
    """

    replay: Replay
    since: float
    cut: bool
    edits: tuple[Edit, ...]
    version_before: str
    version_after: str
    state: PolicyState

"""What a proposed trust policy would have decided otherwise, as it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openclaw_install.common.jsonable import Timestamp
from openclaw_install.messaging.models.trust import PolicyInForce, ShownSubject
from openclaw_install.messaging.trust.policy import Action, Section


@dataclass(frozen=True, kw_only=True)
class ReplayedDecision:
    """One decision that the proposed policy would have made otherwise.

    Attributes:
        section: `contact`: a first contact; `task`: a task that came in.
        message_id: of the task; None for a first contact.
        was: what became of it: the contact's state, or how far the message has got.
        before, after: the action under the policy in force, and under the proposed one.
        direction: whether the agent would have got more, or less.
        against: the person who decided otherwise about that contact; None where nobody did.
        why: of `after`, in one sentence.
    """

    at: Timestamp
    section: Section
    subject: ShownSubject
    thread_id: str | None
    message_id: str | None
    was: str
    before: Action
    after: Action
    direction: Literal["wider", "narrower"]
    against: str | None
    why: str


@dataclass(frozen=True, kw_only=True)
class TrustReplay:
    """What a proposed policy would have decided otherwise.

    Attributes:
        proposed: the changes of the policy, in the words of `--with`.
        version_proposed: of the policy with these changes.
        decisions: how many first contacts and tasks were decided again.
        older_left_out: whether there are more of them than that.
        changed_total: how many would have been decided otherwise.
        wider, narrower, against_a_person: how many of these, each.
        agents: how many agents the changes are about.
        changed: oldest first; of more than 200 the newest.
    """

    policy: PolicyInForce
    since: Timestamp
    proposed: tuple[str, ...]
    version_proposed: str
    decisions: int
    older_left_out: bool
    changed_total: int
    wider: int
    narrower: int
    against_a_person: int
    agents: int
    changed: tuple[ReplayedDecision, ...]

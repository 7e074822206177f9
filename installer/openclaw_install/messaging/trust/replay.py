"""What another policy would have decided of the recorded history. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from openclaw_install.common.shown_text import quoted
from openclaw_install.messaging.models.trust import PastEvent
from openclaw_install.messaging.trust.match import Subject, TrustPolicyError
from openclaw_install.messaging.trust.policy import Policy, Section, Verdict, action_for, evaluate, rank

_SPANS = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_LONGEST = 3660 * 86_400
_SAME_AS_PERSON = {"approve": "approved", "reject": "rejected", "block": "blocked"}


@dataclass(frozen=True)
class ChangedDecision:
    """One event that the other policy decides differently.

    Attributes:
        direction: whether the agent would have got more, or less.
        against: the person who decided otherwise about that contact; None where nobody did.
    """

    event: PastEvent
    before: Verdict
    after: Verdict
    direction: Literal["wider", "narrower"]
    against: str | None


def replay(old: Policy, new: Policy, history: Iterable[PastEvent]) -> tuple[ChangedDecision, ...]:
    """Runs two policies over recorded events, and tells where they differ.

    Args:
        old: in force now.
        new: as proposed.
        history: oldest first.

    Returns:
        The decisions that differ, oldest first.
    """
    judged: dict[tuple[Section, Subject], tuple[Verdict, Verdict] | None] = {}
    changed: list[ChangedDecision] = []
    for event in history:
        key = (event.section, event.subject)
        if key not in judged:
            differs = action_for(old, *key) != action_for(new, *key)
            # The sentences cost more than the decision, and few decisions differ.
            judged[key] = (evaluate(old, *key), evaluate(new, *key)) if differs else None
        if found := judged[key]:
            changed.append(_changed(event, *found))
    return tuple(changed)


def _changed(event: PastEvent, before: Verdict, after: Verdict) -> ChangedDecision:
    wider = rank(event.section, after.action) > rank(event.section, before.action)
    person = event.decided_by if event.section == "contact" else None
    # What the policy itself decided is nobody's word.
    if person is not None and (person.startswith("policy:") or event.outcome == "pending"):
        person = None
    agrees = _SAME_AS_PERSON.get(after.action) == event.outcome
    return ChangedDecision(event, before, after, "wider" if wider else "narrower", None if agrees else person)


def read_span(text: str) -> float:
    """Seconds of `90m`, `12h`, `30d` or `4w`.

    Raises:
        TrustPolicyError: it is none of these, or more than ten years.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,5})([mhdw])", text)
    seconds = int(found[1]) * _SPANS[found[2]] if found else 0.0
    if not 0 < seconds <= _LONGEST:
        raise TrustPolicyError(
            f"{quoted(text, 20)} is no span of time",
            next_step="write a number and m, h, d or w, such as 30d",
            code="trust.span",
        )
    return seconds

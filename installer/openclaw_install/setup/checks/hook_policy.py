"""The hook policy on disk, by the rules of `host/hooks`. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from openclaw_install.common.problems import Problem
from openclaw_install.host.hooks.findings import FIX, findings
from openclaw_install.setup.facts import Facts
from openclaw_install.setup.survey import Survey

IDS = ("hooks",)
CURE = FIX


def look(facts: Facts) -> Iterable[Problem]:
    """`hooks.*` (docs/hook-rules.md)."""
    return policy_problems(facts.survey) if facts.survey else ()


def policy_problems(survey: Survey) -> tuple[Problem, ...]:
    """What the rules say of the policy on disk."""
    return findings(survey.document.data, survey.needs, survey.facts, survey.policy)

"""The hook policy on disk, by the rules of `host/hooks`. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from openclaw_install.common.problems import Problem
from openclaw_install.host.hooks.findings import FIX
from openclaw_install.setup.facts import Facts

IDS = ("hooks",)
CURE = FIX


def look(facts: Facts) -> Iterable[Problem]:
    """`hooks.*` (docs/hook-rules.md)."""
    return (_with_live(one, facts) for one in facts.survey.hook_problems) if facts.survey else ()


def _with_live(problem: Problem, facts: Facts) -> Problem:
    """The problem; where the token's variable has no value here, with what the running gateway told.

    It was asked with the bare reference as the token: where it refuses that, it has a value of its own.
    """
    if problem.code != "hooks.token_unresolved" or facts.survey is None or facts.live is None:
        return problem
    place = facts.survey.location.state_dir / ".env"
    if facts.live.state == "token_rejected":
        message = (
            "the variable of the hook token has no value here, and the running gateway refuses the bare"
            " reference, so it has one"
        )
        step = f"run this command with the gateway's value of the variable, or put it into {place}"
        return replace(problem, message=message, next_step=step)
    if facts.live.state in ("enforced", "agent_rule"):
        message = (
            "the variable of the hook token has no value, and the running gateway takes the text of the"
            " reference for the token: whoever guesses the name of the variable may call the hooks"
        )
        step = f"put it with a secret of its own into {place}, then end the gateway and start it again"
        return replace(problem, message=message, next_step=step)
    return problem

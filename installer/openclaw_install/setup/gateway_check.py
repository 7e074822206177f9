"""Asks the running gateway on behalf of a survey, and watches it take a change over."""

from __future__ import annotations

from dataclasses import replace

from openclaw_install.host.gateway.probe import Asker, LivePolicy, wait_for_policy
from openclaw_install.host.hooks.policy import ingress_agent
from openclaw_install.setup.checks.gateway_answer import answer_problems
from openclaw_install.setup.context import Options
from openclaw_install.setup.survey import Survey


def ask_settled(survey: Survey, ask: Asker, patience: float) -> LivePolicy:
    """Asks the gateway, and gives one that is still starting `patience` seconds to take hooks."""
    return wait_for_policy(
        lambda: ask_running(survey, ask),
        lambda live: live.state != "starting",
        patient=False,
        timeout=patience,
    )[0]


def ask_running(survey: Survey, ask: Asker) -> LivePolicy:
    """Asks the gateway of this host; where no agent is the default one, on behalf of the first that may.

    Where the file keeps an agent out, a second question on that agent's behalf shows whether the gateway does
    so: the agent rule is checked before the session key, so this starts no more than the first.
    """
    policy = survey.policy
    agent = None
    if policy.default_agent is None:
        agent = ingress_agent(policy, survey.needs) or (policy.allowed_agent_ids or policy.agents)[0]
    live = ask(survey.address, survey.token, agent_id=agent)
    allowed = policy.allowed_agent_ids
    outsider = next((name for name in policy.agents if allowed is not None and name not in allowed), None)
    if live.state == "enforced" and outsider is not None:
        answer = ask(survey.address, survey.token, agent_id=outsider)
        return replace(live, outsider=outsider if answer.state == "enforced" else None)
    return live


def is_as_wanted(survey: Survey, live: LivePolicy) -> bool:
    """Whether the running gateway enforces what the file says and the ingress needs."""
    return live.state == "enforced" and not answer_problems(live, survey.policy, survey.needs)


def watch_take_over(
    before: tuple[Survey, LivePolicy], after: Survey, ask: Asker, options: Options
) -> tuple[LivePolicy, bool | None]:
    """Waits until the running gateway enforces what the file now says.

    Where it seemed to do so before the file was changed, the change is one that no question can see.

    Args:
        before: the host before the change, and what its gateway answered then.
        after: the host after the change.
        ask: asks the gateway.
        options: how long to wait: `take_over_seconds` for a change that can be seen, `settle_seconds` for
            anything that speaks against one that cannot; many times what a reload takes.

    Returns:
        The last answer, and whether the gateway took the change over; None where that cannot be told.
    """
    first: list[bool] = []

    def ask_and_note() -> LivePolicy:
        live = ask_running(after, ask)
        first.append(is_as_wanted(after, live))
        return live

    def wait() -> tuple[LivePolicy, bool]:
        return wait_for_policy(
            ask_and_note,
            lambda live: is_as_wanted(after, live),
            patient=before[1].reachable,
            timeout=options.take_over_seconds,
        )

    answer, taken = wait()
    if taken and first[0] and _seemed_so(before, after):
        _, turned = wait_for_policy(
            ask_and_note, lambda live: not is_as_wanted(after, live), timeout=options.settle_seconds
        )
        if not turned:
            return answer, None
        answer, taken = wait()
    return answer, taken if answer.reachable else None


def _seemed_so(before: tuple[Survey, LivePolicy], after: Survey) -> bool:
    survey, live = before
    return survey.token == after.token and survey.address == after.address and is_as_wanted(after, live)

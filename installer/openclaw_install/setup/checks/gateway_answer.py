"""The running gateway: whether it answers, and whether it enforces what the file says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from openclaw_install.common.problems import Problem
from openclaw_install.host.gateway.probe import LivePolicy
from openclaw_install.host.gateway.settings import RESTART, START
from openclaw_install.host.hooks.policy import HookPolicy, IngressNeeds
from openclaw_install.host.hooks.text import admits
from openclaw_install.setup.facts import PROGRAM, Facts
from openclaw_install.setup.survey import Survey

IDS = ("gateway",)
CURE = RESTART


def look(facts: Facts) -> Iterable[Problem]:
    """Where it was asked, what its answer means."""
    if facts.survey is None or facts.live is None:
        return ()
    if facts.live.state == "token_rejected" and facts.survey.lacks_token:
        return ()  # hooks.token_unresolved tells it: nobody can compare what is not known here
    return _other_port(facts.survey, facts.live) or answer_problems(
        facts.live, facts.survey.policy, facts.survey.needs
    )


def _other_port(survey: Survey, live: LivePolicy) -> tuple[Problem, ...]:
    """`gateway.other_port`: it keeps the port of its start through restarts, whatever the file says."""
    gateway = survey.gateway
    if live.reachable or gateway is None or gateway.port in (None, live.port):
        return ()
    message = (
        f"the gateway (pid {gateway.pid}) still serves port {gateway.port}, and the file says {live.port}"
    )
    step = f"end it and start it again: kill {gateway.pid}; {START}"
    return (_critical("gateway.other_port", live.port, message, step),)


def answer_problems(live: LivePolicy, disk: HookPolicy, needs: IngressNeeds) -> tuple[Problem, ...]:
    """What the running gateway's answer means for the ingress.

    Args:
        live: its answer.
        disk: the policy on disk, which the running one should equal.
        needs: what the ingress wants.
    """
    if live.state == "enforced":
        return _enforced(live, disk, needs)
    if live.state == "no_token" or (live.state == "hooks_off" and not disk.enabled):
        return ()  # what the file lacks is a finding of its own
    code, message, next_step = _ANSWERS[live.state]
    return (_critical(code, live.port, message.format(port=live.port, detail=live.detail), next_step),)


_ANSWERS: Mapping[str, tuple[str, str, str]] = {
    "unreachable": (
        "gateway.unreachable",
        "no gateway listens on 127.0.0.1:{port}",
        START,
    ),
    "timeout": (
        "gateway.timeout",
        "something listens on 127.0.0.1:{port} and does not answer ({detail})",
        CURE,
    ),
    "not_openclaw": (
        "gateway.not_openclaw",
        "port {port} answers, but not as an OpenClaw gateway does ({detail})",
        "openclaw gateway status --deep",
    ),
    "token_rejected": (
        "gateway.token_differs",
        "the running gateway refuses the hook token that is on disk",
        CURE,
    ),
    "token_unsendable": (
        "gateway.token_unsendable",
        "the hook token has characters that no HTTP header can carry, so nobody can use it",
        "replace hooks.token by 32 or more characters of printable ASCII",
    ),
    "hooks_off": (
        "gateway.hooks_off",
        "the running gateway has no hook ingress under the path that is on disk",
        CURE,
    ),
    "starting": (
        "gateway.starting",
        "the gateway on port {port} is starting or going down, and takes no hooks yet",
        f"{PROGRAM} verify-runtime",
    ),
    "throttled": (
        "gateway.throttled",
        "the running gateway refuses hook requests for a minute: too many bad tokens came lately",
        f"sleep 60; {PROGRAM} verify-runtime",
    ),
    "agent_rule": (
        "gateway.agent_rule",
        "the running gateway refuses the ingress for its agent rule: {detail}",
        CURE,
    ),
}


def _enforced(live: LivePolicy, disk: HookPolicy, needs: IngressNeeds) -> tuple[Problem, ...]:
    # What the file lacks as well is a finding about the file: the running gateway only follows it.
    found = []
    if needs.required and not live.allow_request_session_key and disk.allow_request_session_key:
        message = "the running gateway lets no caller choose the session key"
        found.append(_critical("gateway.request_keys_off", live.port, message, CURE))
    listed = disk.prefixes is not None and live.allowed_session_key_prefixes is not None
    refused = [
        key
        for key in needs.prefixes
        if not admits(live.allowed_session_key_prefixes or (), key) and disk.admits(key)
    ]
    if needs.required and listed and refused:
        message = f"the running gateway does not admit session keys that begin with {', '.join(refused)}"
        found.append(_critical("gateway.prefix_missing", live.port, message, CURE))
    if live.outsider is not None:
        message = (
            f"the running gateway lets hooks reach the agent {live.outsider!r}, which the file keeps out"
        )
        found.append(_critical("gateway.agents_differ", live.port, message, CURE))
    if (
        live.allowed_session_key_prefixes is not None
        and set(live.allowed_session_key_prefixes) != set(disk.prefixes or ())
        and not found
    ):
        message = "the running gateway enforces other session-key prefixes than the file says"
        place = f"127.0.0.1:{live.port}"
        found.append(Problem("gateway.prefixes_differ", message, CURE, severity="warn", path=place))
    return tuple(found)


def _critical(code: str, port: int, message: str, next_step: str) -> Problem:
    return Problem(code, message, next_step, path=f"127.0.0.1:{port}")

"""What keeps the ingress from working although the gateway runs: each finding here blocks the activation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from openclaw_install.common.problems import Problem
from openclaw_install.host.hooks.audit import FIX
from openclaw_install.host.hooks.plan import TokenProblem, TokenTrouble, missing_prefixes
from openclaw_install.host.hooks.policy import (
    HookPolicy,
    IngressNeeds,
    ingress_agent,
    reachable_path,
)

_TOKEN_MESSAGES: Mapping[TokenProblem, str] = {
    "missing": "there is no hook token",
    "reused": "the hook token is the gateway's own secret; the ingress needs a dedicated one",
    "short": "the hook token is shorter than {minimum} characters",
}
_REFERENCE = "set the variable behind hooks.token to a fresh secret of {minimum} characters or more"


def ingress_findings(
    policy: HookPolicy, needs: IngressNeeds, trouble: TokenTrouble | None
) -> tuple[Problem, ...]:
    """What the ingress misses; nothing where none is needed."""
    if not needs.required:
        return ()
    found = [*_switches(policy), *_token(policy, needs, trouble), *_prefixes(policy, needs)]
    return (*found, *_agents(policy, needs))


def _switches(policy: HookPolicy) -> Iterator[Problem]:
    if not policy.enabled:
        yield _blocker("disabled", "enabled", "the hook ingress is off")
    if not reachable_path(policy.path):
        yield _blocker("path_unreachable", "path", "no request can match this base path: a URL never has it")
    if not policy.allow_request_session_key:
        limits = ", ".join(policy.prefixes or ()) or "its prefixes"
        message = (
            "callers may not choose the session key, so a conversation cannot stay in one thread;"
            f" once they may, {limits} will limit them"
        )
        yield _blocker("request_keys_off", "allowRequestSessionKey", message)


def _token(policy: HookPolicy, needs: IngressNeeds, trouble: TokenTrouble | None) -> Iterator[Problem]:
    if trouble is None or trouble.problem not in _TOKEN_MESSAGES:
        return  # what is not in the table has a finding of its own: hooks.boot.schema, hooks.token_unresolved
    if trouble.problem == "missing" and policy.enabled:
        return  # hooks.boot.token_missing tells it
    minimum = needs.min_token_length
    message = _TOKEN_MESSAGES[trouble.problem].format(minimum=minimum)
    repair = FIX if trouble.replaceable else _REFERENCE.format(minimum=minimum)
    yield _blocker(f"token_{trouble.problem}", "token", message, repair)


def _prefixes(policy: HookPolicy, needs: IngressNeeds) -> Iterator[Problem]:
    key = "allowedSessionKeyPrefixes"
    if policy.prefixes is None:
        message = "there are no session-key prefixes, and without them no thread can be kept"
        yield _blocker("prefixes_unset", key, message)
        return
    for prefix in missing_prefixes(policy, needs):
        yield _blocker("prefix_missing", key, f"session keys under {prefix} are not admitted")


def _agents(policy: HookPolicy, needs: IngressNeeds) -> Iterator[Problem]:
    key, agent = "allowedAgentIds", ingress_agent(policy, needs)
    if policy.allowed_agent_ids is None:
        message = "the ingress may reach every agent: name those that it may"
        yield _blocker("agents_unrestricted", key, message)
    if agent is None:
        message = "several agents are configured and none of them is the one for requests without an agent"
        repair = "set agents.defaults.systemAgent.agentId, or let the ingress name an agent"
        yield _blocker("agent_undecided", key, message, repair)
    elif policy.allowed_agent_ids is not None and agent not in policy.allowed_agent_ids:
        yield _blocker("agent_excluded", key, f"the list leaves out {agent!r}, the agent of the ingress")


def _blocker(name: str, key: str, message: str, repair: str = FIX) -> Problem:
    return Problem(f"hooks.ingress.{name}", message, repair, path=f"hooks.{key}")

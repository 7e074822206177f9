"""What has to change for a whole policy: the token's trouble and the prefixes, for report and repair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from openclaw_install.host.hook_agents import section
from openclaw_install.host.hook_auth import HookFacts, gateway_secret, mentions
from openclaw_install.host.hook_mappings import HookMapping
from openclaw_install.host.hook_policy import GENERATED_KEY_PROBE, HookPolicy, IngressNeeds, read_policy
from openclaw_install.host.hook_text import admits, fold, normalize_agent_id, normalize_prefixes, rescoped_key

TokenProblem = Literal["secret_ref", "missing", "unresolved", "reused", "short"]
GENERATED_KEY_PREFIX = "hook:"


@dataclass(frozen=True)
class TokenTrouble:
    """What is wrong with the hook token.

    Attributes:
        problem: the first thing that is wrong.
        replaceable: the file holds the token itself, so a new one may be written. A reference to a variable
            or to a secret store is the operator's: it is never overwritten.
    """

    problem: TokenProblem
    replaceable: bool


@dataclass(frozen=True)
class PrefixPlan:
    """The session keys to write.

    Attributes:
        prefixes: the whole list for `allowedSessionKeyPrefixes`, or None where it stays as it is.
        default_session_key: the value for `defaultSessionKey`, or None where it stays as it is.
    """

    prefixes: tuple[str, ...] | None = None
    default_session_key: str | None = None


def token_trouble(config: Mapping[str, Any], needs: IngressNeeds, facts: HookFacts) -> TokenTrouble | None:
    """What is wrong with the token, or None for a good one.

    A short token is trouble for the ingress only; a missing, guessable or reused one always is.
    """
    policy = read_policy(config)
    if isinstance(section(config, "hooks").get("token"), Mapping):
        return TokenTrouble("secret_ref", replaceable=False)
    plain = facts.token_reference is None
    if policy.token is None:
        return TokenTrouble("missing", replaceable=plain)
    token = policy.token.reveal()
    if mentions(token, facts.unresolved):
        return TokenTrouble("unresolved", replaceable=False)
    shared = gateway_secret(config, facts.gateway_env, facts.unresolved)
    if shared and shared.value.reveal() == token:
        return TokenTrouble("reused", replaceable=plain)
    if needs.required and policy.token_length < needs.min_token_length:
        return TokenTrouble("short", replaceable=plain)
    return None


def missing_prefixes(policy: HookPolicy, needs: IngressNeeds) -> tuple[str, ...]:
    """The prefixes that the ingress needs and the list does not admit; all of them where there is no list."""
    wanted = needs.prefixes if needs.required else ()
    return tuple(p for p in wanted if policy.prefixes is None or not policy.admits(p))


def must_restrict(policy: HookPolicy, needs: IngressNeeds) -> bool:
    """Whether there has to be a list of prefixes: for the ingress, or for a templated mapping to boot."""
    return needs.required or (policy.enabled and any(mapping.templated for mapping in policy.mappings))


def plan_prefixes(policy: HookPolicy, needs: IngressNeeds, existing: Iterable[str]) -> PrefixPlan:
    """The smallest list that admits what is needed and all that worked before.

    Requests without a key keep what they had. Where generated keys worked they go on working (`hook:`): a
    default key in their place would make the gateway run them one after the other, and refuse the later ones
    with 503. Where they could not work, a default key opens one session key instead of all of `hook:`.

    Args:
        policy: the policy as it is.
        needs: what the ingress wants.
        existing: the prefixes as the file spells them; they are kept.
    """
    if policy.prefixes is None and not must_restrict(policy, needs):
        return PrefixPlan()
    default = policy.default_session_key
    new_default = needs.default_session_key if default is None and not _generates(policy) else None
    keyless = default or new_default or GENERATED_KEY_PREFIX
    missing = missing_prefixes(policy, needs)
    if policy.prefixes is not None and not missing and policy.admits(keyless):
        return PrefixPlan(default_session_key=new_default)
    own = (keyless, *_dispatch_keys(keyless, policy.default_agent))
    mapped = (key for mapping in policy.mappings for key in mapping_keys(mapping, policy))
    return PrefixPlan(_joined(tuple(existing), missing, (*own, *mapped)), new_default)


def _generates(policy: HookPolicy) -> bool:
    """Whether keyless requests get generated keys that pass; where hooks were off, nobody relies on them."""
    return policy.admits(GENERATED_KEY_PROBE) and (policy.enabled or policy.prefixes is not None)


def mapping_keys(mapping: HookMapping, policy: HookPolicy) -> tuple[str, ...]:
    """What must be admitted for a mapping's keys: the key, or what a template begins with.

    Empty where nothing can be named: the mapping has no key of its own, or the template begins with what
    would admit every session of every agent.
    """
    start = fold(mapping.key_start)
    if mapping.session_key is None or opens_all_agents(start):
        return ()
    named = normalize_agent_id(mapping.agent_id) if mapping.agent_id else None
    agent = named if named in policy.agents else policy.default_agent
    return (start, *_dispatch_keys(start, agent))


def unbounded(mapping: HookMapping) -> bool:
    """Whether no prefix can be named that admits this mapping's keys and little else."""
    return mapping.session_key is not None and opens_all_agents(fold(mapping.key_start))


def opens_all_agents(prefix: str) -> bool:
    """Whether a prefix is empty or admits the sessions of every agent (`agent:` and what begins it)."""
    return "agent:".startswith(prefix)


def _dispatch_keys(key: str, agent: str | None) -> tuple[str, ...]:
    """The key that a key of the form `agent:<id>:...` becomes at dispatch, where that differs."""
    # The letter stands for what a template adds: without it the key may end where its last part begins.
    moved = fold(rescoped_key(f"{key}x", agent)[:-1]) if agent else fold(key)
    return () if moved == fold(key) else (moved,)


def _joined(kept: tuple[str, ...], explicit: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The kept prefixes; those that the ingress names, spelled out; and what these leave unadmitted.

    The ingress's own are spelled out beside a wider one that is added, so that an operator can take the wider
    one away again.
    """
    result = [*kept, *(prefix for prefix in explicit if not admits(normalize_prefixes(kept), prefix))]
    for candidate in sorted(map(fold, wanted), key=len):
        if not admits(normalize_prefixes(result), candidate):
            result.append(candidate)
    return tuple(result)

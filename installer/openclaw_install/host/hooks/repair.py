"""The repair of the hook policy: the smallest set of edits that makes it whole, and nothing beside.

Before it come its parts that the report of findings needs as well: what is wrong with the token, and which
prefixes there have to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from openclaw_install.host.config.edit import Edit, Remove, SetValue
from openclaw_install.host.hooks.agents import section
from openclaw_install.host.hooks.auth import HookFacts, gateway_secret
from openclaw_install.host.hooks.policy import (
    DEFAULT_PATH,
    GENERATED_KEY_PROBE,
    POLICY_KEYS,
    HookMapping,
    HookPolicy,
    IngressNeeds,
    ingress_agent,
    reachable_path,
    read_policy,
)
from openclaw_install.host.hooks.schema import schema_issues
from openclaw_install.host.hooks.text import (
    admits,
    fold,
    normalize_agent_id,
    normalize_prefixes,
    rescoped_key,
    text_items,
)

TokenProblem = Literal["secret_ref", "missing", "unresolved", "reused", "short"]
GENERATED_KEY_PREFIX = "hook:"
_LISTS = ("allowedSessionKeyPrefixes", "allowedAgentIds")
_NO_FACTS = HookFacts()


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


def token_trouble(
    config: Mapping[str, Any], policy: HookPolicy, needs: IngressNeeds, facts: HookFacts
) -> TokenTrouble | None:
    """What is wrong with the token, or None for a good one.

    A short token is trouble for the ingress only; a missing, guessable or reused one always is.
    """
    if isinstance(section(config, "hooks").get("token"), Mapping):
        return TokenTrouble("secret_ref", replaceable=False)
    plain = not facts.token_is_referred_to
    if policy.token is None:
        return TokenTrouble("missing", replaceable=plain)
    token = policy.token.reveal()
    if facts.lacks_token(token):
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
    with 503. Where they could not work, a default key opens one session key instead of all of `hook:`, unless
    what the list admits by then lets the gateway start without one.

    Args:
        policy: the policy as it is.
        needs: what the ingress wants.
        existing: the prefixes as the file spells them; they are kept.
    """
    if policy.prefixes is None and not must_restrict(policy, needs):
        return PrefixPlan()
    missing = missing_prefixes(policy, needs)
    if policy.prefixes is not None and not missing and policy.admits_keyless:
        return PrefixPlan()
    keyless = policy.default_session_key
    if keyless is None and policy.prefixes is None and policy.enabled:
        keyless = GENERATED_KEY_PREFIX
    mapped = [key for mapping in policy.mappings for key in mapping_keys(mapping, policy)]
    kept = tuple(existing)
    prefixes = _joined(kept, missing, (*_keyless_keys(keyless, policy), *mapped))
    if keyless is not None or admits(normalize_prefixes(prefixes), GENERATED_KEY_PROBE):
        return PrefixPlan(prefixes)
    default = needs.default_session_key
    return PrefixPlan(_joined(kept, missing, (*_keyless_keys(default, policy), *mapped)), default)


def _keyless_keys(key: str | None, policy: HookPolicy) -> tuple[str, ...]:
    """What must be admitted for requests without a key: `key`, and what it becomes for each agent.

    Those are the agent that serves, those of mappings without a key and, where nothing limits the keys yet,
    all that a caller can name.
    """
    if key is None:
        return ()
    agents = [policy.default_agent]
    agents += [_agent_of(mapping, policy) for mapping in policy.mappings if mapping.session_key is None]
    if policy.enabled and policy.prefixes is None:
        allowed = policy.agents if policy.allowed_agent_ids is None else policy.allowed_agent_ids
        agents += [agent for agent in policy.agents if agent in allowed]
    return tuple(dict.fromkeys((key, *(moved for agent in agents for moved in _dispatch_keys(key, agent)))))


def mapping_keys(mapping: HookMapping, policy: HookPolicy) -> tuple[str, ...]:
    """What must be admitted for a mapping's keys: the key, or what a template begins with.

    Empty where nothing can be named: the mapping has no key of its own, or the template begins with what
    would admit every session of every agent.
    """
    start = fold(mapping.key_start)
    if mapping.session_key is None or opens_all_agents(start):
        return ()
    return (start, *_dispatch_keys(start, _agent_of(mapping, policy)))


def _agent_of(mapping: HookMapping, policy: HookPolicy) -> str | None:
    """The agent that serves a mapping: an unknown name falls back to the default one."""
    named = normalize_agent_id(mapping.agent_id) if mapping.agent_id else None
    return named if named in policy.agents else policy.default_agent


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


def repair(
    config: Mapping[str, Any],
    needs: IngressNeeds,
    *,
    new_token: Callable[[], str],
    facts: HookFacts = _NO_FACTS,
) -> tuple[Edit, ...]:
    """The edits that make the policy whole; none where it is whole already.

    With `needs.required` the ingress is switched on and given what it needs. Without it, only what stops the
    next start and a token that repeats the gateway's own are mended; where hooks are off, only wrong types.

    Args:
        config: the document with includes and variables resolved.
        needs: what the ingress wants.
        new_token: makes a fresh token; called at most once, and only where the old one is replaced.
        facts: what the caller knows beside the document.

    What cannot be mended without guessing (mappings, presets, unknown keys, a token behind a reference) is
    left alone; `findings` reports it.
    """
    mended = {**config, "hooks": _with_lists(section(config, "hooks"))}
    policy = read_policy(mended)
    if not (needs.required or policy.enabled):
        if "hooks" in config and config["hooks"] is None:
            return (Remove(("hooks",)),)
        return _wrong_types(section(config, "hooks"), mended["hooks"], {}, policy)
    values = _switches(policy, needs)
    trouble = token_trouble(config, policy, needs, facts)
    if trouble and trouble.replaceable:
        values["token"] = new_token()
    values |= _session_keys(policy, needs, text_items(mended["hooks"].get("allowedSessionKeyPrefixes")))
    if agents := _agents(policy, needs, text_items(mended["hooks"].get("allowedAgentIds"))):
        values["allowedAgentIds"] = list(agents)
    if not isinstance(config.get("hooks"), Mapping):
        return (SetValue(("hooks",), {key: values[key] for key in POLICY_KEYS if key in values}),)
    hooks = config["hooks"]
    ordered = (edit for key in POLICY_KEYS if key in values for edit in _edits(hooks, key, values[key]))
    return (*ordered, *_wrong_types(hooks, mended["hooks"], values, policy))


def _edits(hooks: Mapping[str, Any], key: str, value: Any) -> tuple[Edit, ...]:
    """One edit for the value; for a list that only grows, one for each new element.

    The elements that stay are not written again: the file may spell them with a `${NAME}`.
    """
    old = hooks.get(key)
    if isinstance(value, list) and isinstance(old, list) and value[: len(old)] == old:
        return tuple(SetValue(("hooks", key, at), value[at]) for at in range(len(old), len(value)))
    return (SetValue(("hooks", key), value),)


def _switches(policy: HookPolicy, needs: IngressNeeds) -> dict[str, Any]:
    """What needs no list: on, a path that requests can match, and keys chosen by the caller."""
    values: dict[str, Any] = {}
    if not policy.enabled:
        values["enabled"] = True
    if policy.path == "/" or (needs.required and not reachable_path(policy.path)):
        values["path"] = DEFAULT_PATH
    if needs.required and not policy.allow_request_session_key:
        values["allowRequestSessionKey"] = True
    return values


def _session_keys(policy: HookPolicy, needs: IngressNeeds, existing: tuple[str, ...]) -> dict[str, Any]:
    plan = plan_prefixes(policy, needs, existing)
    values: dict[str, Any] = {}
    if plan.prefixes is not None:
        values["allowedSessionKeyPrefixes"] = list(plan.prefixes)
    if plan.default_session_key is not None:
        values["defaultSessionKey"] = plan.default_session_key
    return values


def _agents(policy: HookPolicy, needs: IngressNeeds, existing: tuple[str, ...]) -> tuple[str, ...]:
    """The list to write, or an empty tuple where the one that is there will do.

    Without a list every agent may be reached, so all that exist now are named. A list that leaves out the
    agent of the ingress gets that one agent.
    """
    if not needs.required:
        return ()
    if policy.allowed_agent_ids is None:
        return policy.agents
    agent = ingress_agent(policy, needs)
    return () if agent is None or agent in policy.allowed_agent_ids else (*existing, agent)


def _with_lists(hooks: Mapping[str, Any]) -> dict[str, Any]:
    """The section with its two lists mended: a lone string becomes a list of one, other items are dropped."""
    mended = dict(hooks)
    for key in _LISTS:
        if isinstance(value := hooks.get(key), str):
            mended[key] = [value]
        elif isinstance(value, list):
            mended[key] = list(text_items(value))
    return mended


def _wrong_types(
    hooks: Mapping[str, Any], mended: Mapping[str, Any], values: Mapping[str, Any], policy: HookPolicy
) -> tuple[Edit, ...]:
    """Policy keys of a wrong type that nothing else sets: what can be read is kept, else the key goes."""
    wrong = {issue.key for issue in schema_issues(hooks)}
    edits: list[Edit] = []
    for key in POLICY_KEYS:
        if key not in wrong or key in values or (key == "token" and isinstance(hooks[key], Mapping)):
            continue
        kept = mended[key] if key in _LISTS and isinstance(mended[key], list) else []
        if not kept and key == "allowedAgentIds":
            kept = list(policy.agents)
        edits.append(SetValue(("hooks", key), kept) if kept else Remove(("hooks", key)))
    return tuple(edits)

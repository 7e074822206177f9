"""The repair of the hook policy: the smallest set of edits that makes it whole, and nothing beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from openclaw_install.host.config.edit import Edit, Remove, SetValue
from openclaw_install.host.hooks.agents import section
from openclaw_install.host.hooks.auth import HookFacts
from openclaw_install.host.hooks.plan import plan_prefixes, token_trouble
from openclaw_install.host.hooks.policy import (
    DEFAULT_PATH,
    POLICY_KEYS,
    HookPolicy,
    IngressNeeds,
    ingress_agent,
    reachable_path,
    read_policy,
)
from openclaw_install.host.hooks.schema import schema_issues
from openclaw_install.host.hooks.text import text_items

_LISTS = ("allowedSessionKeyPrefixes", "allowedAgentIds")
_NO_FACTS = HookFacts()


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

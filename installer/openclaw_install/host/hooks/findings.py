"""Everything there is to say about the hook policy on disk: boot rules, audit, ingress, mappings.

The audit's part has the ids and severities of `openclaw security audit`, in words of our own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from openclaw_install.common.problems import Problem, Severity
from openclaw_install.host.hooks.agents import section
from openclaw_install.host.hooks.auth import HookFacts, gateway_secret, remotely_exposed
from openclaw_install.host.hooks.boot import BootFailure, boot_failures
from openclaw_install.host.hooks.policy import (
    POLICY_KEYS,
    HookPolicy,
    IngressNeeds,
    ingress_agent,
    reachable_path,
    read_policy,
)
from openclaw_install.host.hooks.repair import (
    TokenProblem,
    TokenTrouble,
    mapping_keys,
    missing_prefixes,
    must_restrict,
    token_trouble,
    unbounded,
)
from openclaw_install.host.hooks.schema import retired_keys
from openclaw_install.host.hooks.text import optional_text

FIX = "openclaw-install verify-runtime --fix-hooks"
# What the message of each problem that stops a start begins with.
NO_START = "the gateway does not start from this file: "
# Below this length OpenClaw's audit calls a token short; the ingress wants more.
AUDIT_TOKEN_LENGTH = 24
_NO_FACTS = HookFacts()
_BY_HAND = {
    "hooks.boot.schema": "correct the value by hand: openclaw config validate shows the rule",
    "hooks.boot.preset_invalid": 'take the name out of hooks.presets: "gmail" is the only preset there is',
    "hooks.boot.transforms_dir_outside": "move the modules below hooks/transforms beside the config file",
    "hooks.boot.mapping_invalid": "name a top-level key of the payload",
}
_TOKEN_MESSAGES: Mapping[TokenProblem, str] = {
    "missing": "there is no hook token",
    "reused": "the hook token is the gateway's own secret; the ingress needs a dedicated one",
    "short": "the hook token is shorter than {minimum} characters",
}
_REFERENCE = "set the variable behind hooks.token to a fresh secret of {minimum} characters or more"


def findings(
    config: Mapping[str, Any],
    needs: IngressNeeds,
    facts: HookFacts = _NO_FACTS,
    policy: HookPolicy | None = None,
) -> tuple[Problem, ...]:
    """All findings about `hooks.*`, boot rules first.

    Args:
        config: the document with includes and variables resolved.
        needs: what the ingress wants; without `required` nothing is said about the ingress.
        facts: what the caller knows beside the document.
        policy: what `read_policy` says of the config, where the caller knows it.
    """
    policy = policy or read_policy(config)
    trouble = token_trouble(config, policy, needs, facts)
    failures = boot_failures(
        config, config_dir=facts.config_dir, has_includes=facts.has_includes, policy=policy
    )
    found = (
        *(_boot(failure) for failure in failures),
        *audit_findings(config, policy, facts),
        *(_ingress(policy, needs, trouble) if needs.required else ()),
        *_host(config, policy, trouble, facts),
        *(_mappings(policy, needs) if policy.enabled else ()),
    )
    return tuple(_with_true_repair(finding, trouble) for finding in found)


def _with_true_repair(finding: Problem, trouble: TokenTrouble | None) -> Problem:
    """The finding; about a token that the repair never overwrites, with what the operator has to do."""
    if trouble is None or trouble.replaceable or finding.path != "hooks.token" or finding.next_step != FIX:
        return finding
    step = "set the variable behind hooks.token to a fresh secret of its own"
    if trouble.problem == "secret_ref":
        step = 'write the token itself, or "${NAME}" for a variable: OpenClaw takes no object there'
    return replace(finding, next_step=step)


def _boot(failure: BootFailure) -> Problem:
    rule: str = failure.rule
    # A policy key of a wrong type is set right by the repair; any other one is the operator's.
    mended = rule == "hooks.boot.schema" and failure.key in POLICY_KEYS
    step = FIX if mended else _BY_HAND.get(rule, FIX)
    return Problem(rule, f"{NO_START}{failure.message}", step, path=failure.path)


def _host(
    config: Mapping[str, Any], policy: HookPolicy, trouble: TokenTrouble | None, facts: HookFacts
) -> Iterator[Problem]:
    """What the audit misses and what matters with and without an ingress."""
    if policy.enabled and trouble and trouble.problem == "unresolved":
        message = (
            "the variable of the hook token has no value here; a gateway that starts without one takes the"
            " text of the reference for the token: whoever guesses the name may call the hooks"
        )
        step = "put the variable with a secret of its own into the .env file of the state folder"
        yield Problem("hooks.token_unresolved", message, step, path="hooks.token")
    if policy.enabled and policy.path == "":
        message = "hooks answer on every path, so the control UI and other pages of the gateway are cut off"
        yield _warning("path_empty", "path", message, 'set hooks.path to "/hooks"')
    for path in () if facts.has_includes else retired_keys(section(config).get("hooks")):
        message = (
            "this key is retired: at its next start the gateway rewrites the file without it and comments"
        )
        yield _warning("retired_key", path.removeprefix("hooks."), message, f"remove {path} by hand")


def _mappings(policy: HookPolicy, needs: IngressNeeds) -> Iterator[Problem]:
    narrowing = policy.prefixes is None and must_restrict(policy, needs)
    for mapping in policy.mappings:
        where = mapping.where.removeprefix("hooks.")
        key = where if where == "presets" else f"{where}.sessionKey"
        if unbounded(mapping):
            message = f"no safe prefix covers the session keys of mapping {mapping.id!r}"
            step = "begin its sessionKey with a fixed text such as hook:<name>:"
            yield _warning("mapping_key_unbounded", key, message, step)
        elif policy.prefixes is not None and not all(map(policy.admits, mapping_keys(mapping, policy))):
            message = f"no prefix admits the session keys of mapping {mapping.id!r}: its requests are refused"
            step = "add what its sessionKey begins with to hooks.allowedSessionKeyPrefixes"
            yield _warning("mapping_key_excluded", key, message, step)
        if mapping.templated and not policy.allow_request_session_key:
            message = f"mapping {mapping.id!r} builds its session key from payloads, which is switched off"
            step = "set hooks.allowRequestSessionKey to true, or give it a fixed sessionKey"
            yield _warning("mapping_needs_request_keys", key, message, step)
        if narrowing and mapping.has_transform:
            message = f"the transform of mapping {mapping.id!r} may choose keys that the new prefixes refuse"
            step = "add what its keys begin with to hooks.allowedSessionKeyPrefixes"
            yield _warning("transform_keys_unknown", where, message, step)
    if narrowing and policy.allow_request_session_key:
        message = "callers may choose any session key now; the repair leaves them those of its prefixes"
        step = "add the prefixes of your own callers to hooks.allowedSessionKeyPrefixes before the repair"
        yield _warning("direct_keys_narrowed", "allowedSessionKeyPrefixes", message, step)


def _warning(name: str, key: str, message: str, next_step: str, severity: Severity = "warn") -> Problem:
    return Problem(f"hooks.{name}", message, next_step, severity=severity, path=f"hooks.{key}")


def audit_findings(config: Mapping[str, Any], policy: HookPolicy, facts: HookFacts) -> tuple[Problem, ...]:
    """What the audit would say about the hooks; nothing where they are off.

    Source: collectHooksHardeningFindings and collectSecretsInConfigFindings of OpenClaw 2026.9.6.
    """
    if not policy.enabled:
        return ()
    exposure: Severity = "critical" if remotely_exposed(config) else "warn"
    return (*_audited_token(config, policy, facts), *_audited_path(config), *_audited_keys(policy, exposure))


def _audited_token(config: Mapping[str, Any], policy: HookPolicy, facts: HookFacts) -> Iterator[Problem]:
    if policy.token is None:
        return
    if not facts.lacks_token(policy.token.reveal()):
        message = "the config names the hook token, so whoever reads the file may call the hooks"
        code, step = "config.secrets.hooks_token_in_config", "keep the file's mode at 0600"
        yield Problem(code, message, step, severity="info", path="hooks.token")
    if policy.token_length < AUDIT_TOKEN_LENGTH:
        message = f"the hook token has {policy.token_length} characters, which can be guessed"
        yield _warning("token_too_short", "token", message, FIX)
    shared = gateway_secret(config, facts.gateway_env, facts.unresolved)
    if shared and shared.value.reveal() == policy.token.reveal():
        message = f"the hook token is the gateway's own {shared.kind}: every hook caller controls the gateway"
        yield Problem("hooks.token_reuse_gateway_token", message, FIX, path="hooks.token")


def _audited_path(config: Mapping[str, Any]) -> Iterator[Problem]:
    if optional_text(section(config, "hooks").get("path")) == "/":
        message = "hooks under '/' would take every other path of the gateway"
        yield Problem("hooks.path_root", message, FIX, path="hooks.path")


def _audited_keys(policy: HookPolicy, exposure: Severity) -> Iterator[Problem]:
    if policy.default_session_key is None:
        message = "requests without a session key get a generated one each, so their runs are spread out"
        step = 'set hooks.defaultSessionKey, for example "hook:ingress"; such requests then run one by one'
        yield _warning("default_session_key_unset", "defaultSessionKey", message, step)
    if policy.allowed_agent_ids is None:
        message = "hook callers may reach every agent of the host"
        yield _warning("allowed_agent_ids_unrestricted", "allowedAgentIds", message, FIX, exposure)
    if policy.allow_request_session_key:
        if policy.prefixes is None:
            message, step = "hook callers may choose the session key, any at all", FIX
        else:
            message = (
                "hook callers may choose the session key: the ingress needs that to keep a conversation in"
                f" one thread, and these prefixes limit it: {', '.join(policy.prefixes)}"
            )
            step = "" if exposure == "warn" else "bind the gateway to loopback, or accept the exposure"
        yield _warning("request_session_key_enabled", "allowRequestSessionKey", message, step, exposure)
    if policy.allow_request_session_key and policy.prefixes is None:
        message = "hook callers choose the session key and no prefix limits them"
        name, key = "request_session_key_prefixes_missing", "allowedSessionKeyPrefixes"
        yield _warning(name, key, message, FIX, exposure)


def _ingress(policy: HookPolicy, needs: IngressNeeds, trouble: TokenTrouble | None) -> Iterator[Problem]:
    """What keeps a needed ingress from working although the gateway runs: each blocks the activation."""
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
    yield from _ingress_token(policy, needs, trouble)
    key = "allowedSessionKeyPrefixes"
    if policy.prefixes is None:
        message = "there are no session-key prefixes, and without them no thread can be kept"
        yield _blocker("prefixes_unset", key, message)
    else:
        for prefix in missing_prefixes(policy, needs):
            yield _blocker("prefix_missing", key, f"session keys under {prefix} are not admitted")
    yield from _ingress_agents(policy, needs)


def _ingress_token(
    policy: HookPolicy, needs: IngressNeeds, trouble: TokenTrouble | None
) -> Iterator[Problem]:
    if trouble is None or trouble.problem not in _TOKEN_MESSAGES:
        return  # what is not in the table has a finding of its own: hooks.boot.schema, hooks.token_unresolved
    if trouble.problem == "missing" and policy.enabled:
        return  # hooks.boot.token_missing tells it
    minimum = needs.min_token_length
    message = _TOKEN_MESSAGES[trouble.problem].format(minimum=minimum)
    step = FIX if trouble.replaceable else _REFERENCE.format(minimum=minimum)
    yield _blocker(f"token_{trouble.problem}", "token", message, step)


def _ingress_agents(policy: HookPolicy, needs: IngressNeeds) -> Iterator[Problem]:
    key, agent = "allowedAgentIds", ingress_agent(policy, needs)
    if policy.allowed_agent_ids is None:
        message = "the ingress may reach every agent: name those that it may"
        yield _blocker("agents_unrestricted", key, message)
    if agent is None:
        message = "several agents are configured and none of them is the one for requests without an agent"
        step = "set agents.defaults.systemAgent.agentId, or let the ingress name an agent"
        yield _blocker("agent_undecided", key, message, step)
    elif policy.allowed_agent_ids is not None and agent not in policy.allowed_agent_ids:
        yield _blocker("agent_excluded", key, f"the list leaves out {agent!r}, the agent of the ingress")


def _blocker(name: str, key: str, message: str, next_step: str = FIX) -> Problem:
    return Problem(f"hooks.ingress.{name}", message, next_step, path=f"hooks.{key}")

"""Everything there is to say about the hook policy on disk: boot rules, audit, ingress, mappings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from openclaw_install.common.problems import Problem
from openclaw_install.host.hooks.agents import section
from openclaw_install.host.hooks.audit import FIX, audit_findings
from openclaw_install.host.hooks.auth import HookFacts
from openclaw_install.host.hooks.boot import BootVerdict, boot_failures
from openclaw_install.host.hooks.ingress import ingress_findings
from openclaw_install.host.hooks.plan import (
    TokenTrouble,
    mapping_keys,
    must_restrict,
    token_trouble,
    unbounded,
)
from openclaw_install.host.hooks.policy import POLICY_KEYS, HookPolicy, IngressNeeds, read_policy
from openclaw_install.host.hooks.schema import retired_keys

_NO_FACTS = HookFacts()
_BY_HAND = {
    "hooks.boot.schema": "correct the value by hand: openclaw config validate shows the rule",
    "hooks.boot.preset_invalid": 'take the name out of hooks.presets: "gmail" is the only preset there is',
    "hooks.boot.transforms_dir_outside": "move the modules below hooks/transforms beside the config file",
    "hooks.boot.mapping_invalid": "name a top-level key of the payload",
}


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
    told = (
        *(_boot(failure) for failure in failures),
        *audit_findings(config, policy, facts),
        *ingress_findings(policy, needs, trouble),
        *_host(config, policy, trouble, facts),
        *(_mappings(policy, needs) if policy.enabled else ()),
    )
    return tuple(_with_true_repair(finding, trouble) for finding in told)


def _with_true_repair(finding: Problem, trouble: TokenTrouble | None) -> Problem:
    """The finding; about a token that the repair never overwrites, with what the operator has to do."""
    if trouble is None or trouble.replaceable or finding.path != "hooks.token" or finding.next_step != FIX:
        return finding
    step = "set the variable behind hooks.token to a fresh secret of its own"
    if trouble.problem == "secret_ref":
        step = 'write the token itself, or "${NAME}" for a variable: OpenClaw takes no object there'
    return replace(finding, next_step=step)


def _boot(failure: BootVerdict) -> Problem:
    rule = str(failure.rule)
    # A policy key of a wrong type is set right by the repair; any other one is the operator's.
    mended = rule == "hooks.boot.schema" and failure.key in POLICY_KEYS
    repair = FIX if mended else _BY_HAND.get(rule, FIX)
    message = f"the gateway does not start from this file: {failure.message}"
    return Problem(rule, message, repair, path=str(failure.path))


def _host(
    config: Mapping[str, Any], policy: HookPolicy, trouble: TokenTrouble | None, facts: HookFacts
) -> Iterator[Problem]:
    """What the audit misses and what matters with and without an ingress."""
    if policy.enabled and trouble and trouble.problem == "unresolved":
        message = (
            "the variable of the hook token has no value, and the gateway then takes the text of the"
            " reference for the token: whoever guesses the name of the variable may call the hooks"
        )
        repair = "set the variable to a secret of its own where the gateway starts, and restart it"
        yield Problem("hooks.token_unresolved", message, repair, path="hooks.token")
    if policy.enabled and policy.path == "":
        message = "hooks answer on every path, so the control UI and other pages of the gateway are cut off"
        yield Problem(
            "hooks.path_empty", message, 'set hooks.path to "/hooks"', severity="warn", path="hooks.path"
        )
    for path in () if facts.has_includes else retired_keys(section(config).get("hooks")):
        message = (
            "this key is retired: at its next start the gateway rewrites the file without it and comments"
        )
        yield Problem("hooks.retired_key", message, f"remove {path} by hand", severity="warn", path=path)


def _mappings(policy: HookPolicy, needs: IngressNeeds) -> Iterator[Problem]:
    narrowing = policy.prefixes is None and must_restrict(policy, needs)
    for mapping in policy.mappings:
        path = mapping.where if mapping.where == "hooks.presets" else f"{mapping.where}.sessionKey"
        keys = mapping_keys(mapping, policy)
        if unbounded(mapping):
            message = f"no safe prefix covers the session keys of mapping {mapping.id!r}"
            repair = "begin its sessionKey with a fixed text such as hook:<name>:"
            yield Problem("hooks.mapping_key_unbounded", message, repair, severity="warn", path=path)
        elif policy.prefixes is not None and not all(map(policy.admits, keys)):
            message = f"no prefix admits the session keys of mapping {mapping.id!r}: its requests are refused"
            repair = "add what its sessionKey begins with to hooks.allowedSessionKeyPrefixes"
            yield Problem("hooks.mapping_key_excluded", message, repair, severity="warn", path=path)
        if mapping.templated and not policy.allow_request_session_key:
            message = f"mapping {mapping.id!r} builds its session key from payloads, which is switched off"
            repair = "set hooks.allowRequestSessionKey to true, or give it a fixed sessionKey"
            yield Problem("hooks.mapping_needs_request_keys", message, repair, severity="warn", path=path)
        if narrowing and mapping.has_transform:
            message = f"the transform of mapping {mapping.id!r} may choose keys that the new prefixes refuse"
            repair = "add what its keys begin with to hooks.allowedSessionKeyPrefixes"
            yield Problem(
                "hooks.transform_keys_unknown", message, repair, severity="warn", path=mapping.where
            )
    if narrowing and policy.allow_request_session_key:
        message = "callers may choose any session key now; the repair leaves them those of its prefixes"
        repair = "add the prefixes of your own callers to hooks.allowedSessionKeyPrefixes before the repair"
        path = "hooks.allowedSessionKeyPrefixes"
        yield Problem("hooks.direct_keys_narrowed", message, repair, severity="warn", path=path)

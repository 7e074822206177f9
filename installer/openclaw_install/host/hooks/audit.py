"""The checks of `openclaw security audit` on `hooks.*`: same ids, same severities, in words of our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openclaw_install.common.findings import Finding, Severity
from openclaw_install.host.hooks.agents import section
from openclaw_install.host.hooks.auth import HookFacts, gateway_secret, remotely_exposed
from openclaw_install.host.hooks.policy import HookPolicy, read_policy
from openclaw_install.host.hooks.text import optional_text

FIX = "openclaw-install verify-runtime --fix-hooks"
# Below this length OpenClaw's audit calls a token short; the ingress wants more.
AUDIT_TOKEN_LENGTH = 24


def audit_findings(config: Mapping[str, Any], facts: HookFacts) -> tuple[Finding, ...]:
    """What the audit would say about the hooks; nothing where they are off.

    Source: collectHooksHardeningFindings and collectSecretsInConfigFindings of OpenClaw 2026.9.6.
    """
    policy = read_policy(config)
    if not policy.enabled:
        return ()
    exposure: Severity = "critical" if remotely_exposed(config) else "warn"
    return (*_token(config, policy, facts), *_path(config), *_keys(policy, exposure))


def _token(config: Mapping[str, Any], policy: HookPolicy, facts: HookFacts) -> list[Finding]:
    if policy.token is None:
        return []
    found = []
    if not facts.lacks_token(policy.token.reveal()):
        found.append(
            Finding(
                "config.secrets.hooks_token_in_config",
                "info",
                "hooks.token",
                "the config names the hook token, so whoever reads the file may call the hooks",
                "keep the file's mode at 0600",
            )
        )
    if policy.token_length < AUDIT_TOKEN_LENGTH:
        message = f"the hook token has {policy.token_length} characters, which can be guessed"
        found.append(Finding("hooks.token_too_short", "warn", "hooks.token", message, FIX))
    shared = gateway_secret(config, facts.gateway_env, facts.unresolved)
    if shared and shared.value.reveal() == policy.token.reveal():
        message = f"the hook token is the gateway's own {shared.kind}: every hook caller controls the gateway"
        found.append(Finding("hooks.token_reuse_gateway_token", "critical", "hooks.token", message, FIX))
    return found


def _path(config: Mapping[str, Any]) -> list[Finding]:
    if optional_text(section(config, "hooks").get("path")) != "/":
        return []
    message = "hooks under '/' would take every other path of the gateway"
    return [Finding("hooks.path_root", "critical", "hooks.path", message, FIX)]


def _keys(policy: HookPolicy, exposure: Severity) -> list[Finding]:
    found = []
    if policy.default_session_key is None:
        found.append(
            Finding(
                "hooks.default_session_key_unset",
                "warn",
                "hooks.defaultSessionKey",
                "requests without a session key get a generated one each, so their runs are spread out",
                'set hooks.defaultSessionKey, for example "hook:ingress"; such requests then run one by one',
            )
        )
    if policy.allowed_agent_ids is None:
        message = "hook callers may reach every agent of the host"
        path = "hooks.allowedAgentIds"
        found.append(Finding("hooks.allowed_agent_ids_unrestricted", exposure, path, message, FIX))
    if not policy.allow_request_session_key:
        return found
    found.append(_request_keys(policy, exposure))
    if policy.prefixes is None:
        message = "hook callers choose the session key and no prefix limits them"
        path = "hooks.allowedSessionKeyPrefixes"
        found.append(Finding("hooks.request_session_key_prefixes_missing", exposure, path, message, FIX))
    return found


def _request_keys(policy: HookPolicy, exposure: Severity) -> Finding:
    if policy.prefixes is None:
        message, repair = "hook callers may choose the session key, any at all", FIX
    else:
        limits = ", ".join(policy.prefixes)
        message = (
            "hook callers may choose the session key: the ingress needs that to keep a conversation in one"
            f" thread, and these prefixes limit it: {limits}"
        )
        repair = "" if exposure == "warn" else "bind the gateway to loopback, or accept the exposure"
    path = "hooks.allowRequestSessionKey"
    return Finding("hooks.request_session_key_enabled", exposure, path, message, repair)

"""The checks of `openclaw security audit` on `hooks.*`: same ids, same severities, in words of our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openclaw_install.common.problems import Problem, Severity
from openclaw_install.host.hooks.agents import section
from openclaw_install.host.hooks.auth import HookFacts, gateway_secret, remotely_exposed
from openclaw_install.host.hooks.policy import HookPolicy
from openclaw_install.host.hooks.text import optional_text

FIX = "openclaw-install verify-runtime --fix-hooks"
# Below this length OpenClaw's audit calls a token short; the ingress wants more.
AUDIT_TOKEN_LENGTH = 24


def audit_findings(config: Mapping[str, Any], policy: HookPolicy, facts: HookFacts) -> tuple[Problem, ...]:
    """What the audit would say about the hooks; nothing where they are off.

    Source: collectHooksHardeningFindings and collectSecretsInConfigFindings of OpenClaw 2026.9.6.
    """
    if not policy.enabled:
        return ()
    exposure: Severity = "critical" if remotely_exposed(config) else "warn"
    return (*_token(config, policy, facts), *_path(config), *_keys(policy, exposure))


def _token(config: Mapping[str, Any], policy: HookPolicy, facts: HookFacts) -> list[Problem]:
    if policy.token is None:
        return []
    found = []
    if not facts.lacks_token(policy.token.reveal()):
        found.append(
            Problem(
                "config.secrets.hooks_token_in_config",
                "the config names the hook token, so whoever reads the file may call the hooks",
                "keep the file's mode at 0600",
                severity="info",
                path="hooks.token",
            )
        )
    if policy.token_length < AUDIT_TOKEN_LENGTH:
        message = f"the hook token has {policy.token_length} characters, which can be guessed"
        found.append(Problem("hooks.token_too_short", message, FIX, severity="warn", path="hooks.token"))
    shared = gateway_secret(config, facts.gateway_env, facts.unresolved)
    if shared and shared.value.reveal() == policy.token.reveal():
        message = f"the hook token is the gateway's own {shared.kind}: every hook caller controls the gateway"
        found.append(Problem("hooks.token_reuse_gateway_token", message, FIX, path="hooks.token"))
    return found


def _path(config: Mapping[str, Any]) -> list[Problem]:
    if optional_text(section(config, "hooks").get("path")) != "/":
        return []
    message = "hooks under '/' would take every other path of the gateway"
    return [Problem("hooks.path_root", message, FIX, path="hooks.path")]


def _keys(policy: HookPolicy, exposure: Severity) -> list[Problem]:
    found = []
    if policy.default_session_key is None:
        found.append(
            Problem(
                "hooks.default_session_key_unset",
                "requests without a session key get a generated one each, so their runs are spread out",
                'set hooks.defaultSessionKey, for example "hook:ingress"; such requests then run one by one',
                severity="warn",
                path="hooks.defaultSessionKey",
            )
        )
    if policy.allowed_agent_ids is None:
        message = "hook callers may reach every agent of the host"
        path = "hooks.allowedAgentIds"
        found.append(
            Problem("hooks.allowed_agent_ids_unrestricted", message, FIX, severity=exposure, path=path)
        )
    if not policy.allow_request_session_key:
        return found
    found.append(_request_keys(policy, exposure))
    if policy.prefixes is None:
        message = "hook callers choose the session key and no prefix limits them"
        path = "hooks.allowedSessionKeyPrefixes"
        found.append(
            Problem("hooks.request_session_key_prefixes_missing", message, FIX, severity=exposure, path=path)
        )
    return found


def _request_keys(policy: HookPolicy, exposure: Severity) -> Problem:
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
    return Problem("hooks.request_session_key_enabled", message, repair, severity=exposure, path=path)

"""What outside `hooks` stops `openclaw gateway run`, as far as it is judged here: types, mode, secret. Pure.

The schema of the whole file is OpenClaw's own and is not copied: of types only those are judged here that
this program reads itself. Source: getGatewayStartGuardErrors, ensureGatewayStartupAuth and
assertGatewayRuntimeSecurityConfig of OpenClaw 2026.9.6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from openclaw_install.common.problems import Problem
from openclaw_install.host.hooks.agents import section
from openclaw_install.host.hooks.auth import GatewayEnv
from openclaw_install.host.hooks.findings import NO_START
from openclaw_install.host.hooks.schema import json_type
from openclaw_install.host.hooks.text import optional_text

SET_MODE = "openclaw config set gateway.mode local"
_MODE = "gateway.mode_not_local"
# Sections of wrong types that no start mends, which were really tried.
_OBJECTS = ("gateway", "agents")
_LAST_PORT = 65535
_PORT = "OPENCLAW_GATEWAY_PORT"
_FRESH = "replace it by a fresh secret: openssl rand -hex 32"
# Texts out of examples and masked prints, which OpenClaw knows and refuses.
_PLACEHOLDERS: Mapping[str, frozenset[str]] = {
    "token": frozenset({"change-me-to-a-long-random-token", "change-me-now"}),
    "password": frozenset({"change-me-to-a-strong-password"}),
}
_NO_SECRETS = frozenset(
    {
        *("", "undefined", "null", "***", "REDACTED", "[redacted]", "[REDACTED]", "<redacted>"),
        *("__OPENCLAW_REDACTED__", "xoxb-REDACTED", "xapp-REDACTED"),
        *("[REDACTED_PRIVATE_KEY]", "[REDACTED CREDENTIAL]"),
    }
)


def start_problems(
    config: Mapping[str, Any],
    env: GatewayEnv,
    version: str | None = None,
    *,
    variables: Mapping[str, str] | None = None,
    in_container: bool = False,
) -> tuple[Problem, ...]:
    """What stops a start from here without options, in words of our own.

    What depends on how and where it is started is a warning: a service may give options and variables.

    Args:
        config: the document with includes and variables resolved.
        env: the gateway's secrets in its environment.
        version: that of the installed OpenClaw; None where it is not known.
        variables: the environment of the gateway.
        in_container: the gateway starts in a container, where it binds to every address unless told.
    """
    variables = variables or {}
    wrong = tuple(_wrong_types(config, variables))
    return (
        *wrong,
        *_newer(config, version),
        *_mode(config),
        *(() if wrong else _secret(config, env, variables)),
        *(() if wrong else _exposure(config, env, in_container=in_container)),
    )


def secret_elsewhere(config: Mapping[str, Any], env: GatewayEnv) -> bool:
    """Whether the gateway's secret lies where only a start looks: in a file, or behind a program."""
    kind = _auth_mode(config, env)
    value = section(config, "gateway", "auth").get(kind) if kind in _PLACEHOLDERS else None
    return isinstance(value, Mapping) and value.get("source") != "env"


def _wrong_types(config: Mapping[str, Any], variables: Mapping[str, str]) -> Iterator[Problem]:
    for name in _OBJECTS:
        if name in config and not isinstance(config[name], Mapping):
            yield _wrong(name, f"expected object, received {json_type(config[name])}")
    gateway = section(config, "gateway")
    if "port" in gateway:
        port = gateway["port"]
        if json_type(port) != "number":
            yield _wrong("gateway.port", f"expected number, received {json_type(port)}")
        elif port <= 0 or port != int(port) or (port > _LAST_PORT and _PORT not in variables):
            yield _wrong("gateway.port", f"expected a whole number from 1 to {_LAST_PORT}")


def _wrong(path: str, words: str) -> Problem:
    step = f"correct {path} by hand: openclaw config validate shows the rule"
    return Problem("boot.wrong_type", f"{NO_START}Invalid input: {path}: {words}", step, path=path)


def _mode(config: Mapping[str, Any]) -> Iterator[Problem]:
    mode = section(config, "gateway").get("mode")
    if mode != "local":
        words = "existing config is missing gateway.mode" if mode is None else "set gateway.mode=local"
        message = f"the gateway would start only with --allow-unconfigured: {words}"
        yield Problem(_MODE, message, SET_MODE, severity="warn", path="gateway.mode")


def _newer(config: Mapping[str, Any], version: str | None) -> Iterator[Problem]:
    written = section(config, "meta").get("lastTouchedVersion")
    if version and isinstance(written, str) and _numbers(written) > _numbers(version):
        message = f"OpenClaw {version} is older than {written.strip()}, which wrote the file"
        step = f"install OpenClaw {written.strip()} or a newer one"
        yield _warned("boot.newer_version", "meta.lastTouchedVersion", message, step)


def _numbers(version: str) -> tuple[int, ...]:
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)(?:[-+].*)?", version.strip())
    return tuple(map(int, found.groups())) if found else ()


def _secret(config: Mapping[str, Any], env: GatewayEnv, variables: Mapping[str, str]) -> Iterator[Problem]:
    auth = section(config, "gateway", "auth")
    token, password = auth.get("token"), auth.get("password")
    if not optional_text(auth.get("mode")) and _is_set(token) and _is_set(password):
        message = "gateway.auth.token and gateway.auth.password are both set, and gateway.auth.mode is not"
        step = "openclaw config set gateway.auth.mode token"
        yield _warned("boot.gateway_auth", "gateway.auth.mode", message, step)
        return
    kind = _auth_mode(config, env)
    if kind == "trusted-proxy":
        yield from _trusted_proxy(config, env)
    if kind not in _PLACEHOLDERS:
        return
    path, value = f"gateway.auth.{kind}", auth.get(kind)
    if (
        isinstance(value, Mapping)
        and value.get("source") == "env"
        and not variables.get(str(value.get("id")))
    ):
        message = f"the gateway's {kind} lies in the variable {value.get('id')}, which has no value here"
        step = f"set {value.get('id')} where the gateway starts"
        yield _warned("boot.gateway_auth", path, message, step)
    from_env = env.token if kind == "token" else env.password
    told = optional_text(value) or optional_text(from_env.reveal() if from_env else None)
    if kind == "password" and told is None and not isinstance(value, Mapping):
        message = "Gateway auth is set to password, but no password is configured"
        step = "set gateway.auth.password, or OPENCLAW_GATEWAY_PASSWORD where the gateway starts"
        yield _warned("boot.gateway_auth", path, message, step)
    known = _NO_SECRETS | _PLACEHOLDERS[kind]
    if (told or (value if isinstance(value, str) else "-")).strip() in known:
        yield _warned(
            "boot.gateway_auth", path, f"the gateway's {kind} is a published placeholder or blank", _FRESH
        )


def _trusted_proxy(config: Mapping[str, Any], env: GatewayEnv) -> Iterator[Problem]:
    auth = section(config, "gateway", "auth")
    if not optional_text(section(auth, "trustedProxy").get("userHeader")):
        path = "gateway.auth.trustedProxy.userHeader"
        message = "gateway auth mode is trusted-proxy, and no header is named that tells the user"
        yield _warned("boot.gateway_auth", path, message, f"set {path}")
    elif _is_set(auth.get("token")) or env.token:
        message = "gateway auth mode is trusted-proxy, and a shared token is set as well"
        step = "remove gateway.auth.token and OPENCLAW_GATEWAY_TOKEN"
        yield _warned("boot.gateway_auth", "gateway.auth.token", message, step)
    elif not section(config, "gateway").get("trustedProxies"):
        message = "gateway auth mode=trusted-proxy requires gateway.trustedProxies"
        yield _warned("boot.gateway_auth", "gateway.trustedProxies", message, "set gateway.trustedProxies")


def _exposure(config: Mapping[str, Any], env: GatewayEnv, *, in_container: bool) -> Iterator[Problem]:
    gateway = section(config, "gateway")
    bind, tailscale = gateway.get("bind"), section(gateway, "tailscale").get("mode")
    kind = _auth_mode(config, env)
    if bind is None and tailscale in (None, "off"):
        bind = "auto" if in_container else "loopback"
    is_open = bind == "lan" or (bind == "auto" and in_container)
    if bind == "custom":
        is_open = not _is_loopback(gateway.get("customBindHost"))
    step = "bind to loopback: openclaw config set gateway.bind loopback"
    if bind == "custom" and not optional_text(gateway.get("customBindHost")):
        message = "gateway.bind=custom requires gateway.customBindHost"
        yield _warned("boot.gateway_exposed", "gateway.customBindHost", message, step)
    elif tailscale in ("serve", "funnel") and is_open:
        message = "tailscale serve/funnel requires gateway bind=loopback"
        yield _warned("boot.gateway_exposed", "gateway.bind", message, step)
    elif tailscale == "funnel" and kind != "password":
        message = "tailscale funnel requires gateway auth mode=password"
        needed = "set gateway.auth.password and that mode"
        yield _warned("boot.gateway_exposed", "gateway.auth.mode", message, needed)
    elif is_open and kind != "trusted-proxy" and not _has_secret(config, env, kind):
        message = f"Refusing to bind gateway to {bind} without auth"
        yield _warned("boot.gateway_exposed", "gateway.bind", message, f"set gateway.auth.token, or {step}")


def _auth_mode(config: Mapping[str, Any], env: GatewayEnv) -> str:
    auth = section(config, "gateway", "auth")
    if mode := optional_text(auth.get("mode")):
        return mode
    return "password" if _is_set(auth.get("password")) or env.password else "token"


def _has_secret(config: Mapping[str, Any], env: GatewayEnv, kind: str) -> bool:
    in_env = env.token if kind == "token" else env.password if kind == "password" else None
    return in_env is not None or (
        kind in _PLACEHOLDERS and _is_set(section(config, "gateway", "auth").get(kind))
    )


def _is_set(value: Any) -> bool:
    """Whether a secret is there: a text, or an object that names where it lies."""
    return isinstance(value, Mapping) or optional_text(value) is not None


def _is_loopback(host: Any) -> bool:
    return isinstance(host, str) and host.strip().startswith("127.")


def _warned(code: str, path: str, message: str, step: str) -> Problem:
    return Problem(code, f"{NO_START}{message}", step, severity="warn", path=path)

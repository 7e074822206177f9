"""The gateway's own shared secret, which the hook token must not repeat, and how far others reach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

from openclaw_install.common.redaction import Secret
from openclaw_install.host.config.env import references
from openclaw_install.host.hooks.agents import section
from openclaw_install.host.hooks.text import optional_text


@dataclass(frozen=True)
class GatewayEnv:
    """The gateway's secrets in the environment: `OPENCLAW_GATEWAY_TOKEN` and `OPENCLAW_GATEWAY_PASSWORD`."""

    token: Secret | None = None
    password: Secret | None = None


@dataclass(frozen=True)
class HookFacts:
    """What the caller knows beside the resolved document.

    Attributes:
        gateway_env: the gateway's secrets in its environment.
        unresolved: names of the variables that the document refers to and that have no value.
        token_reference: `hooks.token` as the file has it, where that holds a `${`; None for a token that
            stands there itself.
        config_dir: absolute folder of the config file.
        has_includes: the document uses `$include`.
    """

    gateway_env: GatewayEnv = GatewayEnv()
    unresolved: frozenset[str] = frozenset()
    token_reference: str | None = None
    config_dir: PurePath | None = None
    has_includes: bool = False

    @property
    def token_is_referred_to(self) -> bool:
        """Whether the token's value stands elsewhere: the file only names a variable."""
        return self.token_reference is not None and bool(references(self.token_reference))

    def lacks_token(self, token: str) -> bool:
        """Whether the token is the text of a reference to a variable without a value.

        Args:
            token: as it is resolved; it counts where the file's own text is not known.
        """
        written = token if self.token_reference is None else self.token_reference
        return not references(written).isdisjoint(self.unresolved)


@dataclass(frozen=True)
class SharedSecret:
    """The secret that the gateway's own callers use now."""

    kind: Literal["token", "password"]
    value: Secret


def gateway_secret(
    config: Mapping[str, Any], env: GatewayEnv, unresolved: frozenset[str] = frozenset()
) -> SharedSecret | None:
    """The active shared secret of the gateway, or None where it has none that can be read.

    Args:
        config: the document with includes and variables resolved.
        env: the gateway's secrets in its environment; the config's own win over them.
        unresolved: variables without a value; a secret that refers to one does not count.

    Source: resolveGatewayAuthForConfig of OpenClaw 2026.9.6.
    """
    auth, remote = section(config, "gateway", "auth"), section(config, "gateway", "remote")
    mode = auth.get("mode")
    token = _local(auth.get("token"), env.token, remote.get("token"), unresolved)
    remote_password = None if mode == "trusted-proxy" else remote.get("password")
    password = _local(auth.get("password"), env.password, remote_password, unresolved)
    if mode not in {"none", "token", "password", "trusted-proxy"}:
        mode = "password" if password else "token"
    if mode == "token" and token:
        return SharedSecret("token", Secret(token))
    if mode in {"password", "trusted-proxy"} and password:
        return SharedSecret("password", Secret(password))
    return None


def remotely_exposed(config: Mapping[str, Any]) -> bool:
    """Whether others than this machine reach the gateway, as `openclaw security audit` judges it."""
    bind = section(config, "gateway").get("bind")
    tailscale = section(config, "gateway", "tailscale").get("mode")
    return (isinstance(bind, str) and bind != "loopback") or tailscale in {"serve", "funnel"}


def _local(value: Any, env: Secret | None, remote: Any, unresolved: frozenset[str]) -> str | None:
    if isinstance(value, Mapping):  # a SecretRef: the gateway resolves it itself, nobody else reads it
        return None
    own = _resolved(value, unresolved)
    return own or optional_text(env.reveal() if env else None) or _resolved(remote, unresolved)


def _resolved(value: Any, unresolved: frozenset[str]) -> str | None:
    """The text, unless it is what is left of a reference to a variable without a value."""
    text = optional_text(value)
    return text if text and references(text).isdisjoint(unresolved) else None

"""What under `hooks` stops a start: the boot rules, in the order OpenClaw checks them. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

from openclaw_install.host.hooks.agents import section
from openclaw_install.host.hooks.policy import GENERATED_KEY_PROBE, HookPolicy, read_mappings, read_policy
from openclaw_install.host.hooks.schema import SchemaIssue, schema_issues, without_retired_keys
from openclaw_install.host.hooks.text import optional_text, text_items

BootRule = Literal[
    "hooks.boot.schema",
    "hooks.boot.token_missing",
    "hooks.boot.path_root",
    "hooks.boot.preset_invalid",
    "hooks.boot.transforms_dir_outside",
    "hooks.boot.mapping_invalid",
    "hooks.boot.default_key_outside_prefixes",
    "hooks.boot.prefixes_exclude_hook",
    "hooks.boot.templated_mapping_without_prefixes",
]
_FORBIDDEN_FOR_EACH = frozenset({"__proto__", "prototype", "constructor"})
# A preset is looked up in a plain object, so the names that every JavaScript object has are found as well,
# and spreading what is found there throws.
_INHERITED_NAMES = frozenset(
    {
        *("__proto__", "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__"),
        *("constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable"),
        *("toLocaleString", "toString", "valueOf"),
    }
)


@dataclass(frozen=True)
class BootFailure:
    """A rule under `hooks` that stops the next start.

    Attributes:
        rule: its id.
        message: the gateway's own error text.
        path: config path that the rule is about.
    """

    rule: BootRule
    message: str
    path: str

    @property
    def key(self) -> str:
        """The key of `hooks` that it is about; "" for the section itself."""
        return SchemaIssue(self.path, "").key


def boot_failures(
    config: Mapping[str, Any],
    *,
    config_dir: PurePath | None = None,
    has_includes: bool = False,
    policy: HookPolicy | None = None,
) -> tuple[BootFailure, ...]:
    """Every rule under `hooks` that stops the next start, in the gateway's order.

    Args:
        config: the document with includes and variables resolved; an unresolvable `${NAME}` stays in it as it
            is written. That stops nothing: the gateway warns and takes the reference itself as the value, so
            that a token becomes the guessable text `${NAME}`.
        config_dir: absolute folder of the config file. Without it every absolute `hooks.transformsDir` counts
            as outside the transforms folder.
        has_includes: the document uses `$include`. The gateway then leaves retired keys to stop it, which it
            otherwise removes by itself.
        policy: what `read_policy` says of the config, where the caller knows it.

    Symbolic links below the transforms folder are not followed here. Source: resolveHooksConfig and the
    config schema of OpenClaw 2026.9.6.
    """
    if "hooks" not in config:
        return ()
    shaped = config["hooks"] if has_includes else without_retired_keys(config["hooks"])
    if issues := schema_issues(shaped):
        return tuple(
            _stop("hooks.boot.schema", issue.path, f"Invalid config: {issue.path}: {issue.message}")
            for issue in issues
        )
    hooks = section(config, "hooks")
    if hooks.get("enabled") is not True:
        return ()
    return tuple(_broken_rules(hooks, policy or read_policy(config), config_dir))


def _stop(rule: BootRule, path: str, message: str) -> BootFailure:
    return BootFailure(rule, message, path)


def _broken_rules(
    hooks: Mapping[str, Any], policy: HookPolicy, config_dir: PurePath | None
) -> Iterator[BootFailure]:
    if policy.token is None:
        yield _stop("hooks.boot.token_missing", "hooks.token", "hooks.enabled requires hooks.token")
    if policy.path == "/":
        yield _stop("hooks.boot.path_root", "hooks.path", "hooks.path may not be '/'")
    if _INHERITED_NAMES.intersection(text_items(hooks.get("presets"))):
        message = "Spread syntax requires ...iterable[Symbol.iterator] to be a function"
        yield _stop("hooks.boot.preset_invalid", "hooks.presets", message)
    yield from _about_mappings(hooks, str(config_dir) if config_dir else "<config folder>")
    default_key = policy.default_session_key
    if default_key is not None and not policy.admits(default_key):
        message = "hooks.defaultSessionKey must match hooks.allowedSessionKeyPrefixes"
        yield _stop("hooks.boot.default_key_outside_prefixes", "hooks.defaultSessionKey", message)
    prefixes = "hooks.allowedSessionKeyPrefixes"
    if default_key is None and not policy.admits(GENERATED_KEY_PROBE):
        message = f"{prefixes} must include 'hook:' when hooks.defaultSessionKey is unset"
        yield _stop("hooks.boot.prefixes_exclude_hook", prefixes, message)
    if policy.prefixes is None and any(mapping.templated for mapping in policy.mappings):
        message = (
            f"{prefixes} is required when a hook mapping sessionKey uses templates,"
            " even if hooks.allowRequestSessionKey=true"
        )
        yield _stop("hooks.boot.templated_mapping_without_prefixes", prefixes, message)


def _about_mappings(hooks: Mapping[str, Any], config_dir: str) -> Iterator[BootFailure]:
    mappings = read_mappings(hooks)
    target = optional_text(hooks.get("transformsDir"))
    if mappings and target is not None:
        base = posixpath.join(config_dir, "hooks", "transforms")
        # Node resolves a leading `//` to `/`; Python keeps it.
        resolved = posixpath.normpath(posixpath.join(base, target))
        resolved = "/" + resolved.lstrip("/") if resolved.startswith("/") else resolved
        if resolved != base and not resolved.startswith(f"{base}/"):
            message = f"Hook transformsDir module path must be within {base}: {target}"
            yield _stop("hooks.boot.transforms_dir_outside", "hooks.transformsDir", message)
    for mapping in mappings:
        if optional_text(mapping.for_each) in _FORBIDDEN_FOR_EACH:
            message = f"Hook mapping forEach must be a top-level payload key: {mapping.for_each}"
            yield _stop("hooks.boot.mapping_invalid", f"{mapping.where}.forEach", message)
            return  # the gateway stops at the first

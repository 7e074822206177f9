"""Would the gateway start from this file? The boot rules of `hooks.*`, in the order OpenClaw checks them."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

from openclaw_install.host.hooks.agents import section
from openclaw_install.host.hooks.mappings import read_mappings
from openclaw_install.host.hooks.policy import GENERATED_KEY_PROBE, HookPolicy, read_policy
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
class BootVerdict:
    """Whether the gateway would start, as far as `hooks.*` decides it.

    Attributes:
        ok: it would.
        rule: id of the first rule that stops it.
        message: the gateway's own error text.
        path: config path that the rule is about.
        key: the key of `hooks` that it is about; "" for the section itself.
    """

    ok: bool
    rule: BootRule | None = None
    message: str | None = None
    path: str | None = None

    @property
    def key(self) -> str:
        return SchemaIssue(self.path or "", "").key


@dataclass(frozen=True)
class _Subject:
    hooks: Mapping[str, Any]
    policy: HookPolicy
    config_dir: str | None


def boot_verdict(
    config: Mapping[str, Any],
    unresolved: Collection[str] = (),
    *,
    config_dir: PurePath | None = None,
    has_includes: bool = False,
    policy: HookPolicy | None = None,
) -> BootVerdict:
    """Whether `openclaw gateway run` would start from this config, by the rules under `hooks`.

    Args:
        config: the document with includes and variables resolved; an unresolvable `${NAME}` stays in it as it
            is written, which is what OpenClaw does.
        unresolved: names of variables that could not be resolved. They stop nothing: the gateway warns and
            takes the reference itself as the value, so that a token becomes the guessable text `${NAME}`.
        config_dir: absolute folder of the config file. Without it every absolute `hooks.transformsDir` counts
            as outside the transforms folder.
        has_includes: the document uses `$include`. The gateway then leaves retired keys to stop it, which it
            otherwise removes by itself.
        policy: what `read_policy` says of the config, where the caller knows it.

    Symbolic links below the transforms folder are not followed here. Source: resolveHooksConfig and the
    config schema of OpenClaw 2026.9.6.
    """
    del unresolved  # part of the question, and no part of the answer: see above
    failures = boot_failures(config, config_dir=config_dir, has_includes=has_includes, policy=policy)
    return failures[0] if failures else BootVerdict(ok=True)


def boot_failures(
    config: Mapping[str, Any],
    *,
    config_dir: PurePath | None = None,
    has_includes: bool = False,
    policy: HookPolicy | None = None,
) -> tuple[BootVerdict, ...]:
    """Every rule that stops the next start, in the gateway's order; arguments as in `boot_verdict`."""
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
    folder = str(config_dir) if config_dir else None
    subject = _Subject(hooks, policy or read_policy(config), folder)
    return tuple(verdict for rule in _RULES if (verdict := rule(subject)))


def _stop(rule: BootRule, path: str, message: str) -> BootVerdict:
    return BootVerdict(ok=False, rule=rule, message=message, path=path)


def _token(subject: _Subject) -> BootVerdict | None:
    if subject.policy.token is not None:
        return None
    return _stop("hooks.boot.token_missing", "hooks.token", "hooks.enabled requires hooks.token")


def _path(subject: _Subject) -> BootVerdict | None:
    if subject.policy.path != "/":
        return None
    return _stop("hooks.boot.path_root", "hooks.path", "hooks.path may not be '/'")


def _presets(subject: _Subject) -> BootVerdict | None:
    if not _INHERITED_NAMES.intersection(text_items(subject.hooks.get("presets"))):
        return None
    message = "Spread syntax requires ...iterable[Symbol.iterator] to be a function"
    return _stop("hooks.boot.preset_invalid", "hooks.presets", message)


def _transforms_dir(subject: _Subject) -> BootVerdict | None:
    target = optional_text(subject.hooks.get("transformsDir"))
    if target is None or not read_mappings(subject.hooks):
        return None
    base = posixpath.join(subject.config_dir or "<config folder>", "hooks", "transforms")
    # Node resolves a leading `//` to `/`; Python keeps it.
    resolved = posixpath.normpath(posixpath.join(base, target))
    resolved = "/" + resolved.lstrip("/") if resolved.startswith("/") else resolved
    if resolved == base or resolved.startswith(f"{base}/"):
        return None
    message = f"Hook transformsDir module path must be within {base}: {target}"
    return _stop("hooks.boot.transforms_dir_outside", "hooks.transformsDir", message)


def _mappings(subject: _Subject) -> BootVerdict | None:
    for mapping in read_mappings(subject.hooks):
        if optional_text(mapping.for_each) in _FORBIDDEN_FOR_EACH:
            message = f"Hook mapping forEach must be a top-level payload key: {mapping.for_each}"
            return _stop("hooks.boot.mapping_invalid", f"{mapping.where}.forEach", message)
    return None


def _default_key(subject: _Subject) -> BootVerdict | None:
    policy = subject.policy
    if policy.default_session_key is None or policy.admits(policy.default_session_key):
        return None
    message = "hooks.defaultSessionKey must match hooks.allowedSessionKeyPrefixes"
    return _stop("hooks.boot.default_key_outside_prefixes", "hooks.defaultSessionKey", message)


def _generated_key(subject: _Subject) -> BootVerdict | None:
    policy = subject.policy
    if policy.default_session_key is not None or policy.admits(GENERATED_KEY_PROBE):
        return None
    message = "hooks.allowedSessionKeyPrefixes must include 'hook:' when hooks.defaultSessionKey is unset"
    return _stop("hooks.boot.prefixes_exclude_hook", "hooks.allowedSessionKeyPrefixes", message)


def _templates(subject: _Subject) -> BootVerdict | None:
    policy = subject.policy
    if policy.prefixes is not None or not any(mapping.templated for mapping in policy.mappings):
        return None
    message = (
        "hooks.allowedSessionKeyPrefixes is required when a hook mapping sessionKey uses templates,"
        " even if hooks.allowRequestSessionKey=true"
    )
    return _stop("hooks.boot.templated_mapping_without_prefixes", "hooks.allowedSessionKeyPrefixes", message)


_RULES: tuple[Callable[[_Subject], BootVerdict | None], ...] = (
    _token,
    _path,
    _presets,
    _transforms_dir,
    _mappings,
    _default_key,
    _generated_key,
    _templates,
)

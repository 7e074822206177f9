"""What types OpenClaw's config schema accepts under `hooks`; anything else stops the gateway at once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from openclaw_install.host.hooks.agents import section
from openclaw_install.host.javascript import trim


class SchemaIssue(NamedTuple):
    """One refusal: the config path (`hooks.mappings[0].forEach`) and OpenClaw's own words for it."""

    path: str
    message: str

    @property
    def key(self) -> str:
        """The key of `hooks` that it is about; "" where it is about the section itself."""
        return re.split(r"[.\[]", self.path)[1] if "." in self.path else ""


Check = Callable[[Any, str], Iterator[SchemaIssue]]
_MAX_SAFE_INTEGER = 2**53 - 1
_JSON_TYPES = (
    (bool, "boolean"),
    (int | float, "number"),
    (str, "string"),
    (list, "array"),
    (Mapping, "object"),
)


def json_type(value: Any) -> str:
    """The name that OpenClaw's validator gives to the type of a JSON5 value."""
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return next((name for kind, name in _JSON_TYPES if isinstance(value, kind)), "null")


def _refuse(expected: str, value: Any, path: str) -> SchemaIssue:
    return SchemaIssue(path, f"Invalid input: expected {expected}, received {json_type(value)}")


def _typed(expected: str, value: Any, path: str) -> Iterator[SchemaIssue]:
    if json_type(value) != expected:
        yield _refuse(expected, value, path)


def _text(accepts: Callable[[str], object], complaint: str, value: Any, path: str) -> Iterator[SchemaIssue]:
    if not isinstance(value, str):
        yield _refuse("string", value, path)
    elif not accepts(value):
        yield SchemaIssue(path, complaint)


def _one_of(choices: tuple[str, ...], value: Any, path: str) -> Iterator[SchemaIssue]:
    if value not in choices:
        allowed = ", ".join(f'"{choice}"' for choice in choices)
        yield SchemaIssue(path, f"Invalid input (allowed: {allowed})")


def _count(value: Any, path: str) -> Iterator[SchemaIssue]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield _refuse("number", value, path)
    elif not math.isfinite(value) or abs(value) > _MAX_SAFE_INTEGER or value != int(value):
        yield SchemaIssue(path, "Invalid input: expected int, received number")
    elif value <= 0:
        yield SchemaIssue(path, "Too small: expected number to be >0")


def _list_of(item: Check, value: Any, path: str) -> Iterator[SchemaIssue]:
    if isinstance(value, list):
        for index, entry in enumerate(value):
            yield from item(entry, f"{path}[{index}]")
    else:
        yield _refuse("array", value, path)


def _record_of(item: Check, value: Any, path: str) -> Iterator[SchemaIssue]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if key != "__proto__":  # zod passes it over
                yield from item(entry, f"{path}.{key}")
    else:
        yield SchemaIssue(path, f"Invalid input: expected record, received {json_type(value)}")


def _fields(
    checks: Mapping[str, Check], value: Any, path: str, *, strict: bool, required: tuple[str, ...] = ()
) -> Iterator[SchemaIssue]:
    if not isinstance(value, Mapping):
        yield _refuse("object", value, path)
        return
    for name, check in checks.items():
        if name in value:
            yield from check(value[name], f"{path}.{name}")
        elif name in required:
            yield SchemaIssue(f"{path}.{name}", "Invalid input: expected string, received undefined")
    unknown = [name for name in value if name not in checks] if strict else []
    if unknown:
        names = ", ".join(f'"{name}"' for name in unknown)
        yield SchemaIssue(path, f"Unrecognized key{'s' if len(unknown) > 1 else ''}: {names}")


def _object(checks: Mapping[str, Check], *, strict: bool = True, required: tuple[str, ...] = ()) -> Check:
    return partial(_fields, checks, strict=strict, required=required)


def _is_safe_module(raw: str) -> bool:
    value = trim(raw)
    parts = re.split(r"[\\/]+", value)
    return bool(value) and not value.startswith(("/", "~")) and ":" not in value and ".." not in parts


_STRING, _BOOLEAN = partial(_typed, "string"), partial(_typed, "boolean")
_STRINGS = partial(_list_of, _STRING)
_MODULE = partial(_text, _is_safe_module, "module must be a safe relative path (no absolute paths)")
_FOR_EACH = partial(_text, re.compile(r"[^.\[\]]+").fullmatch, "forEach must be a top-level payload key")
_NOT_BLANK = partial(_text, trim, "Too small: expected string to have >=1 characters")
_MAPPING = _object(
    {
        **dict.fromkeys(("id", "name", "agentId", "sessionKey"), _STRING),
        **dict.fromkeys(("messageTemplate", "textTemplate", "to", "model", "thinking"), _STRING),
        "match": _object({"path": _STRING, "source": _STRING}, strict=False),
        "action": partial(_one_of, ("wake", "agent")),
        "wakeMode": partial(_one_of, ("now", "next-heartbeat")),
        "sessionMode": partial(_one_of, ("isolated", "persistent")),
        "forEach": _FOR_EACH,
        **dict.fromkeys(("deliver", "allowUnsafeExternalContent"), _BOOLEAN),
        "channel": _NOT_BLANK,
        "timeoutSeconds": _count,
        "transform": _object({"module": _MODULE, "export": _STRING}, required=("module",)),
    }
)
_TAILSCALE = {"mode": partial(_one_of, ("off", "serve", "funnel")), "path": _STRING, "target": _STRING}
_GMAIL_TEXTS = ("account", "label", "topic", "subscription", "pushToken", "hookUrl", "model")
_GMAIL = _object(
    {
        **dict.fromkeys(_GMAIL_TEXTS, _STRING),
        **dict.fromkeys(("includeBody", "allowUnsafeExternalContent"), _BOOLEAN),
        **dict.fromkeys(("maxBytes", "renewEveryMinutes"), _count),
        "serve": _object({"bind": _STRING, "port": _count, "path": _STRING}),
        "tailscale": _object(_TAILSCALE),
        "thinking": partial(_one_of, ("off", "minimal", "low", "medium", "high")),
    }
)
_ENTRY = _object({"enabled": _BOOLEAN, "env": partial(_record_of, _STRING)}, strict=False)
_INTERNAL = _object(
    {
        "enabled": _BOOLEAN,
        "entries": partial(_record_of, _ENTRY),
        "load": _object({"extraDirs": _STRINGS}),
    }
)
_HOOKS = _object(
    {
        **dict.fromkeys(("path", "token", "defaultSessionKey", "transformsDir"), _STRING),
        **dict.fromkeys(("enabled", "allowRequestSessionKey"), _BOOLEAN),
        **dict.fromkeys(("allowedSessionKeyPrefixes", "allowedAgentIds", "presets"), _STRINGS),
        "mappings": partial(_list_of, _MAPPING),
        "gmail": _GMAIL,
        "internal": _INTERNAL,
    }
)
# Keys of older versions: at its next start the gateway removes them itself and rewrites the file without
# comments. It does not where the file has an `$include`; there they stop it like any unknown key.
RETIRED_KEYS = (("maxBodyBytes",), ("internal", "handlers"), ("internal", "installs"))


def _persistent_without_key(hooks: Any) -> Iterator[SchemaIssue]:
    default = hooks.get("defaultSessionKey")
    for index, mapping in enumerate(hooks.get("mappings", ())):
        key = trim(mapping.get("sessionKey", "")) or trim(default or "")
        persistent = mapping.get("sessionMode") == "persistent" and mapping.get("action", "agent") == "agent"
        if persistent and not key and "transform" not in mapping:
            yield SchemaIssue(
                f"hooks.mappings[{index}].sessionKey",
                "persistent hook mappings require sessionKey, hooks.defaultSessionKey, or a transform",
            )


def retired_keys(hooks: Any) -> tuple[str, ...]:
    """The retired keys in the section, as config paths."""
    found = (path for path in RETIRED_KEYS if path[-1] in section(hooks, *path[:-1]))
    return tuple(".".join(("hooks", *path)) for path in found)


def without_retired_keys(hooks: Any) -> Any:
    """The section as the gateway's own start-up migration leaves it."""
    if not isinstance(hooks, Mapping):
        return hooks
    slim = {name: value for name, value in hooks.items() if name != "maxBodyBytes"}
    if isinstance(internal := slim.get("internal"), Mapping):
        slim["internal"] = {
            key: value for key, value in internal.items() if key not in {"handlers", "installs"}
        }
    return slim


def schema_issues(hooks: Any) -> tuple[SchemaIssue, ...]:
    """Every type error, unknown key and schema rule that the section breaks, in the schema's order.

    Args:
        hooks: the value of `hooks`, with includes and variables resolved.

    Source: zod-schema of OpenClaw 2026.9.6 (OpenClawSchema.hooks). No message holds a value of the file.
    """
    issues = tuple(_HOOKS(hooks, "hooks"))
    return issues or tuple(_persistent_without_key(hooks))

"""What types OpenClaw's config schema accepts under `hooks`; anything else stops the gateway at once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

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
_FOR_EACH = re.compile(r"[^.\[\]]+")


def json_type(value: Any) -> str:
    """The name that OpenClaw's validator gives to the type of a JSON5 value."""
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return next((name for kind, name in _JSON_TYPES if isinstance(value, kind)), "null")


def _refuse(expected: str, value: Any, path: str) -> SchemaIssue:
    return SchemaIssue(path, f"Invalid input: expected {expected}, received {json_type(value)}")


def _is(expected: str) -> Check:
    def check(value: Any, path: str) -> Iterator[SchemaIssue]:
        if json_type(value) != expected:
            yield _refuse(expected, value, path)

    return check


def _text(accepts: Callable[[str], bool], complaint: str) -> Check:
    def check(value: Any, path: str) -> Iterator[SchemaIssue]:
        if not isinstance(value, str):
            yield _refuse("string", value, path)
        elif not accepts(value):
            yield SchemaIssue(path, complaint)

    return check


def _one_of(*choices: str) -> Check:
    def check(value: Any, path: str) -> Iterator[SchemaIssue]:
        if value not in choices:
            allowed = ", ".join(f'"{choice}"' for choice in choices)
            yield SchemaIssue(path, f"Invalid input (allowed: {allowed})")

    return check


def _count(value: Any, path: str) -> Iterator[SchemaIssue]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield _refuse("number", value, path)
    elif not math.isfinite(value) or abs(value) > _MAX_SAFE_INTEGER or value != int(value):
        yield SchemaIssue(path, "Invalid input: expected int, received number")
    elif value <= 0:
        yield SchemaIssue(path, "Too small: expected number to be >0")


def _list_of(item: Check) -> Check:
    def check(value: Any, path: str) -> Iterator[SchemaIssue]:
        if not isinstance(value, list):
            yield _refuse("array", value, path)
            return
        for index, entry in enumerate(value):
            yield from item(entry, f"{path}[{index}]")

    return check


def _record_of(item: Check) -> Check:
    def check(value: Any, path: str) -> Iterator[SchemaIssue]:
        if not isinstance(value, Mapping):
            yield SchemaIssue(path, f"Invalid input: expected record, received {json_type(value)}")
            return
        for key, entry in value.items():
            if key != "__proto__":  # zod passes it over
                yield from item(entry, f"{path}.{key}")

    return check


def _object(fields: Mapping[str, Check], *, strict: bool, required: tuple[str, ...] = ()) -> Check:
    def check(value: Any, path: str) -> Iterator[SchemaIssue]:
        if not isinstance(value, Mapping):
            yield _refuse("object", value, path)
            return
        for name, field in fields.items():
            if name in value:
                yield from field(value[name], f"{path}.{name}")
            elif name in required:
                yield SchemaIssue(f"{path}.{name}", "Invalid input: expected string, received undefined")
        unknown = [name for name in value if name not in fields] if strict else []
        if unknown:
            names = ", ".join(f'"{name}"' for name in unknown)
            yield SchemaIssue(path, f"Unrecognized key{'s' if len(unknown) > 1 else ''}: {names}")

    return check


def _is_safe_module(raw: str) -> bool:
    value = trim(raw)
    parts = re.split(r"[\\/]+", value)
    return bool(value) and not value.startswith(("/", "~")) and ":" not in value and ".." not in parts


_STRING, _BOOLEAN = _is("string"), _is("boolean")
_STRINGS = _list_of(_STRING)
_TRANSFORM = _object(
    {
        "module": _text(_is_safe_module, "module must be a safe relative path (no absolute paths)"),
        "export": _STRING,
    },
    strict=True,
    required=("module",),
)
_MAPPING_TEXTS = (
    "id",
    "name",
    "agentId",
    "sessionKey",
    "messageTemplate",
    "textTemplate",
    "to",
    "model",
    "thinking",
)
_MAPPING = _object(
    {
        **dict.fromkeys(_MAPPING_TEXTS, _STRING),
        "match": _object({"path": _STRING, "source": _STRING}, strict=False),
        "action": _one_of("wake", "agent"),
        "wakeMode": _one_of("now", "next-heartbeat"),
        "sessionMode": _one_of("isolated", "persistent"),
        "forEach": _text(
            lambda text: bool(_FOR_EACH.fullmatch(text)), "forEach must be a top-level payload key"
        ),
        "deliver": _BOOLEAN,
        "allowUnsafeExternalContent": _BOOLEAN,
        "channel": _text(lambda text: bool(trim(text)), "Too small: expected string to have >=1 characters"),
        "timeoutSeconds": _count,
        "transform": _TRANSFORM,
    },
    strict=True,
)
_GMAIL_TEXTS = ("account", "label", "topic", "subscription", "pushToken", "hookUrl", "model")
_GMAIL = _object(
    {
        **dict.fromkeys(_GMAIL_TEXTS, _STRING),
        **dict.fromkeys(("includeBody", "allowUnsafeExternalContent"), _BOOLEAN),
        **dict.fromkeys(("maxBytes", "renewEveryMinutes"), _count),
        "serve": _object({"bind": _STRING, "port": _count, "path": _STRING}, strict=True),
        "tailscale": _object(
            {"mode": _one_of("off", "serve", "funnel"), "path": _STRING, "target": _STRING}, strict=True
        ),
        "thinking": _one_of("off", "minimal", "low", "medium", "high"),
    },
    strict=True,
)
_INTERNAL = _object(
    {
        "enabled": _BOOLEAN,
        "entries": _record_of(_object({"enabled": _BOOLEAN, "env": _record_of(_STRING)}, strict=False)),
        "load": _object({"extraDirs": _STRINGS}, strict=True),
    },
    strict=True,
)
_HOOKS = _object(
    {
        **dict.fromkeys(("path", "token", "defaultSessionKey", "transformsDir"), _STRING),
        **dict.fromkeys(("enabled", "allowRequestSessionKey"), _BOOLEAN),
        **dict.fromkeys(("allowedSessionKeyPrefixes", "allowedAgentIds", "presets"), _STRINGS),
        "mappings": _list_of(_MAPPING),
        "gmail": _GMAIL,
        "internal": _INTERNAL,
    },
    strict=True,
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
    found = []
    for path in RETIRED_KEYS:
        value: Any = hooks
        for name in path:
            value = value.get(name, _HOOKS) if isinstance(value, Mapping) else _HOOKS
        if value is not _HOOKS:
            found.append(".".join(("hooks", *path)))
    return tuple(found)


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

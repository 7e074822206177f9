"""What a skill needs from its host, and what is missing here: pure functions over facts.

Source of the rules: `src/shared/requirements.ts`, `src/shared/config-eval.ts` and
`src/skills/loading/config.ts` of OpenClaw 2026.9.6. `missing` is what `openclaw skills list --json` prints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from openclaw_install.host.javascript import trim

# OpenClaw takes these paths for true where the config says nothing.
CONFIG_DEFAULTS = {"browser.enabled": True, "browser.evaluateEnabled": True}
_BLOCKED_SEGMENTS = frozenset({"__proto__", "prototype", "constructor"})


@dataclass(frozen=True)
class Missing:
    """Of each list of requirements, the part that this host lacks.

    Attributes:
        bins: programs that must all be on PATH.
        any_bins: programs of which one must be on PATH.
        env: environment variables that must hold text.
        config: dotted paths in `openclaw.json` that must be truthy.
        os: platforms, in Node's names (`linux`, `darwin`, `win32`; `macos` counts as `darwin`).
    """

    bins: tuple[str, ...] = ()
    any_bins: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    os: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Everything that is missing, of whatever kind."""
        return (*self.bins, *self.any_bins, *self.env, *self.config, *self.os)

    def __bool__(self) -> bool:
        return bool(self.names())


@dataclass(frozen=True)
class Requirements(Missing):
    """The `requires` and `os` lists of a skill's manifest: on a bare host, all of them are missing.

    Attributes:
        always: true if the skill is taken whatever else is missing than a platform.
        primary_env: the variable that `skills.entries.<key>.apiKey` stands for.
    """

    always: bool = False
    primary_env: str | None = None


@dataclass(frozen=True)
class KnownFacts:
    """Facts from plain data, for one skill.

    Attributes:
        config: the host's config document.
        env: the environment of the gateway.
        entry: the skill's own `skills.entries.<key>` in the config, empty if it has none.
        find_bin: whether a program is on PATH.
        platform: Node's name of the platform.
    """

    config: Mapping[str, object]
    env: Mapping[str, str]
    find_bin: Callable[[str], bool]
    platform: str
    entry: Mapping[str, object] = field(default_factory=dict)

    def has_bin(self, name: str) -> bool:
        """Whether the program is on PATH."""
        return self.find_bin(name)

    def has_env(self, name: str, requirements: Requirements) -> bool:
        """The environment, the entry's `env`, and the entry's `apiKey` for the primary variable."""
        if _has_text(self.env.get(name)):
            return True
        own = self.entry.get("env")
        if isinstance(own, Mapping) and _has_text(own.get(name)):
            return True
        return requirements.primary_env == name and is_configured_secret(self.entry.get("apiKey"))

    def config_is_truthy(self, path: str) -> bool:
        """Whether the path is truthy in the config, with OpenClaw's defaults where it says nothing."""
        return config_path_is_truthy(self.config, path)


def missing(requirements: Requirements, facts: KnownFacts) -> Missing:
    """What of `requirements` the host lacks."""
    lacks_os: tuple[str, ...] = ()
    if requirements.os:
        wanted = {_platform(name) for name in requirements.os}
        lacks_os = () if _platform(facts.platform) in wanted else requirements.os
    if requirements.always:
        return Missing(os=lacks_os)
    any_bins = requirements.any_bins
    return Missing(
        bins=tuple(name for name in requirements.bins if not facts.has_bin(name)),
        any_bins=() if any(map(facts.has_bin, any_bins)) else any_bins,
        env=tuple(name for name in requirements.env if not facts.has_env(name, requirements)),
        config=tuple(path for path in requirements.config if not facts.config_is_truthy(path)),
        os=lacks_os,
    )


def config_path_is_truthy(config: Mapping[str, object], path: str) -> bool:
    """Whether a dotted path leads to a truthy value; blank text is not truthy, empty objects are."""
    segments = [segment for segment in path.split(".") if segment]
    blocked = any(segment in _BLOCKED_SEGMENTS for segment in segments)
    value: object = None if blocked else _lookup(config, segments)
    if value is _ABSENT:
        return CONFIG_DEFAULTS.get(path, False)
    return is_truthy(value)


_ABSENT = object()


def _lookup(value: object, segments: list[str]) -> object:
    for segment in segments:
        if isinstance(value, Mapping):
            value = value.get(segment, _ABSENT)
        elif isinstance(value, list):
            value = _list_item(value, segment)
        else:
            return _ABSENT
    return value


def _list_item(items: list[object], segment: str) -> object:
    if segment == "length":
        return float(len(items))
    if segment.isascii() and segment.isdigit() and str(int(segment)) == segment and int(segment) < len(items):
        return items[int(segment)]
    return _ABSENT


def is_truthy(value: object) -> bool:
    """OpenClaw's rule for a config value that a skill asks for."""
    if value is None:
        return False
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value != 0
    if isinstance(value, str):
        return bool(trim(value))
    return True


def _has_text(value: object) -> bool:
    return isinstance(value, str) and bool(trim(value))


def _platform(name: str) -> str:
    normal = trim(name).lower()
    return "darwin" if normal == "macos" else normal


def is_configured_secret(value: object) -> bool:
    """Whether a config value holds a secret: text, or a reference to where the secret is kept."""
    if not isinstance(value, Mapping):
        return _has_text(value)
    return (
        value.get("source") in ("env", "file", "exec", "store")
        and _has_text(value.get("id"))
        and ("provider" not in value or _has_text(value["provider"]))
    )

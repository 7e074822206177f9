"""The boot verdict on a config that is not on disk yet, such as one that `undo` would restore."""

from __future__ import annotations

from pathlib import Path

from openclaw_install.common.errors import ConfigError
from openclaw_install.host.config.document import parse_bytes
from openclaw_install.host.config.env import expand_home, gateway_env, substitute, with_config_env
from openclaw_install.host.config.includes import resolve_includes
from openclaw_install.host.hooks.boot import BootVerdict, boot_verdict
from openclaw_install.host.locate import HostLocation


def verdict_on(data: bytes, location: HostLocation) -> BootVerdict | None:
    """Whether the gateway of `location` would start from a config of these bytes.

    None where they cannot be read as a config: then there is nothing to judge.
    """
    path = location.config_path
    listed = location.env.get("OPENCLAW_INCLUDE_ROOTS", "").split(":")
    roots: list[Path] = [expand_home(entry, location.env) for entry in listed if entry.strip()]
    try:
        included = resolve_includes(parse_bytes(path, data), path, roots, parse_bytes)
    except ConfigError:
        return None
    if not isinstance(included.value, dict):
        return None
    env = with_config_env(gateway_env(path, location.env), included.value)
    document, unresolved = substitute(included.value, env)
    return boot_verdict(
        document,
        [item.name for item in unresolved],
        config_dir=path.parent,
        has_includes=bool(included.files),
    )

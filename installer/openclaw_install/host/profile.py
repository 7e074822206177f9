"""`openclaw --profile NAME`: what it sets, keeps and replaces in the environment that it inherits. Pure.

Source: OpenClaw 2026.9.6 (`src/cli/profile.ts`, `src/cli/profile-utils.ts`, `src/daemon/constants.ts`).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from openclaw_install.common.errors import UsageError
from openclaw_install.host.home import user_path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_DEV_PORT = "19001"
# A service of the gateway hands these to its children: they name the service's own host and nothing else.
_SERVICE_SELECTORS = (
    "OPENCLAW_STATE_DIR",
    "OPENCLAW_CONFIG_PATH",
    "OPENCLAW_PROFILE",
    "OPENCLAW_GATEWAY_PORT",
    "OPENCLAW_LAUNCHD_LABEL",
    "OPENCLAW_SYSTEMD_UNIT",
    "OPENCLAW_WINDOWS_TASK_NAME",
)


def is_profile_name(text: str) -> bool:
    """Whether OpenClaw takes a text as the name of a profile."""
    return _NAME.fullmatch(text) is not None


def named_profile(text: str | None) -> str | None:
    """The profile that a value of `OPENCLAW_PROFILE` names; None for the default one."""
    name = (text or "").strip()
    return name if name and name.lower() != "default" else None


def profile_state_dir(name: str, home: Path) -> Path:
    """The state folder of a profile: `~/.openclaw`, or `~/.openclaw-NAME`."""
    return home / (f".openclaw-{name}" if named_profile(name) else ".openclaw")


def apply_profile(env: dict[str, str], home: Path, name: str) -> None:
    """Changes `env` as `openclaw --profile NAME` changes its own.

    What the inherited variables say of the inherited profile's own host gives way to the profile that is
    named; a state folder or a config elsewhere is meant and stays.

    Args:
        env: the inherited environment; changed in place.
        home: the home folder that OpenClaw uses.
        name: the profile's name.

    Raises:
        UsageError: `name`, or the inherited `OPENCLAW_PROFILE`, is no name that OpenClaw takes.
    """
    name = name.strip()
    if not is_profile_name(name):
        raise UsageError(
            f"{name!r} is no profile name",
            next_step="use letters, digits, '-' and '_', at most 64, beginning with a letter or digit",
        )
    inherited = env.get("OPENCLAW_PROFILE", "").strip() or "default"
    if not is_profile_name(inherited):
        raise UsageError(
            f"OPENCLAW_PROFILE is {inherited!r}, which is no profile name and forbids --profile",
            next_step="unset OPENCLAW_PROFILE",
        )
    own, selected = profile_state_dir(inherited, home), profile_state_dir(name, home)
    state, config = _path(env, "OPENCLAW_STATE_DIR", home), _path(env, "OPENCLAW_CONFIG_PATH", home)
    switches = own != selected
    replaces_state = switches and state == own
    replaces_config = switches and (state is None or replaces_state) and config == own / "openclaw.json"
    from_service = replaces_state and replaces_config and _is_gateway_service(env)
    own_services = tuple(_own_selectors(env, inherited)) if switches else ()
    for key in _SERVICE_SELECTORS if from_service else own_services:
        env.pop(key, None)
    env["OPENCLAW_PROFILE"] = name
    if state is None or replaces_state:
        env["OPENCLAW_STATE_DIR"] = str(selected)
    if not from_service and (config is None or replaces_config):
        env["OPENCLAW_CONFIG_PATH"] = posixpath.normpath(f"{env['OPENCLAW_STATE_DIR'].strip()}/openclaw.json")
    if name == "dev" and not env.get("OPENCLAW_GATEWAY_PORT", "").strip():
        env["OPENCLAW_GATEWAY_PORT"] = _DEV_PORT


def _path(env: Mapping[str, str], key: str, home: Path) -> Path | None:
    """The path in a variable; None where it names none."""
    text = env.get(key, "").strip()
    return user_path(text, home) if text else None


def _is_gateway_service(env: Mapping[str, str]) -> bool:
    kind = env.get("OPENCLAW_SERVICE_KIND", "").strip()
    return env.get("OPENCLAW_SERVICE_MARKER", "").strip() == "openclaw" and kind in ("", "gateway")


def _own_selectors(env: Mapping[str, str], inherited: str) -> Iterator[str]:
    """The variables that name the inherited profile's own service."""
    name = named_profile(inherited)
    unit = f"openclaw-gateway-{name}" if name else "openclaw-gateway"
    values = {
        "OPENCLAW_LAUNCHD_LABEL": (f"ai.openclaw.{name or 'gateway'}",),
        "OPENCLAW_SYSTEMD_UNIT": (unit, f"{unit}.service"),
        "OPENCLAW_WINDOWS_TASK_NAME": (f"OpenClaw Gateway ({name})" if name else "OpenClaw Gateway",),
    }
    yield from (key for key, own in values.items() if env.get(key, "").strip() in own)

"""Finds the OpenClaw host on this machine: home, state folder, config path, profile, port and CLI.

The rules are those of OpenClaw's own path resolution (`src/config/paths.ts`; `home.py` and `profile.py`
have the rest), so that both sides always mean the same files.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openclaw_install.common.errors import HostError
from openclaw_install.host.home import home_folder, user_path
from openclaw_install.host.profile import apply_profile, is_profile_name, named_profile, profile_state_dir

DEFAULT_PORT = 18789
_CONFIG_NAMES = ("openclaw.json", "clawdbot.json")


@dataclass(frozen=True)
class HostLocation:
    """Where one host lives.

    Attributes:
        home: the home folder that `~` stands for.
        state_dir: the state folder; it need not exist.
        config_path: the config file as named, symlinks not followed; it need not exist.
        profile: the named profile, or None for the default one.
        env: the variables as the host's own processes see them (profile applied).
        cli: path of the `openclaw` program, or None when it is not on PATH.
        read_only: the host declares its config managed from outside (Nix mode or
            `OPENCLAW_CONFIG_READONLY=1`).
    """

    home: Path
    state_dir: Path
    config_path: Path
    profile: str | None
    env: Mapping[str, str] = field(repr=False)
    cli: Path | None
    read_only: bool

    @property
    def is_default_state(self) -> bool:
        """Whether the state folder is the home's own `.openclaw`."""
        return os.path.realpath(self.state_dir) == os.path.realpath(self.home / ".openclaw")

    @property
    def is_own_state(self) -> bool:
        """Whether the state folder is the one that `--profile` with this profile's name means."""
        own = profile_state_dir(self.profile or "default", self.home)
        return os.path.realpath(self.state_dir) == os.path.realpath(own)

    def port(self, config: Mapping[str, Any]) -> int:
        """The gateway's TCP port: variable, then config, then the profile's derived port, then 18789."""
        return gateway_port(config, self.env)

    def default_workspace(self) -> Path:
        """The workspace of an agent that names none."""
        override = self.env.get("OPENCLAW_WORKSPACE_DIR", "").strip()
        return Path(override).absolute() if override else self.state_dir / "workspace"


def locate(
    env: Mapping[str, str],
    *,
    state_dir: Path | None = None,
    config: Path | None = None,
    profile: str | None = None,
) -> HostLocation:
    """Finds the host that the variables and options mean.

    Args:
        env: the caller's environment.
        state_dir: the whole host lies here, whatever the environment and the profile say.
        config: the config file, whatever the environment, the profile and `state_dir` say.
        profile: as `openclaw --profile NAME`: the host under `~/.openclaw-NAME`, unless the environment
            names a folder that is not the inherited profile's own.

    Raises:
        UsageError: the profile's name is not one that OpenClaw takes.
        HostError: the state folder is not a folder, or this user may not look into it.
    """
    home = home_folder(env)
    host_env = _host_env(env, home, state_dir, config, profile)
    try:
        state = _state_folder(host_env, home)
        is_file = state.exists() and not state.is_dir()
        config_path = _config_path(host_env, home, state)
    except OSError as error:
        raise HostError(
            f"cannot look into the state folder: {error.strerror}: {error.filename}",
            next_step="run as the user who owns the host, or give this user the right to read the folder",
            code="host.unreadable",
        ) from error
    if is_file:
        raise HostError(
            f"the state folder {state} is a file",
            next_step="move the file away, or name the right folder with --state-dir",
            code="host.state_is_file",
        )
    cli = shutil.which("openclaw", path=host_env.get("PATH"))
    return HostLocation(
        home=home,
        state_dir=state,
        config_path=config_path,
        profile=named_profile(host_env.get("OPENCLAW_PROFILE")),
        env=host_env,
        cli=Path(cli) if cli else None,
        read_only=host_env.get("OPENCLAW_CONFIG_READONLY") == "1" or host_env.get("OPENCLAW_NIX_MODE") == "1",
    )


def _host_env(
    env: Mapping[str, str], home: Path, state_dir: Path | None, config: Path | None, profile: str | None
) -> dict[str, str]:
    """The caller's environment with what the options put in its place."""
    host_env = dict(env)
    if profile is not None:
        apply_profile(host_env, home, profile)
    if state_dir is not None:
        host_env["OPENCLAW_STATE_DIR"] = str(state_dir.expanduser().absolute())
        # A config path of the profile or of the environment belongs to that host, not to the one named here.
        host_env.pop("OPENCLAW_CONFIG_PATH", None)
    if config is not None:
        host_env["OPENCLAW_CONFIG_PATH"] = str(config.expanduser().absolute())
    return host_env


def openclaw_for(location: HostLocation) -> str:
    """How OpenClaw's own program is called for a host in a shell that names none."""
    if location.is_own_state and location.config_path == location.state_dir / "openclaw.json":
        return "openclaw" if location.profile is None else f"openclaw --profile {location.profile}"
    places = {"OPENCLAW_STATE_DIR": location.state_dir, "OPENCLAW_CONFIG_PATH": location.config_path}
    words = [f"{name}={shlex.quote(str(path))}" for name, path in places.items()]
    return " ".join([*words, "openclaw"])


def gateway_port(config: Mapping[str, Any], env: Mapping[str, str]) -> int:
    """The TCP port on which the gateway of this config and environment listens."""
    from_env = _port_of(env.get("OPENCLAW_GATEWAY_PORT", "").strip())
    if from_env is not None:
        return from_env
    gateway = config.get("gateway")
    configured = gateway.get("port") if isinstance(gateway, Mapping) else None
    if isinstance(configured, int | float) and not isinstance(configured, bool) and configured > 0:
        return int(configured)
    profile = env.get("OPENCLAW_PROFILE", "").strip()
    if named_profile(profile) is None or not is_profile_name(profile):
        return DEFAULT_PORT
    # FNV-1a over the profile's name, as `resolveGatewayPort` does it.
    digest = 2166136261
    for byte in profile.encode():
        digest = (digest ^ byte) * 16777619 & 0xFFFFFFFF
    return 20000 + digest % 40000


def _state_folder(env: Mapping[str, str], home: Path) -> Path:
    override = env.get("OPENCLAW_STATE_DIR", "").strip()
    if override:
        return user_path(override, home)
    current, legacy = home / ".openclaw", home / ".clawdbot"
    return legacy if legacy.exists() and not current.exists() else current


def _config_path(env: Mapping[str, str], home: Path, state: Path) -> Path:
    override = env.get("OPENCLAW_CONFIG_PATH", "").strip()
    if override:
        return user_path(override, home)
    folders = [state]
    if not env.get("OPENCLAW_STATE_DIR", "").strip():
        folders += [home / ".openclaw", home / ".clawdbot"]
    candidates = [folder / name for folder in folders for name in _CONFIG_NAMES]
    return next((path for path in candidates if path.exists()), candidates[0])


def _port_of(text: str) -> int | None:
    digits = re.fullmatch(r"(?:\[[^\]]+\]:|[^:]+:)?(\d+)", text)
    port = int(digits[1]) if digits else 0
    return port if 0 < port < 65536 else None

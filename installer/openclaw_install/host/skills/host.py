"""The host as its skills see it: config, environment, workspace and the folder of bundled skills."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openclaw_install.host.config.document import ConfigDocument
from openclaw_install.host.config.env import gateway_env, with_config_env
from openclaw_install.host.locate import HostLocation
from openclaw_install.host.search_path import gateway_path
from openclaw_install.host.skills.loader import installed_loader, installed_package
from openclaw_install.host.skills.roots import SkillHost
from openclaw_install.host.workspace import agent_workspace


def skill_host(location: HostLocation, document: ConfigDocument | None) -> SkillHost:
    """What decides about skills on this host.

    Args:
        location: where the host lives.
        document: its config; None where it cannot be read, and then every setting has its default.
    """
    config: Mapping[str, Any] = {} if document is None else document.data
    platform = node_platform()
    env = host_environment(location, document)
    return SkillHost(
        state_dir=location.state_dir,
        workspace=agent_workspace(config, location),
        home=location.home,
        config=config,
        env={**env, "PATH": gateway_path(env, location.home, platform)},
        is_default_state=location.is_default_state,
        bundled_dir=bundled_skills(location),
        platform=platform,
        loader=installed_loader(location),
    )


def node_platform() -> str:
    """This platform's name in Node's words."""
    return sys.platform


def host_environment(location: HostLocation, document: ConfigDocument | None) -> Mapping[str, str]:
    """The variables of a gateway that is started from this shell: dotenv files and `env` block included."""
    env = gateway_env(location.config_path, location.env)
    return env if document is None else with_config_env(env, document.as_written)


def bundled_skills(location: HostLocation) -> Path | None:
    """The `skills` folder of the OpenClaw package that the `openclaw` on PATH belongs to."""
    override = location.env.get("OPENCLAW_BUNDLED_SKILLS_DIR", "").strip()
    if override:
        return Path(override)
    package = installed_package(location.cli)
    return package / "skills" if package and (package / "skills").is_dir() else None

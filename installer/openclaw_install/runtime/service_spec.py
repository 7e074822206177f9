"""What a service for one host needs: its command line, where it writes, and what it reads."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from openclaw_install.common.files import make_private_folder
from openclaw_install.host.locate import HostLocation
from openclaw_install.runtime.command_line import runtime_command
from openclaw_install.runtime.component import Context
from openclaw_install.runtime.components import COMPONENTS
from openclaw_install.runtime.paths import RuntimePaths
from openclaw_install.runtime.report import Keeper
from openclaw_install.runtime.units import ServiceSpec

# A service finds our folders where the operator's commands find them; none of these is a secret.
_PLACES = ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")


def service_spec(
    location: HostLocation, env: Mapping[str, str], places: RuntimePaths, kind: Keeper
) -> ServiceSpec:
    """The service; the folders that it may write in are made, for a unit can only open what exists.

    Args:
        location: the host.
        env: the operator's variables.
        places: the runtime's files.
        kind: the service manager.
    """
    import platformdirs

    context = Context(location, lambda: env)
    writes = (
        platformdirs.user_state_path("openclaw-install"),
        places.logs,
        *(folder for component in COMPONENTS for folder in component.writes(context)),
    )
    for folder in writes:
        make_private_folder(folder)
    home = env.get("HOME", "").strip() or str(places.home)
    reads = (Path(home), location.state_dir, location.config_path, Path(sys.prefix), Path(__file__))
    return ServiceSpec(
        label=places.unit_name if kind == "systemd" else places.agent_label,
        description=f"openclaw-install runtime for {location.state_dir}",
        command=runtime_command(location, kind, places.env_file),
        environment={name: env[name] for name in _PLACES if env.get(name, "").strip()},
        writes=writes,
        reads=(*reads, *(folder for component in COMPONENTS for folder in component.reads(context))),
    )

"""Whether this machine is a container, in which OpenClaw binds to every address unless it is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_SENTINELS = (Path("/.dockerenv"), Path("/run/.containerenv"), Path("/var/run/.containerenv"))
_GROUPS = re.compile(r"/docker/|cri-containerd-[0-9a-f]|containerd/[0-9a-f]{64}|/kubepods[/.]|\blxc\b")


def in_container(env: Mapping[str, str]) -> bool:
    """As `isContainerEnvironment` of OpenClaw 2026.9.6 has it.

    Args:
        env: the environment of the gateway.
    """
    if env.get("FLY_MACHINE_ID", "").strip() and env.get("FLY_APP_NAME", "").strip():
        return True
    if any(path.exists() for path in _SENTINELS):
        return True
    try:
        return _GROUPS.search(Path("/proc/1/cgroup").read_text(errors="replace")) is not None
    except OSError:
        return False

"""`gateway.mode`: without `local`, `openclaw gateway run` refuses the file unless it is told otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openclaw_install.common.findings import Finding
from openclaw_install.host.hook_agents import section

_CURE = "openclaw config set gateway.mode local"


def mode_findings(config: Mapping[str, Any]) -> tuple[Finding, ...]:
    """A warning where the mode is not `local`; no boot rule, for `--allow-unconfigured` starts all the same.

    Source: the start of `openclaw gateway run` 2026.9.6, which exits 78 with these words.
    """
    mode = section(config, "gateway").get("mode")
    if mode == "local":
        return ()
    words = "existing config is missing gateway.mode" if mode is None else "set gateway.mode=local"
    message = f"a gateway that is started without --allow-unconfigured refuses this file: {words}"
    return (Finding("gateway.mode_not_local", "warn", "gateway.mode", message, _CURE),)

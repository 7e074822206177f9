"""Settings beside `hooks.*` that decide whether a running gateway takes a change over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openclaw_install.common.problems import Problem
from openclaw_install.host.hooks.agents import section

RESTART = "openclaw gateway restart"
START = "openclaw gateway run"


def settings_findings(config: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Warnings about the gateway's reload and a roster in the older form (pure).

    Source: a running OpenClaw 2026.9.6.
    """
    return (*_reload(config), *_roster(config))


def _reload(config: Mapping[str, Any]) -> Iterator[Problem]:
    if section(config, "gateway", "reload").get("mode") == "off":
        message = "the running gateway takes no change of the file over by itself, only at its next start"
        yield Problem("gateway.reload_off", message, RESTART, severity="warn", path="gateway.reload.mode")


def _roster(config: Mapping[str, Any]) -> Iterator[Problem]:
    """A start moves `agents.list` to `agents.entries`; a hot reload drops its mark of the default agent."""
    agents = section(config, "agents")
    listed = agents.get("list")
    marked = isinstance(listed, list) and any(
        isinstance(entry, Mapping) and entry.get("default") is True for entry in listed
    )
    if marked and isinstance(listed, list) and len(listed) > 1 and "entries" not in agents:
        message = (
            "after any change of hooks the running gateway no longer knows which agent of agents.list is the"
            " default one, and refuses requests that name none, until it is restarted"
        )
        yield Problem("agents.list_legacy", message, RESTART, severity="warn", path="agents.list")

"""The relay of the agent: whether one is configured. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from openclaw_install.common.problems import Problem
from openclaw_install.setup.facts import PROGRAM, Facts

IDS = ("relay.settings", "relay.not_configured")
CURE = f"{PROGRAM} --with-hub"


def look(facts: Facts) -> Iterator[Problem]:
    """Where none is configured, or its settings cannot be read."""
    agent = facts.agent
    if agent is None:
        return
    folder = str(agent.paths.folder)
    if agent.settings_problem is not None:
        yield replace(agent.settings_problem, code="relay.settings", path=folder)
    elif agent.relay is None:
        message = "no relay is configured, so no agent elsewhere can reach this one"
        yield Problem("relay.not_configured", message, CURE, path=folder)

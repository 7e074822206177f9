"""Whether a relay is agreed to, and whether the agent could be connected to it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from openclaw_install.common.problems import Problem
from openclaw_install.setup.facts import PROGRAM, Facts

WITH_HUB = f"{PROGRAM} --with-hub"


def connecting(facts: Facts) -> Iterator[Problem]:
    """`relay.connect` or `identity.connect`: what kept this run from connecting the agent."""
    if facts.not_connected is not None:
        problem = facts.not_connected.problem
        yield replace(
            problem, code="relay.connect" if problem.code.startswith("relay.") else "identity.connect"
        )


def look(facts: Facts) -> Iterator[Problem]:
    """`relay.settings` and `relay.not_configured`."""
    if facts.agent is None:
        return
    folder = str(facts.agent.paths.folder)
    if facts.agent.settings_problem is not None:
        yield replace(facts.agent.settings_problem, code="relay.settings", path=folder)
    elif facts.agent.relay is None:
        message = "no relay is configured, so no agent elsewhere can reach this one"
        yield Problem("relay.not_configured", message, WITH_HUB, path=folder)

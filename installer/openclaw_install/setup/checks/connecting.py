"""What kept this run from connecting the agent to its relay. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from openclaw_install.common.problems import Problem
from openclaw_install.setup.facts import Facts

IDS = ("relay.connect", "identity.connect")
CURE = ""


def look(facts: Facts) -> Iterator[Problem]:
    """The error, with the next step that it has."""
    if facts.not_connected is not None:
        problem = facts.not_connected.problem
        yield replace(
            problem, code="relay.connect" if problem.code.startswith("relay.") else "identity.connect"
        )

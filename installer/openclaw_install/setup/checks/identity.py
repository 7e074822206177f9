"""The identity of the agent. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace

from openclaw_install.common.problems import Problem
from openclaw_install.setup.facts import PROGRAM, Facts

IDS = ("identity.unusable", "identity.missing")
CURE = PROGRAM


def look(facts: Facts) -> Iterator[Problem]:
    """Where it cannot be used, or is missing and a relay waits for it."""
    agent = facts.agent
    if agent is None:
        return
    path = agent.paths.identity
    if agent.identity_problem is not None:
        yield replace(agent.identity_problem, code="identity.unusable", path=str(path))
    elif agent.identity == "missing" and agent.relay is not None:
        # A new identity is no help where the second copy of the old one lies.
        copy = agent.identity_copy
        step = CURE if copy is None else shlex.join(["mv", str(copy), str(path)])
        yield Problem("identity.missing", f"there is no identity at {path}", step, path=str(path))

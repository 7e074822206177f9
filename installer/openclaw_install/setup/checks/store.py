"""The store of the agent, and what the messaging floor says of its contacts and its policy. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from openclaw_install.common.problems import Problem
from openclaw_install.setup.facts import Facts

IDS = ("store", "trust", "contact")
CURE = ""


def look(facts: Facts) -> Iterator[Problem]:
    """Where it cannot be used or belongs to another identity; what waits in it."""
    agent = facts.agent
    if agent is None:
        return
    path = str(agent.paths.store)
    if agent.store_problem is not None:
        yield replace(agent.store_problem, code="store.unusable", path=path)
    yield from agent.store_problems
    if agent.did is not None and agent.store_owner not in (None, agent.did):
        from openclaw_install.messaging.health import OWNER_NEXT_STEP

        message = f"the store belongs to {agent.store_owner}, and the identity is {agent.did}"
        yield Problem("store.other_identity", message, OWNER_NEXT_STEP, path=path)

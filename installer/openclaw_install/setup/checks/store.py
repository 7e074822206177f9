"""The store of the agent: readable, of this identity, and what its own checks say. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from openclaw_install.common.problems import Problem
from openclaw_install.setup.facts import Facts


def look(facts: Facts) -> Iterator[Problem]:
    """`store.*`, and `trust.*` and `contact.*` as the messaging floor has them."""
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

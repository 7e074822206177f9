"""The agent of the host: its relay, its identity, its store, and whether messages come in. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace

from openclaw_install.common.problems import Problem
from openclaw_install.setup.checks import runtime
from openclaw_install.setup.facts import PROGRAM, Facts
from openclaw_install.setup.message_path import MessagePath

WITH_HUB = f"{PROGRAM} --with-hub"
RESTART = f"{PROGRAM} runtime restart"


def connecting(facts: Facts) -> Iterator[Problem]:
    """`relay.connect` or `identity.connect`: what kept this run from connecting the agent."""
    if facts.not_connected is not None:
        problem = facts.not_connected.problem
        yield replace(
            problem, code="relay.connect" if problem.code.startswith("relay.") else "identity.connect"
        )


def look(facts: Facts) -> Iterator[Problem]:
    """`relay.*`, `identity.*`, `store.*`, and `trust.*` and `contact.*` as the messaging floor has them.

    Why no message comes in is told where no other problem explains it.
    """
    agent = facts.agent
    if agent is None:
        return
    found = [*_relay(agent), *_identity(agent), *_store(agent)]
    yield from found
    is_explained = any(problem.severity == "critical" for problem in (*runtime.look(facts), *found))
    if agent.relay is not None and not is_explained:
        has_bridge = facts.runtime is not None and facts.runtime.has_bridge
        yield from _transport(agent, agent.relay, RESTART if has_bridge else PROGRAM)


def _relay(agent: MessagePath) -> Iterator[Problem]:
    folder = str(agent.paths.folder)
    if agent.settings_problem is not None:
        yield replace(agent.settings_problem, code="relay.settings", path=folder)
    elif agent.relay is None:
        message = "no relay is configured, so no agent elsewhere can reach this one"
        yield Problem("relay.not_configured", message, WITH_HUB, path=folder)


def _identity(agent: MessagePath) -> Iterator[Problem]:
    path = agent.paths.identity
    if agent.identity_problem is not None:
        yield replace(agent.identity_problem, code="identity.unusable", path=str(path))
    elif agent.identity == "missing" and agent.relay is not None:  # else nothing waits for it
        # A new identity is no help where the second copy of the old one lies.
        copy = agent.identity_copy
        step = PROGRAM if copy is None else shlex.join(["mv", str(copy), str(path)])
        yield Problem("identity.missing", f"there is no identity at {path}", step, path=str(path))


def _store(agent: MessagePath) -> Iterator[Problem]:
    path = str(agent.paths.store)
    if agent.store_problem is not None:
        yield replace(agent.store_problem, code="store.unusable", path=path)
    yield from agent.store_problems
    if agent.did is not None and agent.store_owner not in (None, agent.did):
        from openclaw_install.messaging.health import OWNER_NEXT_STEP

        message = f"the store belongs to {agent.store_owner}, and the identity is {agent.did}"
        yield Problem("store.other_identity", message, OWNER_NEXT_STEP, path=path)


def _transport(agent: MessagePath, relay: str, step: str) -> Iterator[Problem]:
    """Why nobody takes messages in.

    Args:
        step: what brings a bridge; one that runs and serves another store was started for other settings.
    """
    path, transport = str(agent.paths.store), agent.transport
    if transport is None or transport.connection == "stopped":
        yield Problem("relay.no_bridge", f"no bridge takes messages from {relay}", step, path=path)
    elif agent.served not in (None, relay):
        message = f"the bridge takes messages from {agent.served}, and not from {relay}"
        yield Problem("relay.other_served", message, RESTART, path=path)
    elif transport.connection not in ("connected", "polling"):
        detail = f": {transport.detail}" if transport.detail else ""
        message = f"the relay at {relay} is not reached{detail}"
        yield Problem("relay.not_reached", message, "pingagent doctor", path=path)

"""Why no message comes in although all is set up: no bridge on the store, or it reaches nobody. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from openclaw_install.common.problems import Problem
from openclaw_install.setup.checks import identity, relay, runtime, store
from openclaw_install.setup.facts import PROGRAM, Facts

RESTART = f"{PROGRAM} runtime restart"


def look(facts: Facts) -> Iterator[Problem]:
    """`relay.no_bridge`, `relay.other_served`, `relay.not_reached`, where no other problem explains it."""
    agent = facts.agent
    if agent is None or agent.relay is None or _is_explained(facts):
        return
    path, health = str(agent.paths.store), agent.transport
    if health is None or health.connection == "stopped":
        # With a running bridge that serves another store, the runtime was started for other settings.
        step = RESTART if facts.runtime is not None and facts.runtime.has_bridge else PROGRAM
        yield Problem("relay.no_bridge", f"no bridge takes messages from {agent.relay}", step, path=path)
    elif agent.served not in (None, agent.relay):
        message = f"the bridge takes messages from {agent.served}, and not from {agent.relay}"
        yield Problem("relay.other_served", message, RESTART, path=path)
    elif health.connection not in ("connected", "polling"):
        detail = f": {health.detail}" if health.detail else ""
        message = f"the relay at {agent.relay} is not reached{detail}"
        yield Problem("relay.not_reached", message, "pingagent doctor", path=path)


def _is_explained(facts: Facts) -> bool:
    looks = (runtime.look, relay.look, identity.look, store.look)
    return any(problem.severity == "critical" for look in looks for problem in look(facts))

"""The bridge: whether it takes in messages from the configured relay. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from openclaw_install.common.problems import Problem
from openclaw_install.setup.checks import identity, relay, runtime, store
from openclaw_install.setup.facts import PROGRAM, Facts

IDS = ("relay.no_bridge", "relay.other_served", "relay.not_reached")
CURE = f"{PROGRAM} runtime restart"
# It asks the relay itself, and says what is in the way.
_ASK = "pingagent doctor"
_CAUSES = (runtime, relay, identity, store)


def look(facts: Facts) -> Iterator[Problem]:
    """Why nobody takes messages in, where no other problem explains it."""
    agent = facts.agent
    if agent is None or agent.relay is None or _is_explained(facts):
        return
    path, transport = str(agent.paths.store), agent.transport
    if transport is None or transport.connection == "stopped":
        # A bridge that runs and serves another store was started for other settings.
        has_bridge = facts.runtime is not None and facts.runtime.has_bridge
        message = f"no bridge takes messages from {agent.relay}"
        yield Problem("relay.no_bridge", message, CURE if has_bridge else PROGRAM, path=path)
    elif agent.served not in (None, agent.relay):
        message = f"the bridge takes messages from {agent.served}, and not from {agent.relay}"
        yield Problem("relay.other_served", message, CURE, path=path)
    elif transport.connection not in ("connected", "polling"):
        detail = f": {transport.detail}" if transport.detail else ""
        message = f"the relay at {agent.relay} is not reached{detail}"
        yield Problem("relay.not_reached", message, CURE if agent.embedded_hub else _ASK, path=path)


def _is_explained(facts: Facts) -> bool:
    return any(problem.severity == "critical" for check in _CAUSES for problem in check.look(facts))

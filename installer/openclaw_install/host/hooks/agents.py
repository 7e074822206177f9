"""Which agents a host has, and which of them serves a hook request that names none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openclaw_install.host.hooks.text import DEFAULT_AGENT_ID, normalize_agent_id, optional_text


def section(config: Any, *path: str) -> Mapping[str, Any]:
    """The object at `path`; an empty one where something else, or nothing, is there."""
    for name in path:
        config = config.get(name) if isinstance(config, Mapping) else None
    return config if isinstance(config, Mapping) else {}


def roster(config: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Agent ids with their entries, as the gateway sees them once it has migrated the older `agents.list`."""
    agents = section(config, "agents")
    entries, listed = agents.get("entries"), agents.get("list")
    if isinstance(entries, Mapping):
        return [
            (normalize_agent_id(key), entry) for key, entry in entries.items() if isinstance(entry, Mapping)
        ]
    found: dict[str, Mapping[str, Any]] = {}
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, Mapping):
            base = normalize_agent_id(optional_text(entry.get("id")) or "agent")
            # The startup migration gives a repeated id the next free number.
            numbered = (f"{base}-{number}" for number in range(2, len(listed or ()) + 2))
            found[next(name for name in (base, *numbered) if name not in found)] = entry
    return list(found.items())


def agent_ids(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of all agents, in their order; a host without a roster has the agent `main`."""
    return tuple(dict.fromkeys(agent for agent, _ in roster(config))) or (DEFAULT_AGENT_ID,)


def default_agent(config: Mapping[str, Any]) -> str | None:
    """The agent that serves a request without `agentId`; None where such a request is refused.

    It is the recorded owner, a single agent marked `default`, or the only agent there is; a fixed global
    session store answers with its own owner first. Where an older roster of several agents says nothing, the
    gateway's next start records `main` as the owner, if there is an agent of that name. Source:
    resolveEffectiveHookTargetAgentId, tryResolveAgentOperationAgentId and resolveMissingLegacySystemAgent of
    OpenClaw 2026.9.6.
    """
    known = agent_ids(config)
    if owner := _store_owner(config):
        return owner if owner in known else None
    if len(known) == 1:
        return known[0]
    system = section(config, "agents", "defaults", "systemAgent")
    recorded = optional_text(system.get("agentId"))
    if section(config, "agents").get("ownership") == "explicit":
        return normalize_agent_id(recorded) if recorded and normalize_agent_id(recorded) in known else None
    marked = [agent for agent, entry in roster(config) if entry.get("default") is True]
    if len(marked) == 1:
        return marked[0]
    if "agentId" not in system:
        return DEFAULT_AGENT_ID if DEFAULT_AGENT_ID in known and not marked else None
    return normalize_agent_id(recorded) if recorded and normalize_agent_id(recorded) in known else None


def _store_owner(config: Mapping[str, Any]) -> str | None:
    session = section(config, "session")
    store = optional_text(session.get("store"))
    if session.get("scope") != "global" or store is None or "{agentId}" in store:
        return None
    owner = optional_text(section(config, "agents", "defaults", "sessionStore").get("agentId"))
    return normalize_agent_id(owner) if owner else None

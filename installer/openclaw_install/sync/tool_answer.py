"""A tool's answer without the SDK's types, its refusal, and the agents that it may list. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openclaw_install.sync.errors import (
    NEXT_STEP_REFUSED,
    AnswerError,
    ForbiddenError,
    KeyRejectedError,
    ServiceError,
    ToolError,
)
from openclaw_install.sync.service import Agent
from openclaw_install.sync.text import shown

_ERROR_BY_CODE = {"unauthorized": KeyRejectedError, "forbidden": ForbiddenError}
_RUNNING = frozenset({"running", "live", "active", "ready", "started", "online"})
_NOT_RUNNING = frozenset({"stopped", "stopping", "not_running", "inactive", "offline", "terminated", "none"})
_POD_STATES = ("podState", "pod_state", "podStatus", "pod_status", "status", "state")


@dataclass(frozen=True)
class ToolAnswer:
    """A tool's result without the SDK's types: the structured content, the texts, the error flag."""

    structured: Mapping[str, Any] | None
    texts: tuple[str, ...] = ()
    is_error: bool = False

    def data(self) -> Any:
        """The structured content, else the first text that is JSON; None where there is only prose."""
        found: Any = self.structured
        if found is None:
            found = next((value for text in self.texts if (value := _parsed(text)) is not None), None)
        # Some SDKs wrap every answer like this.
        if isinstance(found, Mapping) and len(found) == 1 and isinstance(found.get("result"), Mapping | list):
            return found["result"]
        return found


def _parsed(text: str) -> Any:
    if text.strip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def read_agents(answer: ToolAnswer) -> tuple[Agent, ...]:
    """The agents of a `mysta_list_agents` answer.

    Raises:
        ToolError: the tool refused.
        AnswerError: nothing in the answer is a list of agents.
    """
    if answer.is_error:
        raise refusal_of(answer, "mysta_list_agents")
    listed: Any = answer.data()
    for _ in range(2):
        if isinstance(listed, Mapping):
            listed = first_of(listed, ("agents", "items", "data", "results"))
    agents = tuple(agent for item in listed if (agent := _agent(item))) if isinstance(listed, list) else ()
    if not isinstance(listed, list) or (listed and not agents):
        raise AnswerError(
            "the answer to mysta_list_agents holds no list of agents with ids",
            next_step="check that MYSTA_MCP_URL names a skill service; then sync again",
        )
    return agents


def _agent(item: object) -> Agent | None:
    identity = first_of(item, ("id", "agentId", "agent_id"))
    if isinstance(identity, int) and not isinstance(identity, bool):
        identity = str(identity)
    if not isinstance(item, Mapping) or not isinstance(identity, str) or not 0 < len(identity) <= 256:
        return None
    name = first_of(item, ("name", "displayName", "display_name", "title"))
    return Agent(identity, shown(name, 120) if isinstance(name, str) else "", running_in(item))


def error_in(item: Mapping[str, Any]) -> tuple[str, str]:
    """Code and message of what went wrong, each empty where the object does not say."""
    error = item.get("error")
    source = error if isinstance(error, Mapping) else item
    code = source.get("code")
    message = error if isinstance(error, str) else first_of(source, ("message", "reason", "detail"))
    return (shown(code, 60) if isinstance(code, str) else ""), (message if isinstance(message, str) else "")


def refusal_of(answer: ToolAnswer, tool: str) -> ServiceError:
    """The error for an answer that is flagged as one."""
    data = answer.data()
    code, message = error_in(data) if isinstance(data, Mapping) else ("", "")
    message = shown(message or "\n".join(answer.texts) or "no reason given")
    if kind := _ERROR_BY_CODE.get(code.lower()):
        step = "check that the key belongs to the agent's owner"
        return kind(f"the service refused {tool}: {message}", next_step=step)
    return ToolError(message, next_step=NEXT_STEP_REFUSED, reason=code or "refused")


def running_in(item: Mapping[str, Any]) -> bool | None:
    """Whether the agent's pod runs; None where the object does not say."""
    state = first_of(item, _POD_STATES)
    word = state.strip().lower() if isinstance(state, str) else ""
    if word in _RUNNING or word in _NOT_RUNNING:
        return word in _RUNNING
    value = first_of(item, ("running", "isRunning", "podRunning", "pod_running"))
    return value if isinstance(value, bool) else None


def first_of(data: object, keys: Sequence[str]) -> Any:
    """The first of these fields that has a value; None if there is none."""
    found = (data[key] for key in keys if data.get(key) is not None) if isinstance(data, Mapping) else ()
    return next(iter(found), None)

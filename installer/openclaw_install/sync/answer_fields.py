"""The fields of an answer's objects under the names that services give them (pure)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from openclaw_install.sync.text import shown

_NAMES = ("skillName", "skill_name", "skill", "name")
_AWAKE = frozenset({"running", "live", "active", "ready", "started", "online"})
_ASLEEP = frozenset(
    {"stopped", "stopping", "not_running", "inactive", "offline", "terminated", "none", "pending", "starting"}
)


def name_in(item: Mapping[str, Any]) -> str | None:
    """The name of the skill that an object is about; None where it names none."""
    value = first_of(item, _NAMES)
    if isinstance(value, Mapping):
        value = value.get("name")
    return value if isinstance(value, str) else None


def live_in(item: Mapping[str, Any]) -> bool | None:
    """Whether the agent works with the skill already; None where the object does not say."""
    for key in ("live", "podRunning", "pod_running"):
        if isinstance(item.get(key), bool):
            return bool(item[key])
    return running_in(item)


def running_in(item: Mapping[str, Any]) -> bool | None:
    """Whether the pod runs; None where the object does not say."""
    state = first_of(item, ("podState", "pod_state", "podStatus", "pod_status", "status", "state"))
    word = state.strip().lower() if isinstance(state, str) else ""
    if word in _AWAKE or word in _ASLEEP:
        return word in _AWAKE
    value = first_of(item, ("running", "isRunning", "podRunning", "pod_running"))
    return value if isinstance(value, bool) else None


def error_in(item: Mapping[str, Any]) -> tuple[str, str]:
    """Code and message of what went wrong, each empty where the object does not say."""
    error = item.get("error")
    told = error if isinstance(error, Mapping) else item
    code = told.get("code")
    message = error if isinstance(error, str) else first_of(told, ("message", "reason", "detail"))
    return (shown(code, 60) if isinstance(code, str) else ""), (message if isinstance(message, str) else "")


def said_in(item: Mapping[str, Any]) -> str:
    """The plain fields of an object in one line, for the ledger."""
    plain = {
        key: value for key, value in item.items() if isinstance(value, str | int | bool) and key != "content"
    }
    return shown(json.dumps(plain, ensure_ascii=False, default=str))


def first_of(data: object, keys: Sequence[str]) -> Any:
    """The first of these fields that has a value; None if there is none."""
    if isinstance(data, Mapping):
        for key in keys:
            if data.get(key) is not None:
                return data[key]
    return None

"""The fields of an answer's objects under the names that services give them (pure)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from openclaw_install.sync.text import shown

_NAMES = ("skillName", "skill_name", "skill", "name")
_LISTS = ("results", "skills", "items", "synced", "uploaded", "succeeded")
_GOOD = frozenset(
    {"ok", "success", "succeeded", "synced", "uploaded", "stored", "updated", "created", "unchanged"}
)
_BAD = frozenset({"error", "failed", "failure", "rejected", "refused", "invalid", "skipped", "forbidden"})
_AWAKE = frozenset({"running", "live", "active", "ready", "started", "online"})
_ASLEEP = frozenset(
    {"stopped", "stopping", "not_running", "inactive", "offline", "terminated", "none", "pending", "starting"}
)


def verdict_of(item: Mapping[str, Any]) -> bool | None:
    """True for yes, False for no, None where the object does not say."""
    error = item.get("error")
    if error not in (None, False, "", {}):
        return False
    for key in ("ok", "success", "synced", "stored", "uploaded"):
        value = item.get(key)
        if isinstance(value, bool):
            return value
    status = item.get("status")
    word = status.strip().lower() if isinstance(status, str) else ""
    if word in _GOOD or word in _BAD:
        return word in _GOOD
    count, failed = item.get("synced"), item.get("failed")
    if is_count(failed) and failed:
        return False
    return bool(count) if is_count(count) else None


def is_count(value: object) -> bool:
    """Whether a value is a whole number; `true` is none."""
    return isinstance(value, int) and not isinstance(value, bool)


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


def entries_of(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The objects about single skills; a plain name in a list of stored ones counts as one."""
    found: list[Mapping[str, Any]] = []
    for key in _LISTS:
        value = data.get(key)
        if isinstance(value, list):
            found += [item for item in value if isinstance(item, Mapping)]
            if key in ("synced", "uploaded", "succeeded"):
                found += [{"skillName": item, "ok": True} for item in value if isinstance(item, str)]
        elif key == "results" and isinstance(value, Mapping):
            found += [
                {"skillName": name, **item} for name, item in value.items() if isinstance(item, Mapping)
            ]
    return found

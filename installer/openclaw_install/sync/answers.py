"""Reads what the tools answer (pure): structured content, JSON in text, or plain text.

The service's exact shapes are not published, so the reading is generous about form and strict about meaning:
only an answer that is about that very skill counts as an acknowledgement.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openclaw_install.sync.errors import (
    AnswerError,
    ForbiddenError,
    KeyRejectedError,
    ServiceError,
    ToolError,
)
from openclaw_install.sync.service import Agent, BatchAnswer, Outcome, Upload
from openclaw_install.sync.text import shown

_NAMES = ("skillName", "skill_name", "skill", "name")
_IDS = ("agentId", "agent_id", "id")
_LISTS = ("results", "skills", "items", "synced", "uploaded", "succeeded")
_GOOD = frozenset(
    {"ok", "success", "succeeded", "synced", "uploaded", "stored", "updated", "created", "unchanged"}
)
_BAD = frozenset({"error", "failed", "failure", "rejected", "refused", "invalid", "skipped", "forbidden"})
_BAD_TEXT = re.compile(
    r"(?i)\b(?:not|no|fail\w*|error\w*|reject\w*|refus\w*|invalid|denied|forbidden|unable|skipp\w*|un\w*ed)\b|n't\b"
)
_REASON_OF_CODE = {"unauthorized": KeyRejectedError, "forbidden": ForbiddenError}


@dataclass(frozen=True)
class ToolAnswer:
    """A tool's result without the SDK's types: the structured content, the texts, the error flag."""

    structured: Mapping[str, Any] | None
    texts: tuple[str, ...] = ()
    is_error: bool = False

    @property
    def text(self) -> str:
        """All texts in one."""
        return "\n".join(self.texts)

    def data(self) -> Any:
        """The structured content, else the JSON that one of the texts is, else None.

        What only wraps a value as `{"result": ...}`, as some servers do with all they say, is unwrapped.
        """
        found: Any = self.structured
        if found is None or isinstance(_unwrapped(found), str):
            found = next((value for text in self.texts if (value := _parsed(text)) is not None), None)
        return _unwrapped(found)


def _unwrapped(value: Any) -> Any:
    wraps = (
        isinstance(value, Mapping)
        and len(value) == 1
        and isinstance(value.get("result"), Mapping | list | str)
    )
    return value["result"] if wraps else value


def _parsed(text: str) -> Any:
    """The JSON object or list that a text is, else None."""
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
    _raise_refusal(answer, "mysta_list_agents")
    data = answer.data()
    listed = data if isinstance(data, list) else _first(data, ("agents", "items", "data", "results"))
    if isinstance(listed, Mapping):
        listed = _first(listed, ("agents", "items"))
    if not isinstance(listed, list):
        raise _unreadable("mysta_list_agents", "it holds no list of agents")
    agents = tuple(agent for item in listed if (agent := _agent(item)) is not None)
    if listed and not agents:
        raise _unreadable("mysta_list_agents", "none of its agents has an id")
    return agents


def read_single(answer: ToolAnswer, agent_id: str, upload: Upload) -> Outcome:
    """What a `mysta_sync_skill` answer says about the one skill that was sent.

    Raises:
        KeyRejectedError, ForbiddenError: the tool says so in place of the HTTP layer.
        AnswerError: it says neither yes nor no about this skill.
    """
    if answer.is_error:
        refusal = _refusal(answer, "mysta_sync_skill")
        if not isinstance(refusal, ToolError):
            raise refusal
        return Outcome(upload.name, "refused", code=refusal.reason, detail=shown(refusal.message))
    data = answer.data()
    if isinstance(data, Mapping):
        item = data
        entries = _entries(data)
        if not _named(data) and len(entries) == 1:
            item = entries[0]
        return _judged(item, agent_id, upload, data)
    if _text_acknowledges(answer.text, upload.name):
        return Outcome(upload.name, "acknowledged", detail=shown(answer.text))
    raise _unreadable("mysta_sync_skill", f"it does not acknowledge {upload.name!r}")


def read_batch(answer: ToolAnswer, agent_id: str, uploads: Sequence[Upload]) -> BatchAnswer:
    """What a `mysta_sync_all_skills` answer says about each skill; those it does not name are left out.

    Raises:
        ToolError: the tool refused the whole batch.
        AnswerError: the answer is of an unknown shape, or about another agent.
    """
    data = answer.data()
    if answer.is_error and not (isinstance(data, Mapping) and _entries(data)):
        raise _refusal(answer, "mysta_sync_all_skills")
    sent = {upload.name: upload for upload in uploads}
    if not isinstance(data, Mapping):
        entries = [item for item in data if isinstance(item, Mapping)] if isinstance(data, list) else []
        if not entries:
            return BatchAnswer({})  # nobody is named, so nobody is acknowledged
        data = {"results": entries}
    _same_agent(data, agent_id, "mysta_sync_all_skills")
    outcomes = _outcomes(data, agent_id, sent)
    if not answer.is_error and _complete_count(data, len(sent)) and not outcomes:
        live = _live(data)
        return BatchAnswer({name: Outcome(name, "acknowledged", live) for name in sent}, live)
    if _counts_fewer(data, outcomes):
        outcomes = {name: outcome for name, outcome in outcomes.items() if outcome.kind == "refused"}
    return BatchAnswer(outcomes, _live(data))


def _outcomes(data: Mapping[str, Any], agent_id: str, sent: Mapping[str, Upload]) -> dict[str, Outcome]:
    """What the objects of an answer say; of two words about one skill, the bad one counts."""
    outcomes: dict[str, Outcome] = {}
    for item in _entries(data):
        upload = sent.get(_named(item) or "")
        if upload is None:
            continue
        try:
            outcome = _judged(item, agent_id, upload, data)
        except AnswerError:
            continue
        if outcome.kind == "refused" or upload.name not in outcomes:
            outcomes[upload.name] = outcome
    for outcome in _failure_list(data, sent):
        outcomes[outcome.skill] = outcome
    return outcomes


def _judged(item: Mapping[str, Any], agent_id: str, upload: Upload, whole: Mapping[str, Any]) -> Outcome:
    """The verdict of one object about one skill; one about another skill, agent or content is none."""
    named = _named(item)
    if named is not None and named != upload.name:
        raise _unreadable("sync", f"it is about {shown(named, 80)!r}, not about {upload.name!r}")
    _same_agent(whole, agent_id, "sync")
    digest = item.get("sha256") or item.get("hash")
    if isinstance(digest, str) and len(digest) == 64 and digest.lower() != upload.sha256:
        raise _unreadable("sync", f"the service holds another content of {upload.name!r} than was sent")
    live = _live(item) if _live(item) is not None else _live(whole)
    verdict = _verdict(item)
    if verdict is False:
        code, message = _error_of(item)
        return Outcome(upload.name, "refused", live, code or "refused", shown(message or "refused"))
    if verdict is True or named is not None:
        return Outcome(upload.name, "acknowledged", live, detail=_said(item))
    raise _unreadable("sync", f"it does not acknowledge {upload.name!r}")


def _verdict(item: Mapping[str, Any]) -> bool | None:
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
    if _is_count(failed) and failed:
        return False
    return bool(count) if _is_count(count) else None


def _complete_count(data: Mapping[str, Any], sent: int) -> bool:
    """Whether an answer without names says that as many skills were stored as were sent, and none failed."""
    counts = [data[key] for key in ("synced", "uploaded", "succeeded", "count") if _is_count(data.get(key))]
    failures = [data[key] for key in ("failed", "failures", "errors") if _is_count(data.get(key))]
    lists = [data[key] for key in ("failed", "failures", "errors") if isinstance(data.get(key), list)]
    return (
        bool(counts) and counts[0] == sent and not any(failures) and not any(lists) and _verdict_of_all(data)
    )


def _counts_fewer(data: Mapping[str, Any], outcomes: Mapping[str, Outcome]) -> bool:
    """Whether the answer's own count contradicts the acknowledgements that it names."""
    stated = data.get("synced")
    if not isinstance(stated, int) or isinstance(stated, bool):
        return False
    unchanged = data.get("unchanged")
    stated += unchanged if isinstance(unchanged, int) and not isinstance(unchanged, bool) else 0
    return stated < sum(outcome.kind == "acknowledged" for outcome in outcomes.values())


def _verdict_of_all(data: Mapping[str, Any]) -> bool:
    return data.get("error") in (None, False, "") and data.get("ok", True) is not False


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _entries(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
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


def _failure_list(data: Mapping[str, Any], sent: Mapping[str, Upload]) -> Iterator[Outcome]:
    for key in ("failed", "failures", "errors"):
        value = data.get(key)
        for item in value if isinstance(value, list) else []:
            name = item if isinstance(item, str) else _named(item) if isinstance(item, Mapping) else None
            if name in sent and name is not None:
                code, message = _error_of(item) if isinstance(item, Mapping) else ("", "")
                yield Outcome(name, "refused", None, code or "refused", shown(message or "refused"))


def _text_acknowledges(text: str, name: str) -> bool:
    """Whether plain words say that this skill was stored: they name it, and hold no word of failure."""
    rest, count = re.subn(rf"(?<![\w-]){re.escape(name)}(?![\w-])", " ", text)
    return count > 0 and not _BAD_TEXT.search(rest)


def _named(item: Mapping[str, Any]) -> str | None:
    value = _first(item, _NAMES)
    if isinstance(value, Mapping):
        value = value.get("name")
    return value if isinstance(value, str) else None


def _same_agent(data: Mapping[str, Any], agent_id: str, tool: str) -> None:
    value = _first(data, ("agentId", "agent_id"))
    if isinstance(value, str) and value != agent_id:
        raise _unreadable(tool, f"it is about the agent {shown(value, 80)!r}, not about {agent_id!r}")


def _live(item: Mapping[str, Any]) -> bool | None:
    for key in ("live", "podRunning", "pod_running"):
        if isinstance(item.get(key), bool):
            return bool(item[key])
    return _running(item)


def _running(item: Mapping[str, Any]) -> bool | None:
    state = _first(item, ("podState", "pod_state", "podStatus", "pod_status", "status", "state"))
    word = state.strip().lower() if isinstance(state, str) else ""
    if word in ("running", "live", "active", "ready", "started", "online"):
        return True
    if word in (
        "stopped",
        "stopping",
        "not_running",
        "inactive",
        "offline",
        "terminated",
        "none",
        "pending",
        "starting",
    ):
        return False
    value = _first(item, ("running", "isRunning", "podRunning", "pod_running"))
    return value if isinstance(value, bool) else None


def _agent(item: object) -> Agent | None:
    if not isinstance(item, Mapping):
        return None
    identity = _first(item, ("id", "agentId", "agent_id"))
    if isinstance(identity, int) and not isinstance(identity, bool):
        identity = str(identity)
    if not isinstance(identity, str) or not identity or len(identity) > 256:
        return None
    name = _first(item, ("name", "displayName", "display_name", "title"))
    return Agent(identity, shown(name, 120) if isinstance(name, str) else "", _running(item))


def _error_of(item: Mapping[str, Any]) -> tuple[str, str]:
    error = item.get("error")
    if isinstance(error, Mapping):
        code, message = error.get("code"), error.get("message")
        return (shown(code, 60) if isinstance(code, str) else ""), (
            message if isinstance(message, str) else ""
        )
    code = item.get("code")
    message = error if isinstance(error, str) else _first(item, ("message", "reason", "detail"))
    return (shown(code, 60) if isinstance(code, str) else ""), (message if isinstance(message, str) else "")


def _said(item: Mapping[str, Any]) -> str:
    plain = {
        key: value for key, value in item.items() if isinstance(value, str | int | bool) and key != "content"
    }
    return shown(json.dumps(plain, ensure_ascii=False, default=str))


def _refusal(answer: ToolAnswer, tool: str) -> ServiceError:
    data = answer.data()
    code, message = _error_of(data) if isinstance(data, Mapping) else ("", "")
    message = shown(message or answer.text or "no reason given")
    kind = _REASON_OF_CODE.get(code.lower())
    if kind is not None:
        return kind(
            f"the service refused {tool}: {message}",
            next_step="check that the key belongs to the agent's owner",
        )
    return ToolError(
        message, next_step="mend what the service names, and sync again", reason=code or "refused"
    )


def _raise_refusal(answer: ToolAnswer, tool: str) -> None:
    if answer.is_error:
        raise _refusal(answer, tool)


def _first(data: object, keys: Sequence[str]) -> Any:
    if isinstance(data, Mapping):
        for key in keys:
            if data.get(key) is not None:
                return data[key]
    return None


def _unreadable(tool: str, why: str) -> AnswerError:
    return AnswerError(
        f"the answer to {tool} cannot be taken as one: {why}",
        next_step="check that MYSTA_MCP_URL names a skill service; then sync again",
    )

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

from openclaw_install.sync.answer_fields import (
    entries_of,
    error_in,
    first_of,
    is_count,
    live_in,
    name_in,
    running_in,
    said_in,
    verdict_of,
)
from openclaw_install.sync.errors import (
    AnswerError,
    ForbiddenError,
    KeyRejectedError,
    ServiceError,
    ToolError,
)
from openclaw_install.sync.service import Agent, BatchAnswer, Outcome, Upload
from openclaw_install.sync.text import shown

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
    listed = data if isinstance(data, list) else first_of(data, ("agents", "items", "data", "results"))
    if isinstance(listed, Mapping):
        listed = first_of(listed, ("agents", "items"))
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
        entries = entries_of(data)
        if not name_in(data) and len(entries) == 1:
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
    if answer.is_error and not (isinstance(data, Mapping) and entries_of(data)):
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
        live = live_in(data)
        return BatchAnswer({name: Outcome(name, "acknowledged", live) for name in sent}, live)
    if _counts_fewer(data, outcomes):
        outcomes = {name: outcome for name, outcome in outcomes.items() if outcome.kind == "refused"}
    return BatchAnswer(outcomes, live_in(data))


def _outcomes(data: Mapping[str, Any], agent_id: str, sent: Mapping[str, Upload]) -> dict[str, Outcome]:
    """What the objects of an answer say; of two words about one skill, the bad one counts."""
    outcomes: dict[str, Outcome] = {}
    for item in entries_of(data):
        upload = sent.get(name_in(item) or "")
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
    named = name_in(item)
    if named is not None and named != upload.name:
        raise _unreadable("sync", f"it is about {shown(named, 80)!r}, not about {upload.name!r}")
    _same_agent(whole, agent_id, "sync")
    digest = item.get("sha256") or item.get("hash")
    if isinstance(digest, str) and len(digest) == 64 and digest.lower() != upload.sha256:
        raise _unreadable("sync", f"the service holds another content of {upload.name!r} than was sent")
    live = live_in(item) if live_in(item) is not None else live_in(whole)
    verdict = verdict_of(item)
    if verdict is False:
        code, message = error_in(item)
        return Outcome(upload.name, "refused", live, code or "refused", shown(message or "refused"))
    if verdict is True or named is not None:
        return Outcome(upload.name, "acknowledged", live, detail=said_in(item))
    raise _unreadable("sync", f"it does not acknowledge {upload.name!r}")


def _complete_count(data: Mapping[str, Any], sent: int) -> bool:
    """Whether an answer without names says that as many skills were stored as were sent, and none failed."""
    counts = [data[key] for key in ("synced", "uploaded", "succeeded", "count") if is_count(data.get(key))]
    failures = [data[key] for key in ("failed", "failures", "errors") if is_count(data.get(key))]
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


def _failure_list(data: Mapping[str, Any], sent: Mapping[str, Upload]) -> Iterator[Outcome]:
    for key in ("failed", "failures", "errors"):
        value = data.get(key)
        for item in value if isinstance(value, list) else []:
            name = item if isinstance(item, str) else name_in(item) if isinstance(item, Mapping) else None
            if name in sent and name is not None:
                code, message = error_in(item) if isinstance(item, Mapping) else ("", "")
                yield Outcome(name, "refused", None, code or "refused", shown(message or "refused"))


def _text_acknowledges(text: str, name: str) -> bool:
    """Whether plain words say that this skill was stored: they name it, and hold no word of failure."""
    rest, count = re.subn(rf"(?<![\w-]){re.escape(name)}(?![\w-])", " ", text)
    return count > 0 and not _BAD_TEXT.search(rest)


def _same_agent(data: Mapping[str, Any], agent_id: str, tool: str) -> None:
    value = first_of(data, ("agentId", "agent_id"))
    if isinstance(value, str) and value != agent_id:
        raise _unreadable(tool, f"it is about the agent {shown(value, 80)!r}, not about {agent_id!r}")


def _agent(item: object) -> Agent | None:
    if not isinstance(item, Mapping):
        return None
    identity = first_of(item, ("id", "agentId", "agent_id"))
    if isinstance(identity, int) and not isinstance(identity, bool):
        identity = str(identity)
    if not isinstance(identity, str) or not identity or len(identity) > 256:
        return None
    name = first_of(item, ("name", "displayName", "display_name", "title"))
    return Agent(identity, shown(name, 120) if isinstance(name, str) else "", running_in(item))


def _refusal(answer: ToolAnswer, tool: str) -> ServiceError:
    data = answer.data()
    code, message = error_in(data) if isinstance(data, Mapping) else ("", "")
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


def _unreadable(tool: str, why: str) -> AnswerError:
    return AnswerError(
        f"the answer to {tool} cannot be taken as one: {why}",
        next_step="check that MYSTA_MCP_URL names a skill service; then sync again",
    )

"""Reads what the tools answer (pure): structured content, JSON in text, or plain text.

The service's exact shapes are not published, so the reading is generous about form and strict about meaning:
only a positive statement about that very skill is an acknowledgement, and any sign of trouble wins over it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from openclaw_install.sync.answer_fields import error_in, first_of, running_in
from openclaw_install.sync.answer_judge import (
    failed_in,
    judged,
    other_content,
    outcomes_of,
    unreadable,
    whole_of,
)
from openclaw_install.sync.answer_verdict import (
    entries_of,
    failure_count,
    mentions,
    messages_in,
    same_content,
    skill_in,
    stated_count,
    text_acknowledges,
)
from openclaw_install.sync.errors import (
    ForbiddenError,
    KeyRejectedError,
    ServiceError,
    ToolError,
)
from openclaw_install.sync.service import Agent, BatchAnswer, Outcome, Upload
from openclaw_install.sync.text import shown

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

    @property
    def prose(self) -> str:
        """The texts that are words and not JSON, and a structured value that is only words."""
        value = _unwrapped(self.structured)
        words = [value] if isinstance(value, str) else []
        return "\n".join(words + [text for text in self.texts if _parsed(text) is None])

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
        raise unreadable("mysta_list_agents", "it holds no list of agents")
    agents = tuple(agent for item in listed if (agent := _agent(item)) is not None)
    if listed and not agents:
        raise unreadable("mysta_list_agents", "none of its agents has an id")
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
        return _read_one(data, answer.prose, agent_id, upload)
    if text_acknowledges(answer.prose, upload.name):
        return Outcome(upload.name, "acknowledged", detail=shown(answer.prose))
    raise unreadable("mysta_sync_skill", f"it does not acknowledge {upload.name!r}")


def _read_one(data: Mapping[str, Any], prose: str, agent_id: str, upload: Upload) -> Outcome:
    entries = entries_of(data)
    item = entries[0] if skill_in(data) is None and len(entries) == 1 else data
    whole = whole_of(data, prose, agent_id, 1, single=True)
    failed = next(failed_in(data, {upload.name: upload}), None)
    if failed is not None:
        return failed
    if skill_in(item) is None and same_content(data, upload.sha256) is None:
        sentences = [prose, *(text for _, text in messages_in(data))]
        told = any(text_acknowledges(text, upload.name) for text in sentences)
        if told or whole.verdict == "no":
            item = {"skillName": upload.name, "status": "stored", **item} if told else item
        elif any(mentions(text, upload.name) for text in sentences):
            raise unreadable("mysta_sync_skill", f"it does not acknowledge {upload.name!r}")
        else:
            raise unreadable("mysta_sync_skill", "the service did not say which skill it stored")
    if item is not data and same_content(data, upload.sha256) is False:
        raise other_content(upload)
    return judged(item, agent_id, upload, whole)


def read_batch(answer: ToolAnswer, agent_id: str, uploads: Sequence[Upload]) -> BatchAnswer:
    """What a `mysta_sync_all_skills` answer says about each skill; those it does not name are left out.

    Raises:
        ToolError: the tool refused the whole batch.
        AnswerError: the answer is about another agent.
    """
    data = answer.data()
    sent = {upload.name: upload for upload in uploads}
    if isinstance(data, list):
        data = {"results": data}
    told = isinstance(data, Mapping) and bool(entries_of(data) or tuple(failed_in(data, sent)))
    if answer.is_error and not told:
        raise _refusal(answer, "mysta_sync_all_skills")
    if not isinstance(data, Mapping):
        return BatchAnswer({})  # nobody is named, so nobody is acknowledged
    whole = whole_of(data, answer.prose, agent_id, len(sent), single=False)
    if answer.is_error:
        whole = replace(whole, verdict="no")
    outcomes = outcomes_of(data, agent_id, sent, whole)
    good = sum(outcome.kind == "acknowledged" for outcome in outcomes.values())
    stated = stated_count(data)
    if whole.dry or good + failure_count(data) > len(sent) or (stated is not None and stated < good):
        outcomes = {name: outcome for name, outcome in outcomes.items() if outcome.kind == "refused"}
    return BatchAnswer(outcomes, whole.live)


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

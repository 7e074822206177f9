"""Reads what a skill service's tools answer about uploads: only documented statements are believed. Pure.

A skill counts as acknowledged only where a field says so, and what contradicts it wins: a refusal, another
skill, agent or content hash. Prose is not interpreted; `push` repeats an upload with an unclear answer once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from openclaw_install.sync.errors import NEXT_STEP_REFUSED, NEXT_STEP_UNCONFIRMED, ToolError, UnconfirmedError
from openclaw_install.sync.service import Outcome, Upload
from openclaw_install.sync.text import shown
from openclaw_install.sync.tool_answer import ToolAnswer, error_in, first_of, refusal_of, running_in

Verdict = Literal["yes", "no", "unclear", "silent"]
_Object = Mapping[str, Any]
_FLAGS = ("ok", "success")
_GOOD = frozenset(
    {"ok", "success", "synced", "stored", "saved", "uploaded", "created", "updated", "unchanged"}
)
_BAD = frozenset({"error", "failed", "failure", "refused", "rejected", "denied"})
_NOT_STORED = ("dryRun", "dry_run", "pending", "queued", "skipped")
_HASHES = ("sha256", "hash", "contentHash", "content_hash", "digest", "checksum")
_WRAPPERS = ("data", "result")
_NAMES = ("skillName", "skill_name", "skill", "name")
_AGENT_IDS = ("agentId", "agent_id", "agent")


def read_single(answer: ToolAnswer, agent_id: str, upload: Upload) -> Outcome:
    """What a `mysta_sync_skill` answer says about the one skill that was sent.

    Raises:
        KeyRejectedError, ForbiddenError: the tool says so in place of the HTTP layer.
        UnconfirmedError: it says neither yes nor no about this skill.
    """
    if answer.is_error:
        refusal = refusal_of(answer, "mysta_sync_skill")
        if not isinstance(refusal, ToolError):
            raise refusal
        reason = shown(refusal.message)
        return Outcome(upload.name, "refused", None, refusal.reason, reason, NEXT_STEP_REFUSED)
    data = answer.data()
    if not isinstance(data, Mapping):
        raise _unclear(upload.name, "it holds no document that says whether it was stored")
    if "results" not in data and "failed" not in data:
        return _read_entry(data, agent_id, upload)
    _check_subject(data, agent_id, upload)
    outcome = read_batch(answer, agent_id, [upload]).get(upload.name)
    stored = outcome is not None and outcome.kind == "acknowledged"
    if outcome is None or (stored and _verdict(data) in ("no", "unclear")):
        raise _unclear(upload.name, "its results do not acknowledge it")
    return outcome


def read_batch(answer: ToolAnswer, agent_id: str, uploads: Sequence[Upload]) -> dict[str, Outcome]:
    """What a `mysta_sync_all_skills` answer says about each skill; those it leaves unclear are left out.

    Raises:
        ToolError: the tool refused the whole batch.
        UnconfirmedError: the answer is about another agent.
    """
    data = answer.data()
    if isinstance(data, list):
        data = {"results": data}
    sent = {upload.name: upload for upload in uploads}
    results = data.get("results") if isinstance(data, Mapping) else None
    entries = [item for item in results if isinstance(item, Mapping)] if isinstance(results, list) else []
    failed = _failed_names(data) if isinstance(data, Mapping) else None
    if answer.is_error and not entries and not failed:
        raise refusal_of(answer, "mysta_sync_all_skills")
    if not isinstance(data, Mapping):
        return {}
    _check_agent(data, agent_id, "the batch")
    if entries or answer.is_error:
        outcomes = _read_entries(entries, agent_id, sent)
    else:
        outcomes = _by_count(data, failed, sent)
    for name, item in (failed or {}).items():
        if name in sent:
            outcomes[name] = _refused(item, name)
    good = sum(outcome.kind == "acknowledged" for outcome in outcomes.values())
    if _contradicts(data, good, len(sent)):
        outcomes = {name: outcome for name, outcome in outcomes.items() if outcome.kind == "refused"}
    live = _live(data)
    return {
        n: outcome if outcome.live is not None else replace(outcome, live=live)
        for n, outcome in outcomes.items()
    }


def _read_entries(
    entries: Sequence[_Object], agent_id: str, sent: Mapping[str, Upload]
) -> dict[str, Outcome]:
    """The outcomes of single entries; of several about one skill, the worst counts."""
    outcomes: dict[str, Outcome] = {}
    unclear: set[str] = set()
    for entry in entries:
        upload = sent.get(_name(entry) or "")
        if upload is None:
            continue
        try:
            outcome = _read_entry(entry, agent_id, upload)
        except UnconfirmedError:
            unclear.add(upload.name)
            continue
        if outcome.kind == "refused" or upload.name not in outcomes:
            outcomes[upload.name] = outcome
    return {n: outcome for n, outcome in outcomes.items() if outcome.kind == "refused" or n not in unclear}


def _by_count(
    data: _Object, failed: Mapping[str, _Object] | None, sent: Mapping[str, Upload]
) -> dict[str, Outcome]:
    """What is stored by an answer that counts it and names each failure, if the numbers add up."""
    stored, verdict = _count(data.get("synced")), _verdict(data)
    fits = failed is not None and failed.keys() <= sent.keys() and stored == len(sent) - len(failed)
    if failed is None or not fits or verdict == "unclear" or (verdict == "no" and not failed):
        return {}
    detail = _plain_fields(data)
    return {
        name: Outcome(name, "acknowledged", _live(data), detail=detail) for name in sent if name not in failed
    }


def _failed_names(data: _Object) -> Mapping[str, _Object] | None:
    """The skills that `failed` names, each with what is said about it; None where it does not name each."""
    failed = data.get("failed")
    if isinstance(failed, list):
        named = {
            name: item if isinstance(item, Mapping) else {}
            for item in failed
            if (name := item if isinstance(item, str) else _name(item)) is not None
        }
        return named if len(named) == len(failed) else None
    return {} if _count(failed) == 0 else None


def _contradicts(data: _Object, good: int, sent: int) -> bool:
    """Whether the numbers of an answer rule out so many stored skills, or a flag says that nothing was."""
    stored, failed = _count(data.get("synced")), data.get("failed")
    failures = len(failed) if isinstance(failed, list) else _count(failed) or 0
    too_few = stored is not None and stored + (_count(data.get("unchanged")) or 0) < good
    return too_few or good + failures > sent or any(data.get(key) for key in _NOT_STORED)


def _read_entry(entry: _Object, agent_id: str, upload: Upload) -> Outcome:
    """What one object says about one skill.

    Raises:
        UnconfirmedError: it says neither yes nor no, or is about something else.
    """
    same, verdict = _check_subject(entry, agent_id, upload), _verdict(entry)
    if verdict == "no":
        return _refused(entry, upload.name)
    if verdict == "yes" or (verdict == "silent" and same):
        return Outcome(upload.name, "acknowledged", _live(entry), detail=_plain_fields(entry))
    raise _unclear(upload.name, "it does not say that it was stored")


def _check_subject(item: _Object, agent_id: str, upload: Upload) -> bool | None:
    """Whether an object holds the hash of what was sent, or none; one about something else is an error."""
    named, same = _name(item), _same_content(item, upload.sha256)
    if named is not None and named != upload.name:
        raise _unclear(upload.name, f"it is about {shown(named, 80)!r}")
    _check_agent(item, agent_id, upload.name)
    if same is False:
        raise _unclear(upload.name, "the service holds another content than was sent")
    return same


def _refused(entry: _Object, name: str) -> Outcome:
    code, message = error_in(entry)
    reason = shown(message or "refused")
    return Outcome(name, "refused", _live(entry), code or "refused", reason, NEXT_STEP_REFUSED)


def _verdict(item: _Object) -> Verdict:
    """What the fields of an object say for or against having stored something; the worst counts."""
    votes = {vote for part in _parts(item) for vote in _votes(part)}
    order: tuple[Verdict, ...] = ("no", "unclear", "yes")
    return next((verdict for verdict in order if verdict in votes), "silent")


def _votes(item: _Object) -> Iterator[Verdict]:
    if any(item.get(key) for key in ("error", "errors", "isError")):
        yield "no"
    if any(item.get(key) for key in _NOT_STORED):
        yield "unclear"
    for key in _FLAGS:
        if key in item:
            yield ("yes" if item[key] else "no") if isinstance(item[key], bool) else "unclear"
    if item.get("status") is not None:
        word = item["status"].strip().lower() if isinstance(item["status"], str) else ""
        yield "yes" if word in _GOOD else "no" if word in _BAD else "unclear"


def _parts(item: _Object) -> Iterator[_Object]:
    """An object, and those that only wrap some of its fields."""
    yield item
    yield from (item[key] for key in _WRAPPERS if isinstance(item.get(key), Mapping))


def _name(item: object) -> str | None:
    """The skill that an object names; None where it names none."""
    for part in _parts(item) if isinstance(item, Mapping) else ():
        value = first_of(part, _NAMES)
        value = value.get("name") if isinstance(value, Mapping) else value
        if isinstance(value, str):
            return value
    return None


def _check_agent(item: _Object, agent_id: str, subject: str) -> None:
    for part in _parts(item):
        for key in _AGENT_IDS:
            value = part.get(key)
            value = first_of(value, ("id", "agentId", "agent_id")) if isinstance(value, Mapping) else value
            if isinstance(value, int) and value.bit_length() < 64:
                value = str(value)
            if value not in (None, "", agent_id):
                raise _unclear(subject, f"it is about another agent than {agent_id!r}")


def _same_content(item: _Object, sha256: str) -> bool | None:
    """Whether the hash in an object is that of what was sent; None where there is none to compare."""
    same = None
    for part in _parts(item):
        for key in (key for key in _HASHES if part.get(key) is not None):
            value = part[key]
            text = value.strip().lower().removeprefix("sha256:") if isinstance(value, str) else ""
            if text == sha256:
                same = True
            elif key == "sha256" or re.fullmatch("[0-9a-f]{64}", text):
                return False
    return same


def _live(item: _Object) -> bool | None:
    """Whether the agent works with the skill already; None where the object does not say."""
    live = item.get("live")
    return live if isinstance(live, bool) else running_in(item)


def _unclear(name: str, why: str) -> UnconfirmedError:
    return UnconfirmedError(
        f"the service's answer does not confirm {name!r}: {why}",
        next_step=NEXT_STEP_UNCONFIRMED,
    )


def _plain_fields(item: _Object) -> str:
    """The plain fields of an object in one line, for the ledger."""
    plain = {k: value for k, value in item.items() if isinstance(value, str | int | bool) and k != "content"}
    return shown(json.dumps(plain, ensure_ascii=False, default=str))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None

"""What an object or a sentence of an answer says for and against having stored a skill (pure).

The lists of good words are closed and those of bad words only add to them: a word that nobody here knows is a
doubt, never a yes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from openclaw_install.sync.answer_fields import first_of, name_in

Verdict = Literal["yes", "no", "doubt", "silent"]

_GOOD = frozenset(
    {
        "ok",
        "success",
        "successful",
        "succeeded",
        "synced",
        "uploaded",
        "stored",
        "saved",
        "created",
        "updated",
    }
    | {"unchanged", "done", "live", "true"}
)
_BAD = frozenset(
    {"error", "failed", "failure", "rejected", "refused", "denied", "invalid", "skipped", "forbidden"}
    | {"unauthorized", "conflict", "false", "no"}
)
_LISTS = ("results", "skills", "items")
_GOOD_LISTS = ("synced", "uploaded", "succeeded", "stored", "saved", "created", "updated", "unchanged")
_WORDS = (
    "status",
    "statusCode",
    "status_code",
    "httpStatus",
    "code",
    "state",
    "outcome",
    "verdict",
    "result",
)
_FLAGS = ("ok", "success", "synced", "stored", "saved", "uploaded", "written", "succeeded", "accepted")
_CHANGES = ("unchanged", "updated", "created")  # a false one is no refusal: one of them is true
_TROUBLES = (
    *("isError", "is_error", "failed", "failure", "skipped", "rejected", "refused", "denied", "invalid"),
    *("blocked", "queued", "pending", "timedOut", "timed_out", "truncated", "dryRun", "dry_run"),
)
_MESSAGES = ("message", "msg", "detail", "details", "warning", "warnings", "note", "text")
_ERRORS = ("error", "errors", "errorMessage", "error_message")
_FAILURES = (
    *("errors", "failed", "failures", "rejected", "refused", "skipped", "invalid"),
    *("denied", "dropped"),
)
_FAILURE_COUNTS = (*_FAILURES, "errors_count", "error_count", "errorCount", "failed_count", "failedCount")
_COUNTS = (
    *("synced", "uploaded", "succeeded", "stored", "saved", "count", "success", "success_count"),
    *("successCount", "total_synced", "totalSynced"),
)
_HASHES = ("sha256", "contentSha256", "hash", "contentHash", "content_hash", "digest", "checksum")
_INNER = ("data", "result", "response", "summary", "stats", "counts", "skill")
_NO_STATEMENTS = (202, 207)  # taken in but not done yet; different for each part

_POSITIVE = re.compile(
    r"(?i)\b(?:synced|uploaded|stored|saved|updated|created|unchanged|ok|success(?:ful(?:ly)?)?|done)\b"
    r"|✓|已同步|同步成功|上传成功|保存成功"
)
_NEGATIVE = re.compile(
    r"(?i)\b(?:not|no|none|nothing|never|cannot|could|would|should|will|unable|fail\w*|errors?|den(?:y|ied)"
    r"|exceed\w*|too|time-?outs?|timed[ -]out|block\w*|full|unknown|invalid\w*|reject\w*|refus\w*|forbidden"
    r"|quota|limit\w*|dry[ -]?run|pending|queu\w*|skip\w*|dropp\w*|ignor\w*|missing|conflict\w*|instead"
    r"|except|but|without|if|unless|later|soon|retry\w*|progress|partial\w*|0|zero|un(?!changed\b)\w*ed"
    r"|(?:status|code|http)\W*[345]\d\d)\b"
    r"|n['\u2019]t\b|[?\uff1f✗✘❌]|失败|失敗|错误|錯誤|无法|無法|未|拒绝|拒絕|超|不|没|沒|跳过|排队|等待|稍后"
)


def verdict_of(item: Mapping[str, Any]) -> Verdict:
    """What an object says of itself; of several words the worst counts.

    Words of failure in a mere message count only where no field says yes: "stored, no warnings" holds one.
    """
    said = worst(*(vote for part in parts_of(item) for vote in _votes(part)))
    if said != "silent":
        return said
    troubled = any(speaks_of_trouble(text) or key == "reason" for key, text in messages_in(item))
    return "doubt" if troubled else "silent"


def worst(*verdicts: Verdict) -> Verdict:
    """Of several verdicts the one that says most against it."""
    order: tuple[Verdict, ...] = ("no", "doubt", "yes")
    return next((verdict for verdict in order if verdict in verdicts), "silent")


def _votes(item: Mapping[str, Any]) -> Iterator[Verdict]:
    if any(item.get(k) not in (None, False, "", {}, []) and number(item[k]) != 0 for k in _ERRORS):
        yield "no"
    if any(_truth(item.get(key)) for key in _TROUBLES):
        yield "no"
    if _failures_here(item):
        yield "doubt"
    for key in _WORDS:
        if key != "result" or not isinstance(item.get(key), Mapping | list):
            yield _word(item.get(key))
    for key in _FLAGS:
        value = item.get(key)
        if number(value) is None and isinstance(value, bool | str):
            yield _word(value)
        elif number(value) is None and key in ("ok", "success") and key in item:
            yield "doubt"
    if any(item.get(key) is True for key in _CHANGES):
        yield "yes"


def _word(value: object) -> Verdict:
    """What the value of a field like `status` says; both 200 and "200" are known."""
    if value is None or value == "":
        return "silent"
    if isinstance(value, bool):
        return "yes" if value else "no"
    code = number(value)
    if code is not None:
        if 200 <= code < 300 and code not in _NO_STATEMENTS:
            return "yes"
        return "no" if 400 <= code < 600 else "doubt"
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in _GOOD:
        return "yes"
    return "no" if word in _BAD else "doubt"


def _truth(value: object) -> bool:
    """Whether a field whose name speaks of trouble is set; a number or a list is counted elsewhere."""
    if isinstance(value, str) and number(value) is None:
        return value.strip().lower() not in ("", "false", "no", "none", "null")
    return value is True


def number(value: object) -> int | None:
    """A whole number in any dress (2, 2.0, "2"); `true` is none."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value == value // 1 else None


def parts_of(item: Mapping[str, Any], depth: int = 3) -> Iterator[Mapping[str, Any]]:
    """An object and the objects that only group some of its fields."""
    yield item
    for key in _INNER if depth else ():
        inner = item.get(key)
        if isinstance(inner, Mapping):
            yield from parts_of(inner, depth - 1)


def messages_in(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The sentences in an object, with the names of their fields."""
    for part in parts_of(item):
        for key in (*_MESSAGES, "reason"):
            value = part.get(key)
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str) and text.strip():
                    yield key, text


def speaks_of_trouble(text: str) -> bool:
    """Whether a sentence holds a word of failure, of doubt or of a condition."""
    return _NEGATIVE.search(text) is not None


def mentions(text: str, name: str) -> bool:
    """Whether a text holds a skill's name as a word of its own; Chinese characters may touch it."""
    return _naming(name).search(text) is not None


def _naming(name: str) -> re.Pattern[str]:
    letter = r"[^\W\u3400-\u9fff]"
    return re.compile(rf"(?<!{letter})(?<![-.]){re.escape(name)}(?!\.?{letter}|-)")


def text_acknowledges(text: str, name: str) -> bool:
    """Whether plain words say that this skill was stored: they name it, say so, and hold nothing else."""
    rest, count = _naming(name).subn(" ", text)
    return count > 0 and _POSITIVE.search(rest) is not None and not speaks_of_trouble(rest)


def stated_count(data: Mapping[str, Any]) -> int | None:
    """The smallest number of stored skills that an answer states, the unchanged ones included."""
    totals = []
    for part in parts_of(data):
        found = [count for key in _COUNTS if (count := number(part.get(key))) is not None]
        totals += [count + (number(part.get("unchanged")) or 0) for count in found]
    return min(totals, default=None)


def failure_count(data: Mapping[str, Any]) -> int:
    """The largest number of failures that an answer states or lists."""
    return max(_failures_here(part) for part in parts_of(data))


def _failures_here(part: Mapping[str, Any]) -> int:
    return max(_size(part.get(key)) for key in _FAILURE_COUNTS)


def _size(value: object) -> int:
    if isinstance(value, Mapping):
        return 1 if name_in(value) else len(value)
    return len(value) if isinstance(value, list) else number(value) or 0


def verdict_of_all(data: Mapping[str, Any], sent: int) -> Verdict:
    """What an answer says of as many skills as were sent, by its own words and by its counts."""
    verdict, stated, failed = verdict_of(data), stated_count(data), failure_count(data)
    if failed >= sent or stated == 0:
        return "no"
    if failed or (stated is not None and stated < sent):
        return worst(verdict, "doubt")
    return "yes" if verdict == "silent" and stated is not None else verdict


def entries_of(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The objects about single skills; a name in a list of stored skills says yes, in another one nothing."""
    found: list[Mapping[str, Any]] = []
    for part in parts_of(data):
        for key in (*_LISTS, *_GOOD_LISTS):
            value = part.get(key)
            good = {"ok": True} if key in _GOOD_LISTS else {}
            items = value if isinstance(value, list) else []
            found += [{**good, **item} for item in items if isinstance(item, Mapping)]
            found += [{"skillName": item, **good} for item in items if isinstance(item, str)]
            if isinstance(value, Mapping) and key in _LISTS:
                found += [_of_map(name, told) for name, told in value.items()]
    return found


def _of_map(name: str, told: object) -> Mapping[str, Any]:
    return {"skillName": name, **(told if isinstance(told, Mapping) else {"status": told})}


def skill_in(item: Mapping[str, Any]) -> str | None:
    """The skill's name in an object or in those that group its fields."""
    return next((name for part in parts_of(item) if (name := name_in(part)) is not None), None)


def failures_in(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Names, or texts that may hold one, under any heading of failure, with what is told about each."""
    for part in parts_of(data):
        for key in _FAILURES:
            value = part.get(key)
            if isinstance(value, Mapping):
                named = name_in(value)
                yield from [(named, value)] if named else [(str(name), why) for name, why in value.items()]
                continue
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, str):
                    yield item, item
                elif isinstance(item, Mapping):
                    yield (
                        name_in(item) or " ".join(told for told in item.values() if isinstance(told, str)),
                        item,
                    )


def same_content(item: Mapping[str, Any], sha256: str) -> bool | None:
    """Whether the hash in an object is that of what was sent; None where there is none to compare."""
    found = None
    for part in parts_of(item):
        for key in _HASHES:
            value = part.get(key)
            text = value.strip().lower().removeprefix("sha256:") if isinstance(value, str) else ""
            if text == sha256:
                found = True
            elif re.fullmatch("[0-9a-f]{64}", text) or (value and ("sha256" in f"{key}{value}".lower())):
                return False
    return found


def other_agent(item: Mapping[str, Any], agent_id: str) -> str | None:
    """The id of an agent that an object is about, if it is not this one."""
    for part in parts_of(item):
        agent = part.get("agent")
        inner = first_of(agent, ("id", "agentId", "agent_id")) if isinstance(agent, Mapping) else agent
        for value in (part.get("agentId"), part.get("agent_id"), inner):
            text = str(value) if isinstance(value, int) and abs(value) < 10**18 else value
            if isinstance(text, str | int) and text not in ("", agent_id):
                return text if isinstance(text, str) else "a number"
    return None

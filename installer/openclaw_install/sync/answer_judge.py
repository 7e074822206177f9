"""Weighs what an answer says about one skill against what it says as a whole (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from openclaw_install.sync.answer_fields import error_in, live_in, said_in
from openclaw_install.sync.answer_verdict import (
    Verdict,
    entries_of,
    failures_in,
    mentions,
    messages_in,
    other_agent,
    parts_of,
    same_content,
    skill_in,
    speaks_of_trouble,
    verdict_of,
    verdict_of_all,
    worst,
)
from openclaw_install.sync.errors import AnswerError
from openclaw_install.sync.service import Outcome, Upload
from openclaw_install.sync.text import shown


@dataclass(frozen=True)
class Whole:
    """What an answer says of all it is about.

    Attributes:
        verdict: by its fields and counts.
        live: as in `Outcome`.
        single: it answers for one skill only, so all it says is about that one.
        troubled: its sentences hold words of failure or doubt.
        dry: it says that nothing was stored on purpose.
    """

    verdict: Verdict
    live: bool | None
    single: bool
    troubled: bool
    dry: bool


def whole_of(data: Mapping[str, Any], prose: str, agent_id: str, sent: int, *, single: bool) -> Whole:
    """Reads what an answer says of all it is about.

    Raises:
        AnswerError: it is about another agent.
    """
    _same_agent(data, agent_id)
    sentences = [prose, *(text for _, text in messages_in(data))]
    troubled = any(speaks_of_trouble(text) for text in sentences)
    dry = any(part.get(key) not in (None, False) for part in parts_of(data) for key in ("dryRun", "dry_run"))
    return Whole(verdict_of_all(data, sent), live_in(data), single, troubled, dry)


def _same_agent(data: Mapping[str, Any], agent_id: str) -> None:
    other = other_agent(data, agent_id)
    if other is not None:
        raise unreadable("sync", f"it is about the agent {shown(other, 80)!r}, not about {agent_id!r}")


def outcomes_of(
    data: Mapping[str, Any], agent_id: str, sent: Mapping[str, Upload], whole: Whole
) -> dict[str, Outcome]:
    """What the objects of an answer say; of several words about one skill, the worst counts."""
    outcomes: dict[str, Outcome] = {}
    doubtful: set[str] = set()
    for item in entries_of(data):
        upload = sent.get(skill_in(item) or "")
        if upload is None:
            continue
        try:
            outcome = judged(item, agent_id, upload, whole)
        except AnswerError:
            doubtful.add(upload.name)
            continue
        if outcome.kind == "refused" or upload.name not in outcomes:
            outcomes[upload.name] = outcome
    for outcome in failed_in(data, sent):
        outcomes[outcome.skill] = outcome
    return {
        name: outcome
        for name, outcome in outcomes.items()
        if outcome.kind == "refused" or name not in doubtful
    }


def judged(item: Mapping[str, Any], agent_id: str, upload: Upload, whole: Whole) -> Outcome:
    """The verdict of one object about one skill; one about another skill, agent or content is none.

    An object that says neither yes nor no goes by what the whole answer says.
    """
    named = skill_in(item)
    if named is not None and named != upload.name:
        raise unreadable("sync", f"it is about {shown(named, 80)!r}, not about {upload.name!r}")
    _same_agent(item, agent_id)
    same = same_content(item, upload.sha256)
    if same is False:
        raise other_content(upload)
    own = verdict_of(item)
    if own == "silent":
        own = "yes" if same or item.get("live") is True else whole.verdict
        if whole.troubled or own == "no":
            own = "doubt"  # trouble somewhere; whether with this one too is not said
    if whole.single:
        own = worst(own, whole.verdict)
    live = live_in(item) if live_in(item) is not None else whole.live
    if own == "no":
        code, message = error_in(item)
        return Outcome(upload.name, "refused", live, code or "refused", shown(message or "refused"))
    if own == "yes" and not whole.dry:
        return Outcome(upload.name, "acknowledged", live, detail=said_in(item))
    raise unreadable("sync", f"it does not acknowledge {upload.name!r}")


def failed_in(data: Mapping[str, Any], sent: Mapping[str, Upload]) -> Iterator[Outcome]:
    """The skills that stand under a heading of failure, in whatever shape."""
    for text, told in failures_in(data):
        for name in sent:
            if mentions(text, name):
                code, message = error_in(told) if isinstance(told, Mapping) else ("", told)
                reason = message if isinstance(message, str) and message and message != name else "refused"
                yield Outcome(name, "refused", None, code or "refused", shown(reason))


def other_content(upload: Upload) -> AnswerError:
    """The error for an answer with the hash of something else."""
    return unreadable("sync", f"the service holds another content of {upload.name!r} than was sent")


def unreadable(tool: str, why: str) -> AnswerError:
    """The error for an answer that settles nothing."""
    return AnswerError(
        f"the answer to {tool} cannot be taken as one: {why}",
        next_step="check that MYSTA_MCP_URL names a skill service; then sync again",
    )

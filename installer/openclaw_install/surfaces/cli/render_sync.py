"""Turns the results of `sync` into lines for a person."""

from __future__ import annotations

from collections.abc import Iterator

from openclaw_install.common.jsonable import iso_time
from openclaw_install.common.shown_text import neutral as plain
from openclaw_install.sync.consent import Consent, ConsentList
from openclaw_install.sync.report import AgentReport, SkillResult, SyncReport
from openclaw_install.sync.status import AgentsList, AgentState, SyncStatus

_WORDS = {
    "acknowledged": "synced",
    "unchanged": "unchanged",
    "planned": "to send",
    "blocked": "blocked",
    "refused": "refused",
    "unconfirmed": "unconfirmed",
    "failed": "failed",
    "not_sent": "not sent",
    "deleted_locally": "deleted here",
}
_QUIET = ("acknowledged", "unchanged")
_MARKS = {
    "in_sync": "same",
    "drifted": "differs",
    "in_doubt": "unknown",
    "unconfirmed": "unconfirmed",
    "never_acknowledged": "-",
    "deleted_locally": "deleted here",
}


def sync_lines(report: SyncReport, *, verbose: bool) -> list[str]:
    """The plan of a dry run, or what was done; single skills only where there is something to say."""
    lines = [f"endpoint: {report.endpoint}{'  (dry run: no skill was sent)' if report.dry_run else ''}"]
    lines += [f"note: {note}" for note in report.notes]
    lines += [f"warning: {warning}" for warning in report.warnings]
    for agent in report.agents:
        lines += ["", f"agent {agent.label}"]
        for result in agent.skills:
            if verbose or result.outcome not in _QUIET:
                lines += _result_lines(result)
        lines.append(f"  {_totals(agent)}")
        if not report.dry_run:
            lines += [f"  {line}" for line in _liveness(agent, report.app_url)]
    return [plain(line) for line in lines]


def _result_lines(result: SkillResult) -> Iterator[str]:
    kind = f" ({result.action})" if result.outcome == "planned" else ""
    yield f"  {_WORDS[result.outcome]:12} {result.skill}{kind}: {result.reason}"
    if result.next_step:
        yield f"  {'':12} next: {result.next_step}"
    if result.code == "secret":
        yield f"  {'':12} next: take it out, or, if it is none: --allow-secrets {result.skill}"


def _totals(agent: AgentReport) -> str:
    counts = [f"{count} {_WORDS[word]}" for word, count in agent.totals.items() if count]
    return ", ".join(counts) or "nothing to do"


def _liveness(agent: AgentReport, app_url: str | None) -> Iterator[str]:
    if agent.skipped:
        yield f"nothing was sent: {agent.skipped}"
    elif agent.live:
        yield "the dev pod is running: the skills are live now"
    elif agent.live is False:
        yield f"the dev pod is not running: start it{f' at {app_url}' if app_url else ''} to apply the skills"
    elif agent.totals["acknowledged"]:
        yield "the service does not say whether the dev pod is running; if not, start it to apply the skills"


def status_lines(status: SyncStatus) -> list[str]:
    """The drift matrix as a table, and the last errors below it."""
    lines = [f"endpoint: {status.endpoint}"]
    if not status.agents:
        return [
            *lines,
            "no agent is known yet: run `openclaw-install sync` or `openclaw-install sync agents`",
        ]
    header = ["skill", *(agent.label for agent in status.agents)]
    table = [[skill.skill, *map(_state, skill.agents)] for skill in status.skills]
    widths = [max(len(line[column]) for line in [header, *table]) for column in range(len(header))]
    lines += [
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
        for line in (header, *table)
    ]
    for skill in status.skills:
        for agent, state in zip(status.agents, skill.agents, strict=True):
            if error := state.last_error:
                where = f"{skill.skill} at {agent.label}, {iso_time(error.at)}"
                lines.append(f"last error of {where}: {error.message}")
    return [plain(line) for line in lines]


def _state(agent: AgentState) -> str:
    age = "" if agent.age_seconds is None else f" ({_age(agent.age_seconds)})"
    return f"{_MARKS[agent.state]}{age}"


def _age(seconds: float) -> str:
    for name, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} s"


def agents_lines(found: AgentsList) -> list[str]:
    """The agents with the state of their pods."""
    words = {True: "running", False: "stopped", None: "state unknown"}
    lines = [f"{agent.id}  {agent.name}  {words[agent.running]}" for agent in found.agents]
    return [plain(line) for line in lines] or ["the service lists no agents"]


def consent_lines(found: ConsentList) -> list[str]:
    """What was agreed to, oldest first."""
    lines = [_consent_line(consent) for consent in found.consents] or ["you have not agreed to anything"]
    return [plain(line) for line in lines] + ([f"revoked: {found.revoked}"] if found.revoked else [])


def _consent_line(consent: Consent) -> str:
    what = {"browser": "open", "connect": "connect to", "upload": "upload to"}[consent.kind]
    agent = f", agent {consent.agent_name or consent.agent_id}" if consent.agent_id else ""
    roots = f", from {', '.join(consent.roots)}" if consent.roots else ""
    end = f", revoked {iso_time(consent.revoked_at)}" if consent.revoked_at is not None else ""
    return (
        f"{iso_time(consent.given_at)}  {what} {consent.endpoint}{agent}{roots} (by {consent.given_by}{end})"
    )

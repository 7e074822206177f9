"""The texts about skills on cloud agents: a sync, what stands where, consents, the watcher's events. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from openclaw_install.common.jsonable import iso_time
from openclaw_install.common.shown_text import neutral as plain
from openclaw_install.surfaces.views import view
from openclaw_install.surfaces.views.text import Text
from openclaw_install.sync.consent import Consent, ConsentList
from openclaw_install.sync.report import AgentReport, SkillResult, SyncReport
from openclaw_install.sync.status import AgentsList, AgentState, SyncStatus
from openclaw_install.sync.watch.event import EventKind, WatchEvent

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
# Said only with --verbose: they come often, or before something that says more.
_QUIET_EVENTS: frozenset[EventKind] = frozenset({"changed", "reconciled"})
_EVENT_WORDS: Mapping[str, str] = {
    "watching": "watching; save a file, and it goes up (Ctrl-C ends)",
    "acknowledged": "acknowledged by",
    "unchanged": "is there already at",
    "refused": "refused by",
    "unconfirmed": "not confirmed by",
    "held": "held back",
    "deleted": "deleted here",
    "waiting": "waiting",
    "recovered": "goes on",
    "polling": "looking at the files every few seconds",
}


@view.register
def sync_report(report: SyncReport, *, verbose: bool = False) -> Text:
    """The plan of a dry run, or what was done; single skills only where there is something to say."""
    lines = [f"endpoint: {report.endpoint}{'  (dry run: no skill was sent)' if report.dry_run else ''}"]
    lines += [f"note: {note}" for note in report.notes]
    lines += [f"warning: {warning}" for warning in report.warnings]
    for agent in report.agents:
        lines += ["", f"agent {agent.label}"]
        for result in agent.skills:
            if verbose or result.outcome not in _QUIET:
                lines += _result_lines(result, agent.id)
        lines.append(f"  {_totals(agent)}")
        if not report.dry_run:
            lines += [f"  {line}" for line in _liveness(agent, report.app_url)]
    return Text(rows=[plain(line) for line in lines])


def _result_lines(result: SkillResult, agent_id: str) -> Iterator[str]:
    kind = f" ({result.action})" if result.outcome == "planned" else ""
    yield f"  {_WORDS[result.outcome]:12} {result.skill}{kind}: {result.reason}"
    if result.next_step:
        yield f"  {'':12} next: {result.next_step}"
    if result.code == "secret":
        allow = f"--allow-secrets {result.skill} --agent {agent_id}"
        yield f"  {'':12} next: take it out, or, if it is none: {allow}"


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


@view.register
def sync_status(status: SyncStatus) -> Text:
    """The drift matrix as a table, and the last errors below it."""
    lines = [f"endpoint: {status.endpoint}"]
    if not status.agents:
        step = "run `openclaw-install sync` or `openclaw-install sync agents`"
        return Text(rows=[*lines, f"no agent is known yet: {step}"])
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
    return Text(rows=[plain(line) for line in lines])


def _state(agent: AgentState) -> str:
    age = "" if agent.age_seconds is None else f" ({_age(agent.age_seconds)})"
    return f"{_MARKS[agent.state]}{age}"


def _age(seconds: float) -> str:
    for name, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} s"


@view.register
def agents_list(found: AgentsList) -> Text:
    """The agents with the state of their pods."""
    words = {True: "running", False: "stopped", None: "state unknown"}
    lines = [f"{agent.id}  {agent.name}  {words[agent.running]}" for agent in found.agents]
    return Text(rows=[plain(line) for line in lines] or ["the service lists no agents"])


@view.register
def consent_list(found: ConsentList) -> Text:
    """What was agreed to, oldest first."""
    lines = [_consent_line(consent) for consent in found.consents] or ["you have not agreed to anything"]
    revoked = [f"revoked: {found.revoked}"] if found.revoked else []
    return Text(rows=[plain(line) for line in lines], tail=revoked)


def _consent_line(consent: Consent) -> str:
    what = {"browser": "open", "connect": "connect to", "upload": "upload to"}.get(consent.kind)
    what = what or f"despite the gate, {consent.skill} ({consent.sha256[:12]}) to"
    agent = f", agent {consent.agent_name or consent.agent_id}" if consent.agent_id else ""
    roots = f", from {', '.join(consent.roots)}" if consent.roots else ""
    end = f", revoked {iso_time(consent.revoked_at)}" if consent.revoked_at is not None else ""
    given = f"(by {consent.given_by}{end})"
    return f"{consent.id:>3}  {iso_time(consent.given_at)}  {what} {consent.endpoint}{agent}{roots} {given}"


def watch_lines(event: WatchEvent, *, verbose: bool = False) -> list[str]:
    """The lines for one event: none where nothing is worth a glance."""
    if event.kind in _QUIET_EVENTS and not verbose:
        return []
    if event.kind == "blocked":
        return []  # the error itself follows on stderr
    moment = datetime.fromtimestamp(event.time).astimezone().strftime("%H:%M:%S")
    words = [event.skill, _EVENT_WORDS.get(event.kind, event.kind), event.agent]
    text = "  ".join(word for word in words if word)
    if event.milliseconds is not None:
        text += f"  {_duration(event)}"
    if event.reason:
        text += f": {event.reason}"
    if event.pending and event.kind != "acknowledged":
        text += f"  [{event.pending} pending, {event.waiting} waiting]"
    lines = [plain(f"{moment}  {text}")]
    if event.next_step and event.kind in ("refused", "unconfirmed", "held", "warning"):
        lines.append(plain(f"          next: {event.next_step}"))
    return lines


def _duration(event: WatchEvent) -> str:
    took = event.milliseconds or 0.0
    if event.kind == "waiting":
        return f"next try in {took / 1000:.0f} s"
    return f"{took:.0f} ms"

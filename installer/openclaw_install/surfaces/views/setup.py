"""The texts about a host: the activation report, a plan, what undo would do and did. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from openclaw_install.common.problems import Problem
from openclaw_install.common.shown_text import neutral
from openclaw_install.host.boot.verdict import BootVerdict
from openclaw_install.host.gateway.probe import LivePolicy
from openclaw_install.setup.bug_report import BugReport
from openclaw_install.setup.connection import Connected
from openclaw_install.setup.history import StandingRuns
from openclaw_install.setup.leftovers import in_words
from openclaw_install.setup.plan import PlanReport
from openclaw_install.setup.removal import UndoResult
from openclaw_install.setup.report import ActivationReport, Applied
from openclaw_install.setup.undo import UndoPlan
from openclaw_install.surfaces.views import view
from openclaw_install.surfaces.views.text import Text


@view.register
def activation_report(report: ActivationReport, *, verbose: bool = False) -> Text:
    """The setup's and verify-runtime's text; the last line is `activation_state=...`."""
    lines = [*_host_lines(report), *_policy_lines(report), *_asset_lines(report), *_answering_lines(report)]
    lines += [*_runtime_lines(report), *_agent_lines(report)]
    if report.applied is not None:
        lines += ["", *_applied_lines(report.applied)]
    lines += _connected_lines(report.connected)
    planned = report.applied.plan if report.applied and report.applied.outcome == "planned" else None
    if report.applied is not None and report.applied.would_be is not None:
        lines += _ahead_lines(report.applied)
    elif report.applied is None or report.applied.outcome != "declined":
        lines += _block("blocked by", report.blockers)
        lines += _block("worth a look", report.warnings)
    if verbose:
        found = [f"  [{one.severity}] {one.code} ({one.path}): {one.message}" for one in report.findings]
        lines += ["", "all findings:", *(found or ["  none"])]
    head = [*plan_report(planned).rows, ""] if planned else []
    return Text(head, [*map(neutral, lines)], ["", f"activation_state={report.activation_state}"])


def _ahead_lines(applied: Applied) -> Iterator[str]:
    """What a dry run foresees, and how to make its changes."""
    yield from _block("left after these changes", applied.left)
    if not applied.left:
        yield "after these changes the host would be ready for messages"
    if applied.next_step:
        yield f"to make them: {applied.next_step}"


def _host_lines(report: ActivationReport) -> Iterator[str]:
    if report.host.state_dir is not None:
        yield f"host      {report.host.state_dir}"
        yield f"config    {report.host.config_path}"


def _policy_lines(report: ActivationReport) -> Iterator[str]:
    policy = report.policy
    if policy.disk is not None:
        prefixes = ", ".join(policy.disk.allowed_session_key_prefixes or ()) or "not restricted"
        state = "on" if policy.disk.enabled else "off"
        yield f"on disk   hooks {state}, session keys: {prefixes}"
        yield f"running   {_running(policy.running)}"
    if policy.next_boot is not None:
        yield f"next boot {_next_boot(policy.next_boot)}"


def _next_boot(verdict: BootVerdict) -> str:
    if verdict.state == "would_stop":
        return f"would stop: {verdict.rule} ({verdict.message})"
    return "would start" if verdict.state == "would_start" else f"not judged: {verdict.message}"


def _running(live: LivePolicy | None) -> str:
    if live is None:
        return "not asked"
    if live.state == "enforced":
        prefixes = ", ".join(live.allowed_session_key_prefixes or ()) or "none"
        return f"port {live.port} answers; session keys: {prefixes}"
    return f"port {live.port}: {live.detail}"


_BUNDLE_STATES = {
    "absent": "not installed",
    "identical": "installed",
    "incomplete": "installed in part",
    "outdated": "installed, of an earlier version",
    "edited": "installed, changed by you",
}


def _asset_lines(report: ActivationReport) -> Iterator[str]:
    for bundle in report.bundles:
        missing = ", ".join(bundle.missing.names()) or "its installation"
        able = "eligible" if bundle.eligible else f"waits for {missing}"
        yield f"bundle    {bundle.name}: {_BUNDLE_STATES[bundle.state]}, {able}"
    for server in report.mcp_servers:
        reason = f" ({server.reason})" if server.reason else ""
        yield f"mcp       {server.name}: {server.state.replace('_', ' ')}{reason}"


def _answering_lines(report: ActivationReport) -> Iterator[str]:
    found = report.answering
    if found is None:
        return
    words = {
        "served": f"{found.tools} tools, served by the gateway to {found.session}",
        "listed": f"{found.tools} tools; the gateway starts them with a session's first turn",
    }
    yield f"answer    {found.server}: {words.get(found.state, found.state.replace('_', ' '))}"


def _runtime_lines(report: ActivationReport) -> Iterator[str]:
    runtime = report.runtime
    if runtime is None or runtime.status is None or not runtime.wanted:
        return
    parts = [f"{part.name} {part.phase}" for part in runtime.status.components if part.phase != "off"]
    yield f"runtime   {', '.join([runtime.status.state, *parts])}"


def _agent_lines(report: ActivationReport) -> Iterator[str]:
    agent = report.agent
    if agent is None:
        return
    relay = agent.relay or "no relay"
    hub = " (the embedded hub)" if agent.embedded_hub else ""
    yield f"agent     {agent.did or 'no identity yet'}"
    connection = agent.transport.connection if agent.transport else "not connected"
    yield f"relay     {relay}{hub}: {connection}"


def _connected_lines(connected: Connected | None) -> Iterator[str]:
    if connected is None or connected.outcome == "unchanged":
        return
    identity = ", with a new identity" if connected.created else ""
    words = {
        "planned": f"would connect this agent to {connected.relay}{identity}, and start the runtime",
        "connected": f"connected this agent to {connected.relay}{identity}",
        "declined": "declined: this agent is connected to no relay",
    }
    yield words[connected.outcome]


def _applied_lines(applied: Applied) -> Iterator[str]:
    if applied.outcome == "unchanged":
        yield "nothing to change: every byte is as it should be"
        return
    if applied.outcome != "applied":
        yield {"planned": "dry run: nothing was written", "declined": "declined: nothing was written"}[
            applied.outcome
        ]
        return
    made = _count(len(applied.plan.changes), "change")
    yield f"{made} made; to take it back: openclaw-install undo {applied.receipt}"
    yield f"images before and after: {applied.backup}"
    yield from (f"note: {note}" for note in applied.plan.notes)
    touched = any(change.kind == "config" for change in applied.plan.changes)
    if applied.live:
        yield "the running gateway enforces the new policy"
    elif applied.live is False and touched:
        yield "the running gateway did not take the new policy over in time"


def _block(title: str, blockers: Sequence[Problem]) -> Iterator[str]:
    if blockers:
        yield ""
        yield f"{title}:"
    for blocker in blockers:
        yield f"  {blocker.code}: {blocker.message}"
        if blocker.next_step:
            yield f"      -> {blocker.next_step}"


@view.register
def plan_report(plan: PlanReport) -> Text:
    """What a run would change, file by file, and the diff of the config."""
    lines = [f"{change.action:<10} {change.path}" for change in plan.changes]
    lines += [f"{'keep':<10} {kept.path}: {kept.reason}" for kept in plan.kept]
    for item in plan.skipped:
        lines.append(f"{'skip':<10} {item.what}: {item.reason}")
        lines += [f"{'':<10}   -> {item.next_step}"] if item.next_step else []
    lines += [f"{'also':<10} {step}" for step in plan.besides]
    lines += [f"{'note':<10} {note}" for note in plan.notes]
    return Text(rows=[*map(neutral, lines), *_diff_lines(plan.diff)])


def _diff_lines(diff: str) -> list[str]:
    # A tab is what the config is indented with; nothing else in a line of a diff may move the cursor.
    return ["\t".join(map(neutral, line.rstrip("\r").split("\t"))) for line in diff.split("\n") if line]


@view.register
def undo_plan(plan: UndoPlan) -> Text:
    """What taking runs back would change."""
    lines = [f"take back  {receipt.id} ({receipt.command})" for receipt in plan.receipts]
    lines += [f"{change.shown.action:<10} {change.path}" for change in plan.changes]
    lines += [f"{'keep':<10} {kept.path}: {kept.reason}" for kept in plan.kept]
    lines += [f"{'conflict':<10} {name}" for name in plan.conflicts]
    if plan.next_boot is not None and plan.next_boot.state == "would_stop":
        lines.append(
            f"warning    the gateway would not start from the restored config: {plan.next_boot.message}"
        )
    return Text(rows=[*map(neutral, lines), *_diff_lines(plan.diff)])


@view.register
def bug_report(written: BugReport) -> Text:
    """Where the bundle is and what is in it."""
    lines = [f"wrote {written.path} ({in_words(written.bytes)}), for you alone to read, with:"]
    tail = ["secrets are masked; look through it before you attach it to a report"]
    return Text(lines, [neutral(f"  {name}") for name in written.files], tail)


@view.register
def standing_runs(found: StandingRuns) -> Text:
    """One line a run, and one for what it changed."""
    if not found.runs:
        return Text(["no run stands on this host: there is nothing to undo"])
    rows = []
    for run in found.runs:
        made = datetime.fromtimestamp(run.made_at, UTC)
        kept = ", of which only what you kept stands" if run.only_kept else ""
        rows.append(f"{run.receipt}  {made:%-d %B %Y %H:%M} UTC, {run.ago}: {run.command}{kept}")
        rows.append(f"    {run.summary}")
    return Text(rows=[*map(neutral, rows)], tail=["", "to take one back: openclaw-install undo RECEIPT"])


@view.register
def undo_result(result: UndoResult) -> Text:
    """The last words of `undo` and `uninstall`."""
    texts = {
        "undone": f"{_count(len(result.changes), 'change')} taken back",
        "planned": "dry run: nothing was written",
        "declined": "declined: nothing was written",
        "unchanged": "nothing of ours is on this host",
    }
    kept = [f"kept {kept.path}: {kept.reason}" for kept in result.kept]
    stays = [f"left on purpose: {one.path} ({in_words(one.bytes)}): {one.what}" for one in result.stays]
    stays += [f"deleted for good: {one.path}" for one in result.purged]
    removed = [f"removed {path}" for path in result.removed]
    return Text([texts[result.outcome]], [*map(neutral, [*removed, *kept, *stays])])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

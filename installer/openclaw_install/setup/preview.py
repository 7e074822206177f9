"""Looks ahead: what a setup does beside files of the host, and what would be in the way after its changes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from openclaw_install.common.errors import InstallError
from openclaw_install.common.problems import Problem
from openclaw_install.host.config.document import ConfigDocument, document_of
from openclaw_install.host.gateway.probe import LivePolicy
from openclaw_install.setup.changes import missing_folders, real_path
from openclaw_install.setup.connection import Connected, ConnectionPlan, plan_connection
from openclaw_install.setup.context import Context
from openclaw_install.setup.disk_files import DiskFiles
from openclaw_install.setup.facts import Facts
from openclaw_install.setup.plan import Plan
from openclaw_install.setup.report import keeps_out, make_report
from openclaw_install.setup.survey import Survey, look_at_host

# What a gateway answers that reads its file anew as soon as it is changed.
_FOLLOWS = frozenset(
    {"enforced", "hooks_off", "no_token", "token_rejected", "token_unsendable", "agent_rule"}
)
# No message comes in as long as nothing runs; whether the relay answers is seen when something does.
_STARTS = frozenset({"relay.no_bridge", "relay.not_reached", "relay.other_served"})


def steps_besides(context: Context, plan: Plan) -> tuple[str, ...]:
    """What a setup does beside the changes of its plan, in words, for the question that it asks."""
    connection = None
    with contextlib.suppress(InstallError):  # said again where it matters
        connection = _connection(context)
    return tuple(_steps(context, plan, connection))


def problems_after(
    context: Context, facts: Facts, plan: Plan, connected: Connected | None
) -> tuple[Problem, ...]:
    """What would be in the way, or critical, after a plan's changes; the gateway is taken to follow its file.

    Args:
        context: the command.
        facts: the host as it is.
        plan: what would be changed.
        connected: what would be done about the relay.
    """
    after = facts
    survey = facts.survey
    if survey is not None:
        try:
            plan.require_writable(survey)
        except InstallError as error:
            # Nothing at all is changed then: what is in the way stays there.
            return (error.problem, *(one for one in make_report(facts).findings if keeps_out(one)))
        with contextlib.suppress(InstallError):
            survey = _survey_after(context, survey, plan)
            after = replace(facts, survey=survey, live=_live_after(facts.live, survey, plan))
    starts = connected is not None or bool(facts.runtime and facts.runtime.wanted)
    starts = starts and _is_stopped(facts)
    if starts:
        after = replace(after, runtime=None)
    if connected is not None and facts.agent is not None:
        made = connected.created and facts.agent.identity_copy is None
        identity = "present" if made else facts.agent.identity
        after = replace(after, agent=replace(facts.agent, relay=connected.relay, identity=identity))
    narrowed = {change.path for change in plan.changes if change.kind == "mode"}
    return tuple(
        one
        for one in make_report(after).findings
        if (keeps_out(one) or (one.severity == "critical" and one.next_step))
        and not (one.code.startswith("fs.") and _place(one) in narrowed)
        and not (starts and one.code in _STARTS)
    )


def _place(problem: Problem) -> Path | None:
    """The path that a problem is about, links resolved; None where it is about none."""

    return real_path(Path(problem.path)) if problem.path.startswith("/") else None


def _steps(context: Context, plan: Plan, connection: ConnectionPlan | None) -> Iterator[str]:
    folders = [folder.path for folder in missing_folders(plan.changes, DiskFiles())]
    for folder in folders:
        if folder.parent not in folders:
            below = sum(other.is_relative_to(folder) for other in folders) - 1
            yield f"make the folder {folder}" + (f", and {below} below it" if below else "")
    if plan.changes and not (context.store.folder / "receipts").exists():
        yield f"keep in {context.store.folder} how the files were before, for undo"
    if connection is not None:
        yield from connection.steps
    if context.runtime is not None and (connection is not None or context.runtime.wanted()):
        with contextlib.suppress(InstallError):
            report = context.runtime.report()
            if report.state == "stopped":
                yield f"start the runtime, one process in the background that logs to {report.log.path}"


def _connection(context: Context) -> ConnectionPlan | None:
    return None if context.env is None else plan_connection(context.location, context.env, context.options)


def _survey_after(context: Context, survey: Survey, plan: Plan) -> Survey:
    return look_at_host(
        context.location,
        context.options.route_mode,
        context.store.in_force(),
        document=_document_after(context, survey, plan),
    )


def _document_after(context: Context, survey: Survey, plan: Plan) -> ConfigDocument:
    for change in plan.changes:
        if change.kind == "config" and change.after is not None:
            return document_of(survey.document.path, change.after, survey.document.mode, context.location.env)
    return survey.document


def _live_after(live: LivePolicy | None, survey: Survey, plan: Plan) -> LivePolicy | None:
    changed = any(change.kind == "config" for change in plan.changes)
    if live is None or not changed or live.state not in _FOLLOWS:
        return live
    policy = survey.policy
    return LivePolicy(
        "enforced", survey.address.port, policy.allow_request_session_key, tuple(policy.prefixes or ())
    )


def _is_stopped(facts: Facts) -> bool:
    runtime = facts.runtime
    if runtime is None:
        return True
    # One that cannot be looked at cannot be started either.
    return runtime.problem is None and (runtime.status is None or runtime.status.state == "stopped")

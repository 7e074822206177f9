"""Setup, `verify-runtime` and `--fix-hooks`: plan, diff, consent, apply, and proof on the running gateway."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from openclaw_install.common.errors import (
    ConfigError,
    ConflictError,
    ExitCode,
    HostError,
    InstallError,
    UsageError,
)
from openclaw_install.host.boot.verdict import stops_reload
from openclaw_install.host.gateway.probe import LivePolicy
from openclaw_install.host.locate import HostLocation
from openclaw_install.runtime.programs import RunningProgram, running_programs
from openclaw_install.setup.connection import Connected, connect
from openclaw_install.setup.context import Context
from openclaw_install.setup.facts import PROGRAM, Facts, Records, facts_of, read_records
from openclaw_install.setup.gateway_check import ask_running, ask_settled, watch_take_over
from openclaw_install.setup.message_path import MessagePath, look_at_message_path
from openclaw_install.setup.next_boot import stops_beside_hooks
from openclaw_install.setup.plan import Plan, PlanReport, plan_hook_fix, plan_setup
from openclaw_install.setup.preview import problems_after, steps_besides
from openclaw_install.setup.report import ActivationReport, ActivationState, Applied, keeps_out, make_report
from openclaw_install.setup.runtime_control import look_at_runtime
from openclaw_install.setup.survey import Survey, look_at_host
from openclaw_install.setup.transaction import Recovery, apply_changes, recover

PlanMaker = Callable[[Survey], Plan]
_PLANS_AT_MOST = 3


@dataclass(frozen=True)
class RunResult:
    """What a command reports.

    Attributes:
        facts: what the report is made from.
        applied: what it changed on the host; None for a command that only looks.
        error: what stopped it.
        connected: what it did about the relay; None where none was named.
        plan: of a dry run, what would be done.
    """

    facts: Facts = field(repr=False)
    applied: Applied | None = None
    error: InstallError | None = None
    connected: Connected | None = None
    plan: Plan | None = field(default=None, repr=False)

    @cached_property
    def report(self) -> ActivationReport:
        """The activation report."""
        return make_report(self.facts, self.applied, self.connected)

    @property
    def exit_code(self) -> ExitCode:
        """0 done and ready, or would be after a dry run; 1 blocked, findings remain, or it was declined."""
        if self.applied is not None and self.applied.would_be is not None and self.error is None:
            return 1 if self.applied.left else 0
        declined = self.applied is not None and self.applied.outcome == "declined"
        return 0 if self.report.clean and self.error is None and not declined else 1


def verify_runtime(context: Context) -> RunResult:
    """Reports on the host, its gateway, its runtime and its agent; changes nothing.

    Where no session of the gateway has started our MCP server yet, that is started for a moment, to be asked.
    Whatever cannot be read is the report's one blocker; nothing is raised for it.
    """
    try:
        records = read_records(context.store)
        survey = look_at_host(context.location, context.options.route_mode, records.standing)
        result = RunResult(_asked(context, survey, records))
    except InstallError as error:
        result = failed(context.location, error, context.options.invocation)
    return _with_the_rest(context, result)


def fix_hooks(context: Context) -> RunResult:
    """Mends the hook policy: diff, consent, one atomic write, and proof on the running gateway.

    Raises:
        ConflictError: another run holds the host, or an interrupted one cannot be settled.
        FileError: the config cannot be written; it is untouched then.
        UsageError: there is nobody to ask for consent.
    """
    command = "verify-runtime --fix-hooks"
    result = _with_the_rest(context, _run(context, command, plan_hook_fix))
    return _foreseen(context, result, f"{context.options.invocation} {command}")


def set_up(context: Context) -> RunResult:
    """Sets the host up, connects its agent, and starts the runtime where it has work.

    Bundles, MCP servers, hook policy, permissions; a second run changes nothing.

    Raises:
        ConflictError: another run holds the host, or an interrupted one cannot be settled.
        FileError: something cannot be written; everything is as it was then.
        UsageError: there is nobody to ask for consent, or what was asked for cannot be.
    """
    options = context.options

    def plan_all(survey: Survey) -> Plan:
        plan = plan_setup(survey, overwrite_edited=options.overwrite_edited)
        return replace(plan, besides=steps_besides(context, plan))

    result = _run(context, "setup", plan_all)
    done = result.applied is not None and result.applied.outcome in ("applied", "unchanged")
    done = done and result.error is None
    if done or options.dry_run:
        result = _connected(context, result)
    result = _with_the_rest(context, result, start=done and not options.dry_run)
    return _foreseen(context, result, options.as_command)


def _foreseen(context: Context, result: RunResult, command: str) -> RunResult:
    """A result with how to make the changes that were not made, and after a dry run where they would lead."""
    applied = result.applied
    if applied is None or applied.outcome == "applied" or result.error is not None:
        return result
    plans_relay = result.connected is not None and result.connected.outcome in ("planned", "declined")
    step = command if plans_relay or applied.outcome != "unchanged" else ""
    applied = replace(applied, next_step=step)
    if result.plan is not None:
        left = problems_after(context, result.facts, result.plan, result.connected)
        state: ActivationState = "blocked" if any(map(keeps_out, left)) else "ready_waiting_inbound"
        applied = replace(applied, would_be=state, left=left)
    return replace(result, applied=applied)


def failed(
    location: HostLocation | None,
    error: InstallError,
    invocation: str = PROGRAM,
    applied: Applied | None = None,
) -> RunResult:
    """The result of a run that was stopped: blocked, with the reason.

    Args:
        location: the host; None where none was found.
        error: what stopped it.
        invocation: how this program is called for this host.
        applied: what it had changed by then.
    """
    return RunResult(Facts(location, invocation, error=error), applied, error)


def _connected(context: Context, result: RunResult) -> RunResult:
    """Connects the agent; what cannot be used there is a blocker, and the rest of the run stands."""
    if context.env is None:
        return result
    try:
        connected = connect(
            context.location,
            context.env,
            context.options,
            context.operator,
            context.clock(),
            # The plan named the relay before the one question.
            consented=result.applied is not None and result.applied.outcome == "applied",
        )
    except UsageError:
        raise
    except InstallError as error:
        return replace(result, facts=replace(result.facts, not_connected=error))
    return replace(result, connected=connected)


def _with_the_rest(context: Context, result: RunResult, *, start: bool = False) -> RunResult:
    """The result with runtime, agent and tools in its facts, where they are not left alone."""
    runtime = None if context.runtime is None else look_at_runtime(context.runtime, start=start)
    agent: MessagePath | None = None
    programs: tuple[RunningProgram, ...] = ()
    if context.env is not None:
        agent = look_at_message_path(context.location, context.env, context.clock())
        programs = running_programs(agent.paths.folder)
    survey, live = result.facts.survey, result.facts.live
    answering = None
    if context.answering is not None and survey is not None and live is not None and live.reachable:
        answering = context.answering(survey)
    facts = replace(result.facts, runtime=runtime, agent=agent, programs=programs, answering=answering)
    return replace(result, facts=facts)


def _run(context: Context, command: str, make_plan: PlanMaker) -> RunResult:
    """Runs one command that changes the host, from the first look to the proof."""
    try:
        if context.options.dry_run:
            records = read_records(context.store)
            survey = _look(context)
            plan = make_plan(survey)
            outcome = Applied(plan.shown, "planned" if plan.changes else "unchanged")
            return RunResult(_asked(context, survey, records), outcome, plan=plan)
        with context.store.lock():
            recovered = recover(context.store)
            for item in recovered:
                context.operator.show(item.sentence())
            return _locked(context, command, make_plan, recovered)
    except (ConfigError, HostError) as error:
        return failed(context.location, error, context.options.invocation)


def _locked(context: Context, command: str, make_plan: PlanMaker, recovered: Sequence[Recovery]) -> RunResult:
    operator, store = context.operator, context.store
    agreed: PlanReport | None = None
    for attempt in range(1, _PLANS_AT_MOST + 1):
        survey = _look(context)
        plan = make_plan(survey)
        applied = Applied(plan.shown, "unchanged", recovered=tuple(recovered))
        if not plan.changes:
            return RunResult(_asked(context, survey), applied)
        plan.require_writable(survey)
        if applied.plan != agreed:
            operator.show_plan(applied.plan)
            if not operator.confirm("Make these changes?"):
                return RunResult(_asked(context, survey), replace(applied, outcome="declined"))
        agreed = applied.plan
        before = None if context.options.offline else (survey, ask_running(survey, context.ask))
        try:
            receipt = apply_changes(command, plan.changes, store)
        except ConflictError as error:
            if error.error_code != "conflict.changed" or attempt == _PLANS_AT_MOST:
                raise
            operator.show(f"{error.message}; planning anew")
            continue
        made = replace(applied, outcome="applied", receipt=receipt.id, backup=store.place(receipt.id))
        return _prove(context, made, before)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _prove(context: Context, applied: Applied, before: tuple[Survey, LivePolicy] | None) -> RunResult:
    """Reports on the host after the change; `before` is what it was, None where nobody is to be asked."""
    try:
        survey = _look(context)
    except InstallError as error:
        # Somebody was quicker: what we did stands, and its receipt has to be told in any case.
        return failed(context.location, error, context.options.invocation, applied)
    if before is None or not any(change.kind == "config" for change in applied.plan.changes):
        return RunResult(_asked(context, survey), applied)
    hear = context.begin_to_ask(survey)
    stops = stops_beside_hooks(survey.document, survey.facts, survey.location, hear())
    if any(map(stops_reload, stops)):
        # No running gateway takes over a file that it would not start from: there is nothing to wait for.
        answer = ask_running(survey, context.ask)
        live = False if answer.reachable else None
    else:
        context.operator.progress("waiting for the running gateway to take the change over")
        answer, live = watch_take_over(before, survey, context.ask, context.options)
    facts = facts_of(survey, answer, context.options.invocation, hear=hear)
    return RunResult(facts, replace(applied, live=live))


def _look(context: Context) -> Survey:
    return look_at_host(context.location, context.options.route_mode, context.store.in_force())


def _asked(context: Context, survey: Survey, records: Records | None = None) -> Facts:
    """The facts with what the running gateway answers, unless nobody is to be asked."""
    options = context.options
    hear = context.begin_to_ask(survey)
    live = None if options.offline else ask_settled(survey, context.ask, options.starting_seconds)
    return facts_of(survey, live, options.invocation, records, hear)

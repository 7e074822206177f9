"""`verify-runtime`: reports on a host; with `--fix-hooks` mends its hook policy and proves it live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from openclaw_install.common.errors import ConfigError, ConflictError, HostError, InstallError
from openclaw_install.common.jsonable import jsonable
from openclaw_install.host.gateway.probe import Asker, LivePolicy, ask_gateway
from openclaw_install.host.hooks.policy import RouteMode
from openclaw_install.host.locate import HostLocation
from openclaw_install.setup.activation import ActivationReport
from openclaw_install.setup.connection import Connected
from openclaw_install.setup.facts import PROGRAM, Facts, Records, facts_of, read_records
from openclaw_install.setup.gateway_check import Patience, ask_running, ask_settled, watch_take_over
from openclaw_install.setup.operator import Operator
from openclaw_install.setup.plan import Plan, plan_hook_fix
from openclaw_install.setup.receipts import ReceiptStore
from openclaw_install.setup.report import make_report
from openclaw_install.setup.survey import Survey, look_at_host
from openclaw_install.setup.transaction import Recovery, apply_changes, recover

PlanMaker = Callable[[Survey], Plan]
_PLANS_AT_MOST = 3


@dataclass(frozen=True)
class Options:
    """What the operator asked for.

    Attributes:
        route_mode: how inbound messages find their session.
        offline: do not ask the running gateway.
        dry_run: show the plan and write nothing.
        overwrite_edited: replace files of bundles that the user changed.
        invocation: how this program is called for this host, for the cures in the report.
        take_over_seconds: how long the running gateway may take to enforce a new policy.
        settle_seconds: how long to watch a gateway after a change that cannot be seen from outside.
        starting_seconds: how long a gateway that is just starting may take until it answers.
    """

    route_mode: RouteMode = "stable-hook-session"
    offline: bool = False
    dry_run: bool = False
    overwrite_edited: bool = False
    invocation: str = PROGRAM
    take_over_seconds: float = 15.0
    settle_seconds: float = 3.0
    starting_seconds: float = 20.0


@dataclass(frozen=True)
class Applied:
    """What became of a plan.

    Attributes:
        plan: what was, or would be, changed.
        outcome: `unchanged` (nothing to do), `planned` (dry run), `declined`, or `applied`.
        receipt: id of the receipt, which `undo` takes; None when nothing was changed.
        backup: the folder with the images of everything that was changed.
        live: whether the running gateway enforces the policy on disk, waited for where the run changed it;
            None when it was not asked or none answers.
        recovered: what was done about earlier runs that had died.
    """

    plan: Plan
    outcome: str
    receipt: str | None = None
    backup: str | None = None
    live: bool | None = None
    recovered: tuple[Recovery, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "plan": self.plan.to_json(),
            "receipt": self.receipt,
            "backup": self.backup,
            "live": self.live,
            "recovered": [item.to_json() for item in self.recovered],
        }


@dataclass(frozen=True)
class RunResult:
    """What a command reports.

    Attributes:
        facts: what the report is made from.
        applied: what it changed on the host; None for a command that only looks.
        error: what stopped it.
        connected: what it did about the relay; None where none was named.
    """

    facts: Facts = field(repr=False)
    applied: Applied | None = None
    error: InstallError | None = None
    connected: Connected | None = None

    @cached_property
    def report(self) -> ActivationReport:
        """The activation report."""
        return make_report(self.facts)

    @property
    def exit_code(self) -> int:
        """0 done and ready; 1 blocked, findings remain, or the plan was declined."""
        declined = self.applied is not None and self.applied.outcome == "declined"
        return 0 if self.report.clean and self.error is None and not declined else 1

    def to_json(self) -> dict[str, Any]:
        """The `result` (`schemas/activation-report.schema.json`)."""
        applied = {} if self.applied is None else {"applied": self.applied.to_json()}
        connected = {} if self.connected is None else {"connected": jsonable(self.connected)}
        return {**jsonable(self.report), **applied, **connected}


def verify_runtime(
    location: HostLocation, options: Options, *, ask: Asker = ask_gateway, store: ReceiptStore | None = None
) -> RunResult:
    """Looks at the host and asks its gateway; changes nothing and starts nothing.

    Whatever cannot be read is the report's one blocker; nothing is raised for it.
    """
    try:
        records = read_records(store or ReceiptStore(location))
        survey = look_at_host(location, options.route_mode, records.standing)
        live = None if options.offline else ask_settled(survey, ask, options.starting_seconds)
        return RunResult(facts_of(survey, live, options.invocation, records))
    except InstallError as error:
        return failed(location, error, options.invocation)


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


def fix_hooks(
    location: HostLocation,
    options: Options,
    operator: Operator,
    *,
    ask: Asker = ask_gateway,
    store: ReceiptStore | None = None,
) -> RunResult:
    """Mends the hook policy: diff, consent, one atomic write, and proof on the running gateway.

    Raises:
        ConflictError: another run holds the host, or an interrupted one cannot be settled.
        FileError: the config cannot be written; it is untouched then.
        UsageError: there is nobody to ask for consent.
    """
    runner = Runner(location, options, operator, ask, store or ReceiptStore(location))
    return runner.run("verify-runtime --fix-hooks", plan_hook_fix)


class Runner:
    """Plan, diff, consent, apply, verify, report: what the setup and `--fix-hooks` have in common."""

    def __init__(
        self,
        location: HostLocation,
        options: Options,
        operator: Operator,
        ask: Asker,
        store: ReceiptStore,
    ) -> None:
        self.location = location
        self.options = options
        self.operator = operator
        self.ask = ask
        self.store = store

    def run(self, command: str, make_plan: PlanMaker) -> RunResult:
        """Runs one command from the first look to the report."""
        try:
            if self.options.dry_run:
                return self._dry_run(make_plan)
            with self.store.lock():
                return self._locked(command, make_plan)
        except (ConfigError, HostError) as error:
            return failed(self.location, error, self.options.invocation)

    def _dry_run(self, make_plan: PlanMaker) -> RunResult:
        records = read_records(self.store)
        survey = self._look()
        plan = make_plan(survey)
        facts = self._asked(survey, records)
        return RunResult(facts, Applied(plan, "unchanged" if plan.empty else "planned"))

    def _locked(self, command: str, make_plan: PlanMaker) -> RunResult:
        recovered = recover(self.store)
        for item in recovered:
            self.operator.show(item.sentence())
        agreed: Plan | None = None
        for attempt in range(1, _PLANS_AT_MOST + 1):
            survey = self._look()
            plan = make_plan(survey)
            if plan.empty:
                return RunResult(self._asked(survey), Applied(plan, "unchanged", recovered=recovered))
            plan.require_writable(survey)
            if agreed is None or not plan.shows_same_as(agreed):
                self.operator.show_plan(plan)
                if not self.operator.confirm("Make these changes?"):
                    return RunResult(self._asked(survey), Applied(plan, "declined", recovered=recovered))
            agreed = plan
            before = None if self.options.offline else (survey, ask_running(survey, self.ask))
            try:
                receipt = apply_changes(command, plan.changes, self.store)
            except ConflictError as error:
                if error.error_code != "conflict.changed" or attempt == _PLANS_AT_MOST:
                    raise
                self.operator.show(f"{error.message}; planning anew")
                continue
            backup = str(self.store.place(receipt.id))
            return self._prove(Applied(plan, "applied", receipt.id, backup, None, recovered), before)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _prove(self, applied: Applied, before: tuple[Survey, LivePolicy] | None) -> RunResult:
        """Reports on the host after the change; `before` is what it was, None where nobody is to be asked."""
        try:
            survey = self._look()
        except InstallError as error:
            # Somebody was quicker: what we did stands, and its receipt has to be told in any case.
            return failed(self.location, error, self.options.invocation, applied)
        if before is None:
            return RunResult(facts_of(survey, None, self.options.invocation), applied)
        live: bool | None = None
        if any(change.kind == "config" for change in applied.plan.changes):
            self.operator.progress("waiting for the running gateway to take the change over")
            patience = Patience(self.options.take_over_seconds, self.options.settle_seconds)
            answer, live = watch_take_over(before, survey, self.ask, patience)
        else:
            answer = ask_settled(survey, self.ask, self.options.starting_seconds)
        facts = facts_of(survey, answer, self.options.invocation)
        return RunResult(facts, replace(applied, live=live))

    def _look(self) -> Survey:
        return look_at_host(self.location, self.options.route_mode, self.store.in_force())

    def _asked(self, survey: Survey, records: Records | None = None) -> Facts:
        live = None
        if not self.options.offline:
            live = ask_settled(survey, self.ask, self.options.starting_seconds)
        return facts_of(survey, live, self.options.invocation, records)

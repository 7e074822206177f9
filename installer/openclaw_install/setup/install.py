"""The one-shot setup, and the ways back: `undo` and `uninstall`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openclaw_install.host.gateway import Asker, ask_gateway
from openclaw_install.host.locate import HostLocation
from openclaw_install.setup.operator import Operator
from openclaw_install.setup.plan import action_of, plan_setup
from openclaw_install.setup.receipts import Receipt, ReceiptStore
from openclaw_install.setup.transaction import recover
from openclaw_install.setup.undo import UndoPlan, carry_out_undo, choose_receipt, plan_undo
from openclaw_install.setup.verify import Options, Runner, RunResult


def run_setup(
    location: HostLocation,
    options: Options,
    operator: Operator,
    *,
    ask: Asker = ask_gateway,
    store: ReceiptStore | None = None,
) -> RunResult:
    """Sets the host up: bundles, MCP servers, hook policy, permissions; a second run changes nothing.

    Raises:
        ConflictError: another run holds the host, or an interrupted one cannot be settled.
        FileError: something cannot be written; everything is as it was then.
        UsageError: there is nobody to ask for consent.
    """
    runner = Runner(location, options, operator, ask, store or ReceiptStore(location))
    return runner.run("setup", lambda survey: plan_setup(survey, overwrite_edited=options.overwrite_edited))


@dataclass(frozen=True)
class UndoResult:
    """What `undo` or `uninstall` did.

    Attributes:
        outcome: `undone`, `planned` (dry run), `declined`, or `unchanged` (there was nothing of ours).
        plan: what it changed, or would change.
    """

    outcome: str
    plan: UndoPlan

    @property
    def exit_code(self) -> int:
        """0 done; 1 declined, or a dry run that met conflicts."""
        return 1 if self.outcome == "declined" or (self.outcome == "planned" and self.plan.conflicts) else 0

    def to_json(self) -> dict[str, Any]:
        """The `result` (`schemas/undo-report.schema.json`)."""
        verdict = self.plan.next_boot
        return {
            "outcome": self.outcome,
            "receipts": [receipt.id for receipt in self.plan.receipts],
            "changes": [
                {"kind": change.kind, "action": action_of(change), "path": str(change.path)}
                for change in self.plan.changes
            ],
            "kept": [kept.to_json() for kept in self.plan.kept],
            "conflicts": list(self.plan.conflicts),
            "next_boot": None if verdict is None else verdict.to_json(),
        }


@dataclass(frozen=True)
class UndoOptions:
    """What the operator asked for.

    Attributes:
        dry_run: show the plan and change nothing.
        keep_changed: what the user changed again since stays, and the rest is undone.
    """

    dry_run: bool = False
    keep_changed: bool = False


def run_undo(
    location: HostLocation,
    wanted: str | None,
    options: UndoOptions,
    operator: Operator,
    *,
    store: ReceiptStore | None = None,
) -> UndoResult:
    """Takes one run back: the named one, else the newest that stands.

    Raises:
        UsageError: no such receipt stands, or there is nobody to ask for consent.
        ConflictError: something that the run changed was changed again since; nothing is undone.
        FileError: something cannot be written; everything is as it was then.
    """
    receipts = store or ReceiptStore(location)
    with receipts.lock():
        _settle_earlier(receipts, operator, dry_run=options.dry_run)
        return _take_back("undo", [choose_receipt(receipts, wanted)], receipts, options, operator)


def run_uninstall(
    location: HostLocation,
    options: UndoOptions,
    operator: Operator,
    *,
    store: ReceiptStore | None = None,
) -> UndoResult:
    """Removes all that we ever added to this host and nothing else, and then our own records of it.

    What the user changed since is kept and named; its images stay in our state folder then.

    Raises:
        ConflictError, FileError, UsageError: as `run_undo`.
    """
    receipts = store or ReceiptStore(location)
    with receipts.lock():
        _settle_earlier(receipts, operator, dry_run=options.dry_run)
        standing = receipts.in_force()
        if not standing:
            return UndoResult("unchanged", plan_undo(()))
        result = _take_back("uninstall", standing, receipts, options, operator)
        if result.outcome == "undone" and not result.plan.kept:
            receipts.forget_all()
        return result


def _settle_earlier(store: ReceiptStore, operator: Operator, *, dry_run: bool) -> None:
    if not dry_run:
        for item in recover(store):
            operator.show(f"an earlier run had died; it was {item.outcome.replace('_', ' ')}")


def _take_back(
    command: str, receipts: Sequence[Receipt], store: ReceiptStore, options: UndoOptions, operator: Operator
) -> UndoResult:
    plan = plan_undo(receipts, keep_changed=options.keep_changed)
    operator.show_undo(plan)
    if options.dry_run:
        return UndoResult("planned", plan)
    plan.require_no_conflict()
    if not operator.confirm("Take this back?"):
        return UndoResult("declined", plan)
    carry_out_undo(plan, command, store)
    return UndoResult("undone", plan)

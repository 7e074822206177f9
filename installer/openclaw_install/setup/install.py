"""The one-shot setup, and the ways back: `undo` and `uninstall`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from openclaw_install.common.jsonable import jsonable
from openclaw_install.host.gateway.probe import Asker, ask_gateway
from openclaw_install.host.locate import HostLocation
from openclaw_install.setup.operator import Operator
from openclaw_install.setup.plan import action_of, config_is_read_only, plan_setup
from openclaw_install.setup.receipt import Receipt
from openclaw_install.setup.receipts import ReceiptStore
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
        removed: what the runtime had, and is gone with it.
        stays: what is left on purpose: the agent's identity and threads, which nobody could make again, and
            after an uninstall all else that is left in our own folders.
    """

    outcome: str
    plan: UndoPlan
    removed: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 done; 1 declined, or a dry run that met conflicts."""
        return 1 if self.outcome == "declined" or (self.outcome == "planned" and self.plan.conflicts) else 0

    def to_json(self) -> dict[str, Any]:
        """The `result` (`schemas/undo-report.schema.json`)."""
        return {
            "outcome": self.outcome,
            "receipts": [receipt.id for receipt in self.plan.receipts],
            "changes": [
                {"kind": change.kind, "action": action_of(change), "path": str(change.path)}
                for change in self.plan.changes
            ],
            "kept": jsonable(self.plan.kept),
            "conflicts": list(self.plan.conflicts),
            "next_boot": jsonable(self.plan.next_boot),
            "removed": list(self.removed),
            "stays": list(self.stays),
        }


@dataclass(frozen=True)
class UndoOptions:
    """What the operator asked for.

    Attributes:
        dry_run: show the plan and change nothing.
        keep_changed: what the user changed again since stays, and the rest is undone; the run goes on
            standing for what stays.
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
    taker = _Taker(location, options, operator, store or ReceiptStore(location))
    with taker.holding():
        return taker.run("undo", [choose_receipt(taker.store, wanted)])


def run_uninstall(
    location: HostLocation,
    options: UndoOptions,
    operator: Operator,
    *,
    store: ReceiptStore | None = None,
) -> UndoResult:
    """Removes all that we ever added to this host and nothing else, and then our own records of it.

    What the user changed since is kept and named with `keep_changed`; our records of that stay, so that the
    command can be run again and finish.

    Raises:
        ConflictError, FileError, UsageError: as `run_undo`.
    """
    taker = _Taker(location, options, operator, store or ReceiptStore(location))
    with taker.holding():
        standing = taker.store.in_force()
        if not standing:
            if not options.dry_run:
                taker.store.forget_all()
            return UndoResult("unchanged", plan_undo(()))
        result = taker.run("uninstall", standing)
        if result.outcome == "undone" and not result.plan.remnants:
            taker.store.forget_all()
        return result


class _Taker:
    """Plan, show, consent, take back: what `undo` and `uninstall` have in common."""

    def __init__(
        self, location: HostLocation, options: UndoOptions, operator: Operator, store: ReceiptStore
    ) -> None:
        self.location = location
        self.options = options
        self.operator = operator
        self.store = store

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Locks the host and settles what died earlier; a dry run does neither, because it writes nothing."""
        if self.options.dry_run:
            yield
            return
        with self.store.lock():
            for item in recover(self.store):
                self.operator.show(item.sentence())
            yield

    def run(self, command: str, receipts: Sequence[Receipt]) -> UndoResult:
        newest = receipts[-1].id
        plan = plan_undo(
            receipts,
            keep_changed=self.options.keep_changed,
            later=[receipt for receipt in self.store.in_force() if receipt.id > newest],
            location=self.location,
        )
        self.operator.show_undo(plan)
        if self.options.dry_run:
            return UndoResult("planned", plan)
        plan.require_no_conflict()
        if plan.idle:  # nothing to ask about and nothing new to write down
            return UndoResult("undone", plan)
        self._require_writable(plan)
        if not self.operator.confirm("Take this back?"):
            return UndoResult("declined", plan)
        carry_out_undo(plan, command, self.store)
        return UndoResult("undone", plan)

    def _require_writable(self, plan: UndoPlan) -> None:
        if self.location.read_only and any(change.kind == "config" for change in plan.changes):
            raise config_is_read_only(self.location.config_path)

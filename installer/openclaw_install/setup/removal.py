"""The ways back: `undo` takes one run back, `uninstall` all that we ever added."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from openclaw_install.common.errors import ExitCode
from openclaw_install.host.boot.verdict import BootVerdict
from openclaw_install.protocol.profile import profile_paths
from openclaw_install.setup.changes import Kept, PlannedChange
from openclaw_install.setup.connection import Forgotten, forget
from openclaw_install.setup.context import Context
from openclaw_install.setup.last_verdict import forget_verdict
from openclaw_install.setup.leftovers import IMAGES, Left, left, of_ours, purge
from openclaw_install.setup.plan import config_is_read_only
from openclaw_install.setup.private_state import other_hosts, own_places, remaining, remove_empty
from openclaw_install.setup.receipt import Receipt
from openclaw_install.setup.transaction import recover
from openclaw_install.setup.undo import UndoPlan, carry_out_undo, choose_receipt, plan_undo

_HUB_LOCK = "hub.lock"


@dataclass(frozen=True)
class UndoResult:
    """What `undo` or `uninstall` did.

    Attributes:
        outcome: `undone`, `planned` (dry run), `declined`, or `unchanged` (there was nothing of ours).
        receipts: ids of the receipts that are taken back, newest first.
        changes: what was, or would be, changed.
        kept: with --keep-changed, what stays because somebody changed it since.
        conflicts: of a dry run, what stands in the way; a real run fails with `conflict.undo` instead.
        next_boot: whether the gateway would start from the restored config; None where it is not touched.
        removed: what the runtime had, and is gone with it.
        stays: what is left on purpose: the agent's identity and threads, which nobody could make again, and
            after an uninstall all else that is left in our own folders.
        purged: what was left and is deleted for good, on request.
        diff: of the config, secrets masked; empty where it stays as it is.
    """

    outcome: Literal["undone", "planned", "declined", "unchanged"]
    receipts: tuple[str, ...] = ()
    changes: tuple[PlannedChange, ...] = ()
    kept: tuple[Kept, ...] = ()
    conflicts: tuple[str, ...] = ()
    next_boot: BootVerdict | None = None
    removed: tuple[str, ...] = ()
    stays: tuple[Left, ...] = ()
    purged: tuple[Left, ...] = ()
    diff: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """0 done; 1 declined, or a dry run that met conflicts."""
        return 1 if self.outcome == "declined" or (self.outcome == "planned" and self.conflicts) else 0


def undo(context: Context, wanted: str | None = None) -> UndoResult:
    """Takes one run back: the named one, else the newest that stands.

    The runtime, and the consent to the relay, go when no run of the setup is left that stands.

    Raises:
        UsageError: no such receipt stands, or there is nobody to ask for consent.
        ConflictError: something that the run changed was changed again since, and nothing is undone; or the
            runtime does not end.
        FileError: something cannot be written; everything is as it was then.
    """
    with _held(context):
        receipt = choose_receipt(context.store, wanted)
        result = _taken_back(context, "undo", [receipt])
    if result.outcome != "undone" or receipt.command != "setup":
        return result
    if any(other.command == "setup" for other in context.store.in_force()):
        return result
    return _without_runtime(context, result, forget_work=False)


def uninstall(context: Context, *, purge_too: bool = False) -> UndoResult:
    """Removes all that we ever added to this host and nothing else, the runtime and our records included.

    What the user changed since is kept and named with `keep_changed`; our records of that stay, so that the
    command can be run again and finish.

    Args:
        purge_too: delete what is left on purpose as well, after a question of its own.

    Raises:
        ConflictError, FileError, UsageError: as `undo`; `conflict.in_use` where a process works with what is
            to be deleted for good.
    """
    dry_run, store = context.options.dry_run, context.store
    with _held(context):
        standing = store.in_force()
        result = _taken_back(context, "uninstall", standing) if standing else UndoResult("unchanged")
        is_done = result.outcome in ("undone", "unchanged") and not dry_run
        if is_done and store.in_force():
            store.forget_undone()
        elif is_done:
            store.forget_all()
    if not is_done:
        return result
    images = left([(store.folder, IMAGES)])
    if context.runtime is None:
        return replace(result, stays=images)
    result = _without_runtime(context, result, forget_work=True)
    forget_verdict(context.location)
    remove_empty(own_places())
    beside = left(map(of_ours, remaining(own_places())))
    result = replace(result, stays=tuple(dict.fromkeys((*result.stays, *images, *beside))))
    return _purged(context, result) if purge_too else result


def _purged(context: Context, result: UndoResult) -> UndoResult:
    """Deletes what an uninstall left; what other hosts of the user may need stays."""
    found = result.stays
    if others := other_hosts(context.store.folder):
        context.operator.show(
            f"{len(others)} of our records are of other hosts, so what is not of this host alone stays"
        )
        found = tuple(one for one in found if one.path == context.store.folder)
    purged = purge(
        found,
        context.location,
        in_use=_in_use(context, found),
        show=context.operator.show,
        confirm=context.operator.confirm,
    )
    if purged and context.env is not None:
        folder = profile_paths(context.env, context.location.home).folder
        remove_empty((folder, folder.parent, folder.parent.parent))
    remove_empty((context.store.folder.parent, *own_places()))
    gone = {one.path for one in purged}
    return replace(result, purged=purged, stays=tuple(one for one in result.stays if one.path not in gone))


def _in_use(context: Context, found: Sequence[Left]) -> str:
    """Names a bridge that works with the agent's store, or a hub that serves its folder; else empty."""
    from openclaw_install.messaging import store_lock
    from openclaw_install.runtime.locks import is_held

    for one in found:
        if is_held(one.path / _HUB_LOCK):
            return f"a hub serves {one.path}"
    if context.env is None:
        return ""
    store = profile_paths(context.env, context.location.home).store
    return f"a bridge works with {store}" if store_lock.is_held(store) else ""


@contextlib.contextmanager
def _held(context: Context) -> Iterator[None]:
    """Locks the host and settles what died earlier; a dry run does neither, because it writes nothing."""
    if context.options.dry_run:
        yield
        return
    with context.store.lock():
        for item in recover(context.store):
            context.operator.show(item.sentence())
        yield


def _taken_back(context: Context, command: str, receipts: Sequence[Receipt]) -> UndoResult:
    """Plan, show, consent, take back: what `undo` and `uninstall` have in common."""
    plan = plan_undo(
        receipts,
        keep_changed=context.options.keep_changed,
        later=[receipt for receipt in context.store.in_force() if receipt.id > receipts[-1].id],
        location=context.location,
    )
    context.operator.show_undo(plan)
    if context.options.dry_run:
        return _result("planned", plan)
    plan.require_no_conflict()
    if plan.idle:  # nothing to ask about and nothing new to write down
        return _result("undone", plan)
    if context.location.read_only and any(change.kind == "config" for change in plan.changes):
        raise config_is_read_only(context.location.config_path)
    if not context.operator.confirm("Take this back?"):
        return _result("declined", plan)
    carry_out_undo(plan, command, context.store)
    return _result("undone", plan)


def _result(outcome: Literal["undone", "planned", "declined"], plan: UndoPlan) -> UndoResult:
    receipts = tuple(receipt.id for receipt in plan.receipts)
    changes = tuple(change.shown for change in plan.changes)
    return UndoResult(outcome, receipts, changes, plan.kept, plan.conflicts, plan.next_boot, diff=plan.diff)


def _without_runtime(context: Context, result: UndoResult, *, forget_work: bool) -> UndoResult:
    """Removes what runs, and the consent to the relay; identity and threads stay.

    With `forget_work`, what was to be kept in step is forgotten too.
    """
    removed = () if context.runtime is None else context.runtime.remove(forget=forget_work).removed
    forgotten = Forgotten() if context.env is None else forget(context.location, context.env)
    return replace(result, removed=(*removed, *forgotten.removed), stays=forgotten.stays)

"""The commands as a whole: what is done to the host's files, and then to its runtime."""

from __future__ import annotations

from dataclasses import replace

from openclaw_install.host.gateway import Asker, ask_gateway
from openclaw_install.host.locate import HostLocation
from openclaw_install.setup.install import UndoOptions, UndoResult, run_setup, run_undo, run_uninstall
from openclaw_install.setup.operator import Operator
from openclaw_install.setup.receipts import ReceiptStore
from openclaw_install.setup.runtime_part import RuntimeSeam, with_runtime
from openclaw_install.setup.verify import Options, RunResult, fix_hooks, verify_runtime

_DONE = ("applied", "unchanged")


def set_up(
    location: HostLocation,
    options: Options,
    operator: Operator,
    runtime: RuntimeSeam,
    *,
    ask: Asker = ask_gateway,
    store: ReceiptStore | None = None,
) -> RunResult:
    """Sets the host up, and starts the runtime where it has work; a second run changes nothing.

    Raises:
        ConflictError, FileError, UsageError: as `run_setup`.
    """
    result = run_setup(location, options, operator, ask=ask, store=store)
    done = result.applied is not None and result.applied.outcome in _DONE and result.error is None
    return with_runtime(result, runtime, start=done and not options.dry_run, invocation=options.invocation)


def verify(
    location: HostLocation,
    options: Options,
    runtime: RuntimeSeam,
    *,
    ask: Asker = ask_gateway,
    store: ReceiptStore | None = None,
) -> RunResult:
    """Reports on the host, its gateway and its runtime; changes nothing and starts nothing."""
    result = verify_runtime(location, options, ask=ask, store=store)
    return with_runtime(result, runtime, start=False, invocation=options.invocation)


def mend(
    location: HostLocation,
    options: Options,
    operator: Operator,
    runtime: RuntimeSeam,
    *,
    ask: Asker = ask_gateway,
    store: ReceiptStore | None = None,
) -> RunResult:
    """Mends the hook policy, and reports as `verify` does.

    Raises:
        ConflictError, FileError, UsageError: as `fix_hooks`.
    """
    result = fix_hooks(location, options, operator, ask=ask, store=store)
    return with_runtime(result, runtime, start=False, invocation=options.invocation)


def take_back(
    location: HostLocation,
    wanted: str | None,
    options: UndoOptions,
    operator: Operator,
    runtime: RuntimeSeam,
    *,
    store: ReceiptStore | None = None,
) -> UndoResult:
    """Takes one run back; the runtime goes when no run of the setup is left that stands.

    Raises:
        UsageError, ConflictError, FileError: as `run_undo`; ConflictError also where the runtime does not
            end.
    """
    store = store or ReceiptStore(location)
    result = run_undo(location, wanted, options, operator, store=store)
    standing = any(receipt.command == "setup" for receipt in store.in_force())
    taken = any(receipt.command == "setup" for receipt in result.plan.receipts)
    if result.outcome != "undone" or standing or not taken:
        return result
    return replace(result, removed=runtime.remove())


def uninstall(
    location: HostLocation,
    options: UndoOptions,
    operator: Operator,
    runtime: RuntimeSeam,
    *,
    store: ReceiptStore | None = None,
) -> UndoResult:
    """Removes all that we ever added to this host, the runtime with its service and its state included.

    Raises:
        ConflictError, FileError, UsageError: as `run_uninstall`; ConflictError also where the runtime does
            not end.
    """
    result = run_uninstall(location, options, operator, store=store)
    if result.outcome not in ("undone", "unchanged") or options.dry_run:
        return result
    return replace(result, removed=runtime.remove(forget=True))

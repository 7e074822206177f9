"""The runs that stand on a host, as `undo --list` and the shell's completion show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from openclaw_install.common.jsonable import Timestamp
from openclaw_install.host.config.paths import dotted
from openclaw_install.setup.config_merge import outermost
from openclaw_install.setup.receipt import Receipt
from openclaw_install.setup.receipts import ReceiptStore

_KEYS_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class StandingRun:
    """A run that can be taken back.

    Attributes:
        receipt: what `undo` takes.
        command: the command that made it.
        made_at: when.
        ago: the same in words, such as `3 hours ago`.
        summary: what it changed.
        only_kept: all but what was kept with --keep-changed was taken back before.
    """

    receipt: str
    command: str
    made_at: Timestamp
    ago: str
    summary: str
    only_kept: bool


@dataclass(frozen=True, kw_only=True)
class StandingRuns:
    """The runs that can be taken back, the newest first: that is the one that `undo` alone means."""

    runs: tuple[StandingRun, ...]


def standing_runs(store: ReceiptStore, now: float) -> StandingRuns:
    """What `undo` can take back on this host; changes nothing.

    Args:
        store: the receipts of the host.
        now: seconds since the epoch.

    Raises:
        FileError: a receipt cannot be read.
    """
    runs = sorted(store.in_force(), key=lambda one: (not one.partial, one.id), reverse=True)
    return StandingRuns(runs=tuple(_run(receipt, now) for receipt in runs))


def ago(seconds: float) -> str:
    """How long ago something was, for a person."""
    if seconds < 60:
        return "just now" if seconds > -60 else "in the future, by this clock"
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    raise AssertionError("a minute is the shortest unit")


def _run(receipt: Receipt, now: float) -> StandingRun:
    made = receipt.created.timestamp()
    return StandingRun(
        receipt=receipt.id,
        command=receipt.command,
        made_at=made,
        ago=ago(now - made),
        summary="; ".join(_summary(receipt)),
        only_kept=receipt.partial,
    )


def _summary(receipt: Receipt) -> Iterator[str]:
    files = [change for change in receipt.changes if change.kind == "bundle"]
    if files:
        names = ", ".join(dict.fromkeys(change.bundle or change.path.name for change in files))
        yield f"{len(files)} {'file' if len(files) == 1 else 'files'} of {names}"
    config = [change for change in receipt.changes if change.kind == "config"]
    keys = [dotted(key) for change in config for key in outermost(change.key_paths)]
    if keys:
        more = f" and {len(keys) - _KEYS_NAMED} more" if len(keys) > _KEYS_NAMED else ""
        yield f"config: {', '.join(keys[:_KEYS_NAMED])}{more}"
    modes = sum(change.kind == "mode" for change in receipt.changes)
    if modes:
        yield f"permissions of {modes} {'path' if modes == 1 else 'paths'}"

"""The component `skills`: the watcher of `sync`, hosted by the runtime."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_install.common.errors import InstallError
from openclaw_install.runtime.component import Context, Reporter

if TYPE_CHECKING:
    from openclaw_install.sync.watch_event import WatchEvent

_QUIET = frozenset({"changed", "reconciled"})


def is_configured(context: Context) -> bool:
    """Whether there is a standing choice for this host and service."""
    from openclaw_install.sync.watch_settings import watch_settings

    if not _ledger_exists():
        return False
    return watch_settings(context.location, context.environment()) is not None


async def run(context: Context, reporter: Reporter) -> None:
    """Watches until it is cancelled."""
    from openclaw_install.sync.watch import watch
    from openclaw_install.sync.watch_settings import watch_settings

    settings = watch_settings(context.location, context.environment())
    if settings is not None:
        await watch(settings, Teller(reporter).tell)


def inputs(context: Context) -> object:
    """The key and the address, the standing choice, the consents and the config's date.

    The ledger's file would not do: the watcher writes into it all the time.
    """
    env = context.environment()
    said = tuple(_digest(env.get(name, "")) for name in ("MYSTA_API_KEY", "MYSTA_MCP_URL"))
    try:
        status = os.stat(context.location.config_path)  # noqa: PTH116 - a plain look, every few seconds
        config: object = (status.st_mtime_ns, status.st_size, status.st_ino)
    except OSError as error:
        config = error.errno
    return (said, config, _standing(context, env))


def reads(context: Context) -> tuple[Path, ...]:
    """The folders that skills are taken from, as named and as links lead; none where that is not known."""
    from openclaw_install.sync.prepare import own_roots
    from openclaw_install.sync.watch_settings import watch_settings

    try:
        settings = watch_settings(context.location, context.environment()) if _ledger_exists() else None
        extra = () if settings is None else settings.choice.roots
        named = [Path(root) for root in own_roots(context.location, [Path(root) for root in extra])]
    except InstallError:
        return ()  # whoever starts the service is told of it by the watcher itself
    return tuple(dict.fromkeys([*named, *(path.resolve() for path in named)]))


def _standing(context: Context, env: Mapping[str, str]) -> object:
    if not _ledger_exists():
        return None
    from openclaw_install.sync.consent import all_consents
    from openclaw_install.sync.endpoint import endpoint_from
    from openclaw_install.sync.ledger import Ledger
    from openclaw_install.sync.standing_choice import standing_choice

    try:
        with Ledger() as ledger:
            choice = standing_choice(ledger, context.location, endpoint_from(env).url)
            return choice, tuple(all_consents(ledger))
    except InstallError as error:
        return error.error_code


def _ledger_exists() -> bool:
    """A look at what is configured must not make the ledger."""
    from openclaw_install.sync.ledger import ledger_folder

    return any(ledger_folder().glob("ledger.sqlite3"))


def _digest(value: str) -> str:
    """Tells two values apart and holds neither."""
    return hashlib.sha256(value.encode(errors="surrogateescape")).hexdigest()[:16]


@dataclass
class Teller:
    """Turns the watcher's events into the component's state, its figures and its log.

    Attributes:
        reporter: the component's own.
        limits: what limits the work at the moment, by kind of event.
        counts: events of each kind.
    """

    reporter: Reporter
    limits: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def tell(self, event: WatchEvent) -> None:
        """Takes one event."""
        self.counts[event.kind] = self.counts.get(event.kind, 0) + 1
        self.reporter.figures(pending=event.pending, waiting=event.waiting)
        if event.kind in ("acknowledged", "refused", "held"):
            self.reporter.figures(**{event.kind: self.counts[event.kind]})
        if event.kind == "acknowledged" and event.milliseconds is not None:
            self.reporter.figures(last_milliseconds=round(event.milliseconds, 1))
        if event.kind not in _QUIET:
            facts = {name: value for name, value in event.to_json().items() if value is not None}
            self.reporter.event(f"watch_{event.kind}", **facts)
        self._judge(event)

    def _judge(self, event: WatchEvent) -> None:
        before = dict(self.limits)
        if event.kind in ("waiting", "polling"):
            self.limits[event.kind] = event.reason or event.code or event.kind
        elif event.kind in ("recovered", "acknowledged"):
            self.limits.pop("waiting", None)
        if event.kind == "watching" or self.limits != before:
            if self.limits:
                self.reporter.degraded("; ".join(self.limits.values()))
            else:
                self.reporter.ready()

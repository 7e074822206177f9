"""The component `skills`: the watcher of `sync`, hosted by the runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_install.common.errors import InstallError
from openclaw_install.common.files import file_stamp
from openclaw_install.common.http_client import certificate_stamps
from openclaw_install.common.jsonable import jsonable
from openclaw_install.host.locate import HostLocation
from openclaw_install.runtime.component import Context, Reporter, digest_of

if TYPE_CHECKING:
    from openclaw_install.sync.watch.event import WatchEvent

_QUIET = frozenset({"changed", "reconciled"})
_LOOK_SECONDS = 2.0
# A first look at very many skills, or a push to a slow service, takes long before the ledger is asked again.
_WITHIN_SECONDS = 300.0


def is_configured(context: Context) -> bool:
    """Whether there is a standing choice for this host and service."""
    if not _ledger().exists():
        return False
    from openclaw_install.sync.watch.settings import watch_settings

    return watch_settings(context.location, context.environment()) is not None


async def run(context: Context, reporter: Reporter) -> None:
    """Watches until it is cancelled, and begins anew when the choice, a consent, the key or the address is
    another one: what `sync --keep` records holds for a runtime that runs, too.
    """
    import asyncio

    from openclaw_install.sync.watch.settings import watch_settings
    from openclaw_install.sync.watch.watcher import watch

    events = EventReporter(reporter)
    while True:
        agreed = await asyncio.to_thread(_agreed, context)
        if not _ledger().exists():
            return
        settings = await asyncio.to_thread(watch_settings, context.location, context.environment())
        if settings is None:
            return
        reporter.figures(service=settings.endpoint.url)
        events.limits.clear()
        watching = asyncio.create_task(
            watch(settings, events.tell, lambda: reporter.worked("the watcher", _WITHIN_SECONDS))
        )
        changing = asyncio.create_task(_until_other(context, agreed))
        try:
            await asyncio.wait({watching, changing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (watching, changing):
                task.cancel()
            await asyncio.gather(watching, changing, return_exceptions=True)
        for task in (watching, changing):
            if not task.cancelled():
                task.result()
        reporter.event("choice_changed")


async def _until_other(context: Context, agreed: object) -> None:
    """Returns when something was agreed to that is other than this, and stays so."""
    import asyncio

    seen: object = None
    doubted = False
    while True:
        # The watcher writes into the ledger all the time, so most looks end at its date.
        date = (_digest(context.environment()), file_stamp(_ledger()), file_stamp(Path(f"{_ledger()}-wal")))
        if doubted or date != seen:
            seen, differs = date, await asyncio.to_thread(_agreed, context) != agreed
            if differs and doubted:
                return
            doubted = differs  # a ledger that is busy for a moment is no other choice
        await asyncio.sleep(_LOOK_SECONDS)


def inputs(context: Context) -> object:
    """The key, the address, named certificates, the standing choice, the consents and the config's date.

    The ledger's file would not do: the watcher writes into it all the time.
    """
    return file_stamp(context.location.config_path), certificate_stamps(), _agreed(context)


def _agreed(context: Context) -> object:
    env = context.environment()
    return _digest(env), _standing(context, env)


def _digest(env: Mapping[str, str]) -> str:
    return digest_of(env, "MYSTA_API_KEY", "MYSTA_MCP_URL")


def forget(location: HostLocation) -> None:
    """Forgets what was to be kept in step on this host, with every service; the ledger stays.

    Raises:
        FileError: the ledger cannot be written.
    """
    from openclaw_install.sync.consent import forget_host
    from openclaw_install.sync.ledger import Ledger

    if _ledger().exists():
        with Ledger() as ledger:
            forget_host(ledger, location)


def reads(context: Context) -> tuple[Path, ...]:
    """The folders that skills are taken from, as named and as links lead; none where that is not known."""
    from openclaw_install.sync.inventory import own_roots
    from openclaw_install.sync.watch.settings import watch_settings

    try:
        settings = watch_settings(context.location, context.environment()) if _ledger().exists() else None
        extra = () if settings is None else settings.choice.roots
        named = [Path(root) for root in own_roots(context.location, [Path(root) for root in extra])]
    except InstallError:
        return ()  # whoever starts the service is told of it by the watcher itself
    return tuple(dict.fromkeys([*named, *(path.resolve() for path in named)]))


def _standing(context: Context, env: Mapping[str, str]) -> object:
    if not _ledger().exists():
        return None
    from openclaw_install.sync.consent import all_consents, standing_choice
    from openclaw_install.sync.endpoint import endpoint_from
    from openclaw_install.sync.ledger import Ledger

    try:
        with Ledger() as ledger:
            choice = standing_choice(ledger, context.location, endpoint_from(env).url)
            return choice, tuple(all_consents(ledger))
    except InstallError as error:
        return error.error_code


def _ledger() -> Path:
    """Its file: a look at what is configured must not make it."""
    from openclaw_install.sync.ledger_path import ledger_path

    return ledger_path()


def _is_calm(event: WatchEvent) -> bool:
    """Whether nothing waits any more; what another run holds up is pending, and waits for no pause."""
    if event.kind == "acknowledged":
        return event.waiting == 0
    return event.kind in ("unchanged", "reconciled") and event.pending == 0


@dataclass
class EventReporter:
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
        if event.kind in ("acknowledged", "refused", "unconfirmed", "held"):
            self.reporter.figures(**{event.kind: self.counts[event.kind]})
        if event.kind == "acknowledged" and event.milliseconds is not None:
            self.reporter.figures(last_milliseconds=round(event.milliseconds, 1))
        if event.kind not in _QUIET:
            facts = {name: value for name, value in jsonable(event).items() if value not in ("", None)}
            self.reporter.event(f"watch_{event.kind}", **facts)
        self._judge(event)

    def _judge(self, event: WatchEvent) -> None:
        before = dict(self.limits)
        if event.kind in ("waiting", "polling"):
            self.limits[event.kind] = event.reason or event.code or event.kind
        elif event.kind == "recovered" or _is_calm(event):
            self.limits.pop("waiting", None)
        if event.kind == "watching" or self.limits != before:
            if self.limits:
                self.reporter.degraded("; ".join(self.limits.values()))
            else:
                self.reporter.ready()

"""The component `bridge`: messages of other agents to the gateway, and the answers back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_install.common.errors import InstallError
from openclaw_install.common.files import file_stamp
from openclaw_install.common.http_client import certificate_stamps
from openclaw_install.messaging.profile_settings import load_settings, server_url, settings_path
from openclaw_install.protocol.profile import profile_paths, retirement_mark_of
from openclaw_install.runtime.component import Context, Reporter, digest_of

if TYPE_CHECKING:
    from openclaw_install.messaging.bridge.bridge import BridgeEvent

# Nothing that we look at changes when these are over: `pingagent chat` sends under the same lock.
_PASSING = frozenset({"conflict.bridge_running", "store.busy", "file.enospc", "file.edquot", "file.eio"})
_AGAIN_SECONDS = 1.0


def is_configured(context: Context) -> bool:
    """Whether the operator agreed to a relay, and the agent has an identity."""
    env = context.environment()
    paths = profile_paths(env, context.location.home)
    return load_settings(paths) is not None and server_url(env, paths) is not None


def inputs(context: Context) -> object:
    """The variables, the settings, the identity, the certificates that are named, and the config's date."""
    env = context.environment()
    variables = digest_of(env, "PINGAGENT_", "IM_INGRESS_")
    try:
        paths = profile_paths(env, context.location.home)
    except InstallError as error:
        return variables, error.error_code
    files = (
        settings_path(paths),
        paths.identity,
        retirement_mark_of(paths.identity),
        context.location.config_path,
    )
    # The store's own date would change by the component's work; whether it is there does not.
    return variables, certificate_stamps(), paths.store.exists(), *map(file_stamp, files)


def writes(context: Context) -> tuple[Path, ...]:
    """The folders of identity, store and trust policy."""
    paths = profile_paths(context.environment(), context.location.home)
    places = (paths.folder, paths.identity.parent, paths.store.parent, paths.trust_policy.parent)
    return tuple(dict.fromkeys(places))


async def run(context: Context, reporter: Reporter) -> None:
    """Bridges until it is cancelled; what stands in the way only for a while is told, and waited for."""
    import asyncio

    from openclaw_install.messaging import store_lock
    from openclaw_install.messaging.bridge.bridge import bridge_settings, run_bridge

    while True:
        settings = bridge_settings(context.location, context.environment())
        try:
            await run_bridge(settings, EventReporter(reporter).tell, reporter.worked)
        except InstallError as error:
            if error.error_code not in _PASSING:
                raise
            reporter.blocked(error)
        await asyncio.sleep(_AGAIN_SECONDS)
        while await asyncio.to_thread(store_lock.is_held, settings.store):
            await asyncio.sleep(_AGAIN_SECONDS)


@dataclass(frozen=True)
class EventReporter:
    """Turns the bridge's events into the component's state, its figures and its log."""

    reporter: Reporter

    def tell(self, event: BridgeEvent) -> None:
        """Takes one event."""
        match event.kind:
            case "ready":
                self.reporter.ready(event.message)
            case "degraded":
                self.reporter.degraded(event.message)
            case "blocked" if event.error is not None:
                self.reporter.blocked(event.error)
            case "figures":
                self.reporter.figures(**event.facts)
            case _:
                self.reporter.event(f"bridge_{event.message.replace('.', '_')}", **event.facts)

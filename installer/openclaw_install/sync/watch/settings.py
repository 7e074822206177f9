"""What a watcher works with: the host, the standing choice, and its interfaces to the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from openclaw_install.host.locate import HostLocation
from openclaw_install.sync.consent import StandingChoice, standing_choice
from openclaw_install.sync.endpoint import Connect, Endpoint, connect_mcp, endpoint_from
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.service import RetryPolicy
from openclaw_install.sync.watch.lasting import LASTING_SECONDS
from openclaw_install.sync.watch.source import ChangeSource, EventSource, PollingSource
from openclaw_install.sync.watch.timing import Clock

# One try holds the lock; the pauses between tries come outside of it.
_connect = partial(connect_mcp, policy=RetryPolicy(tries=1, call_seconds=30.0))


@dataclass(frozen=True)
class WatchSettings:
    """What one watcher works with.

    Attributes:
        location: the host whose skills are kept in step.
        env: holds `MYSTA_API_KEY`.
        endpoint: the service.
        choice: which skills go to which agents.
        ledger_folder: where the ledger lives; None for our state folder.
        connect: opens the service.
        events, polling: make the two sources of changes.
        clock: the clocks.
        reconcile_seconds: from one look at everything to the next.
        check_seconds: from one look at the roots themselves to the next.
        lasting_seconds: how long a skill has to be away, or faulty, to be told so.
    """

    location: HostLocation
    env: Mapping[str, str] = field(repr=False)
    endpoint: Endpoint
    choice: StandingChoice
    ledger_folder: Path | None = None
    connect: Connect = _connect
    events: Callable[[], ChangeSource] = EventSource
    polling: Callable[[], ChangeSource] = PollingSource
    clock: Clock = field(default_factory=Clock)
    reconcile_seconds: float = 60.0
    check_seconds: float = 1.0
    lasting_seconds: float = LASTING_SECONDS


def watch_settings(
    location: HostLocation, env: Mapping[str, str], ledger_folder: Path | None = None
) -> WatchSettings | None:
    """The settings for a host, by its standing choice; None where there is none: sync is not configured.

    Args:
        location: the host.
        env: `MYSTA_API_KEY` and `MYSTA_MCP_URL`.
        ledger_folder: where the ledger lives; our state folder unless given.

    Raises:
        SyncError: `MYSTA_MCP_URL` is no usable address.
        FileError: the ledger cannot be read.
    """
    endpoint = endpoint_from(env)
    with Ledger(ledger_folder) as ledger:
        choice = standing_choice(ledger, location, endpoint.url)
    return None if choice is None else WatchSettings(location, env, endpoint, choice, ledger_folder)

"""What the operator wants kept in step for good: recorded, read, forgotten."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.host.locate import HostLocation
from openclaw_install.sync.ledger import Ledger


@dataclass(frozen=True)
class StandingChoice:
    """Which skills go to which agents from now on.

    Attributes:
        endpoint: the service's address, normalised.
        names: skills by folder name; None for all of the operator's own, also those that are made later.
        agents: ids of agents; an agent that is made later is not among them.
        roots: further folders with skills, absolute.
        chosen_at: seconds since the epoch.
    """

    endpoint: str
    names: tuple[str, ...] | None
    agents: tuple[str, ...]
    roots: tuple[str, ...]
    chosen_at: float


def record_choice(ledger: Ledger, location: HostLocation, choice: StandingChoice) -> None:
    """Records a choice, over the one for the same host and service.

    Raises:
        FileError: the ledger cannot be written.
    """
    names = None if choice.names is None else json.dumps(choice.names)
    roots = [os.path.abspath(Path(root).expanduser()) for root in choice.roots]  # noqa: PTH100 - no link is followed
    with ledger.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO standing_choice VALUES (?, ?, ?, ?, ?, ?)",
            (
                _host(location),
                choice.endpoint,
                names,
                json.dumps(choice.agents),
                json.dumps(roots),
                choice.chosen_at,
            ),
        )


def standing_choice(ledger: Ledger, location: HostLocation, endpoint: str) -> StandingChoice | None:
    """The choice for a host and a service; None where nothing was chosen: sync is not configured.

    Whether the consent for it still stands is looked at by the watcher, before every push.

    Raises:
        FileError: the ledger cannot be read.
    """
    rows = ledger.query(
        "SELECT names, agents, roots, chosen_at FROM standing_choice WHERE host = ? AND endpoint = ?",
        [_host(location), endpoint],
    )
    for names, agents, roots, at in rows:
        chosen = None if names is None else tuple(json.loads(names))
        return StandingChoice(endpoint, chosen, tuple(json.loads(agents)), tuple(json.loads(roots)), at)
    return None


def forget_choice(ledger: Ledger, location: HostLocation, endpoint: str) -> bool:
    """Forgets the choice, so that nothing is kept in step any more; whether there was one.

    Raises:
        FileError: the ledger cannot be written.
    """
    with ledger.write() as connection:
        gone = connection.execute(
            "DELETE FROM standing_choice WHERE host = ? AND endpoint = ?", (_host(location), endpoint)
        )
        return gone.rowcount > 0


def forget_host(ledger: Ledger, location: HostLocation) -> None:
    """Forgets the choices for all services of a host.

    Raises:
        FileError: the ledger cannot be written.
    """
    with ledger.write() as connection:
        connection.execute("DELETE FROM standing_choice WHERE host = ?", (_host(location),))


def _host(location: HostLocation) -> str:
    return os.path.realpath(location.state_dir)

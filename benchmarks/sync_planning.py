"""Prints the seconds that inventory and plan take in the home of the environment; run by `sync_flow`."""

from __future__ import annotations

import os
import time

from openclaw_install.host.locate import locate
from openclaw_install.sync.endpoint import endpoint_from
from openclaw_install.sync.inventory import inventory_of
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.planner import plan


def main() -> None:
    """Takes the inventory, hashes all contents, reads the ledger, plans."""
    endpoint = endpoint_from(os.environ).url
    with Ledger() as ledger:
        started = time.perf_counter()
        inventory = inventory_of(locate(os.environ), (), ledger)
        records = ledger.records(endpoint)
        actions = plan(
            inventory.skills,
            records,
            ledger.agents(endpoint),
            force=False,
            now=time.time(),
            present=inventory.usable(),
        )
        seconds = time.perf_counter() - started
    assert actions
    assert all(action.kind == "unchanged" for action in actions)
    print(seconds)


if __name__ == "__main__":
    main()

"""Runs a watcher as a process that prints its events, and that can be told to die at one step of its work.

Usage: python -m tests.watch_child LEDGER_FOLDER [STEP before|after]; STEP is one of `STEPS`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from openclaw_install.common.jsonable import jsonable
from openclaw_install.host.locate import locate
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.mcp_service import McpSkillService
from openclaw_install.sync.watch.watcher import WatchEvent, watch, watch_settings
from tests import sync_killer

STEPS: dict[str, tuple[type, str]] = {
    "intent": (Ledger, "begin"),
    "request": (McpSkillService, "sync_skill"),
    "record": (Ledger, "acknowledge"),
}


def tell(event: WatchEvent) -> None:
    print(json.dumps(jsonable(event)), flush=True)


if __name__ == "__main__":
    if sys.argv[2:]:
        sync_killer.STEPS.update(STEPS)
        sync_killer.arm(sys.argv[2], sys.argv[3])
    settings = watch_settings(locate(os.environ), os.environ, Path(sys.argv[1]))
    assert settings is not None
    asyncio.run(watch(settings, tell))

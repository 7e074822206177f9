"""Runs `sync` in a process that dies, as with `kill -9`, at one named step of its work.

Usage: python -m tests.sync_killer STEP WHEN ARGUMENT...; STEP is a method below, WHEN is `before` or `after`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.main import cli
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.mcp_service import McpSkillService

STEPS: dict[str, tuple[type, str]] = {
    "intent": (Ledger, "begin"),
    "request": (McpSkillService, "sync_batch"),
    "record": (Ledger, "acknowledge"),
}


def die(*_args: object) -> None:
    """Ends this process without a chance to tidy up."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(step: str, when: str) -> None:
    """Makes this process die at the step."""
    owner, name = STEPS[step]
    original: Callable[..., Any] = getattr(owner, name)

    def dying(*args: Any, **options: Any) -> Any:
        original(*args, **options)
        die()

    async def dying_later(*args: Any, **options: Any) -> Any:
        await original(*args, **options)
        die()

    after = dying_later if step == "request" else dying
    setattr(owner, name, die if when == "before" else after)


if __name__ == "__main__":
    arm(sys.argv[1], sys.argv[2])
    sys.exit(run_command(cli, sys.argv[3:]))

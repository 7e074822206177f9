"""Processes of the harness's own: started, killed and awaited by their ids, none left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
PROGRAM = (sys.executable, "-m", "openclaw_install")
PATIENCE = 240.0
"""How long something may take that must come about; a busy machine is no fault."""
_PRIVATE = ("OPENCLAW_", "PINGAGENT_", "MYSTA_", "MISTRO_", "IM_INGRESS_", "XDG_")


class GaveUpError(Exception):
    """Something that must come about did not."""


def own_environment(home: Path) -> dict[str, str]:
    """The environment without anything of the operator's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
    return {**kept, "HOME": str(home), "PYTHONUNBUFFERED": "1"}


def wait_for(look: Callable[[], T | None], what: str) -> T:
    """Waits until `look` finds something."""
    end = time.monotonic() + PATIENCE
    while True:
        if found := look():
            return found
        if time.monotonic() > end:
            raise GaveUpError(f"this did not come about: {what}")
        time.sleep(0.02)


class Processes:
    """All processes of a run; those that still live at its end are killed."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for process in self._started:
            kill(process)

    def start(
        self, command: Sequence[str], log: Path, env: Mapping[str, str], *, folder: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Starts a process whose input stays open for as long as the harness lives.

        Args:
            log: where its output is appended.
        """
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=dict(env),
                cwd=folder,
                # Ctrl-C is for the harness, which then ends what it started.
                start_new_session=True,
            )
        self._started.append(process)
        return process


def kill(process: subprocess.Popen[bytes]) -> None:
    """Ends a process as `kill -9` does, and waits for it."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()

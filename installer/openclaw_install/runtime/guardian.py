"""Keeps a detached runtime alive where no service manager does: starts it again after a crash.

It is a program of its own, so that it stays small:
`python -m openclaw_install.runtime.guardian FOLDER STDERR COMMAND...`
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

from openclaw_install.common.errors import ConflictError
from openclaw_install.common.private_memory import keep_memory_private
from openclaw_install.runtime.document import GuardianStatus, write_document
from openclaw_install.runtime.lifecycle import STEADY_SECONDS, pause_after
from openclaw_install.runtime.locks import held, identity_of
from openclaw_install.runtime.process_id import ProcessName

# Starting again would not change these: a clean end, findings that need a person, a wrong command line.
_FINAL_CODES = frozenset({0, 1, 2})
_KILL_AFTER_SECONDS = 8.0


class Guardian:
    """One guardian.

    Args:
        folder: the runtime's state folder, with the guardian's lock and document.
        stderr: where the runtime's stderr goes; overwritten at each start, so that it stays small.
        command: the runtime's command line.
        settled: is called when this guardian has its place, or another one has it.
    """

    def __init__(
        self, folder: Path, stderr: Path, command: Sequence[str], settled: Callable[[], None] = lambda: None
    ) -> None:
        self._folder = folder
        self._lock = folder / "guardian.lock"
        self._lock_file: tuple[int, int] | None = None
        self._stderr = stderr
        self._command = list(command)
        self._settled = settled
        self._ending = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._status = GuardianStatus(ProcessName.own())

    def guard(self) -> int:
        """Until the runtime ends for good, or this process is told to end, or another guardian is there."""
        try:
            with held(self._lock, "another guardian is there", "conflict.guardian"):
                self._lock_file = identity_of(self._lock)
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, self._end)
                self._write(self._status)
                self._settled()
                self._go_on()
        except ConflictError:
            self._settled()
        return 0

    def _go_on(self) -> None:
        failures = 0
        while not self._ending.is_set():
            begun = time.monotonic()
            code = self._one_life()
            if self._ending.is_set() or code in _FINAL_CODES:
                self._write(replace(self._status, last_exit=code, gave_up=code in (1, 2)))
                return
            failures = 1 if time.monotonic() - begun >= STEADY_SECONDS else failures + 1
            self._write(replace(self._status, restarts=self._status.restarts + 1, last_exit=code))
            self._ending.wait(pause_after(failures, random.random()))  # noqa: S311 - spreads load, guards nothing

    def _one_life(self) -> int:
        with opened(self._stderr) as stderr:
            self._child = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, cwd="/"
            )
        if self._ending.is_set():
            self._end_child()  # the signal came before there was a child to tell
        return self._child.wait()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending.set()
        self._end_child()

    def _end_child(self) -> None:
        """Tells the child to end, and ends it later if it does not. A Popen signals its own child only."""
        if self._child is not None and self._child.returncode is None:
            self._child.terminate()
            timer = threading.Timer(_KILL_AFTER_SECONDS, self._child.kill)
            timer.daemon = True
            timer.start()

    def _write(self, status: GuardianStatus) -> None:
        self._status = status
        if identity_of(self._lock) != self._lock_file:
            return  # the folder was removed, and what is there by now is another guardian's
        with contextlib.suppress(OSError):
            write_document(self._folder / "guardian.json", status)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """The crash log, emptied; /dev/null where it cannot be written."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError:
        descriptor = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def main(arguments: Sequence[str]) -> int:
    """Leaves the caller's session and guards; the first process ends when the second has its place."""
    keep_memory_private()
    folder, stderr, *command = arguments
    reading, writing = os.pipe()
    # The caller collects the first process at once, so nobody has to collect the second.
    if os.fork():
        os.close(writing)
        os._exit(0 if os.read(reading, 1) else 1)
    os.close(reading)
    os.setsid()
    os.chdir("/")
    os.umask(0o077)

    def settled() -> None:
        os.write(writing, b"1")
        os.close(writing)

    return Guardian(Path(folder), Path(stderr), command, settled).guard()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

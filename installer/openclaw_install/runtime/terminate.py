"""Ends the processes of a runtime: by request first, then by force, and only those that are its own."""

from __future__ import annotations

import contextlib
import signal
import time

from openclaw_install.common.errors import ConflictError
from openclaw_install.runtime.document import GuardianStatus, Status, read_guardian, read_status
from openclaw_install.runtime.locks import is_held
from openclaw_install.runtime.paths import RuntimePaths
from openclaw_install.runtime.process_id import ProcessName

ASK_SECONDS = 8.0
FORCE_SECONDS = 5.0
_POLL_SECONDS = 0.05


def end_processes(
    paths: RuntimePaths,
    invocation: str,
    ask_seconds: float = ASK_SECONDS,
    force_seconds: float = FORCE_SECONDS,
) -> bool:
    """Returns when both locks are free: whether it took force.

    Raises:
        ConflictError: `runtime.holder_unknown`: a lock stays held, and by whom is not certain.
    """
    ran = is_held(paths.guardian_lock) or is_held(paths.lock)
    if _ended(paths, signal.SIGTERM, ask_seconds):
        return ran and _left_unsaid(paths)
    if not _ended(paths, signal.SIGKILL, force_seconds):
        raise ConflictError(
            f"the runtime does not end, and which process holds {paths.lock} is unsure: none was killed",
            next_step=f"find it (fuser -v {paths.lock}), end it, then: {invocation} runtime status",
            code="runtime.holder_unknown",
        )
    _forget(paths)
    return True


def _left_unsaid(paths: RuntimePaths) -> bool:
    """Tidies up after one that ended without saying so; whether its guardian had to use force."""
    status, guardian = read_status(paths.status), read_guardian(paths.guardian_status)
    if isinstance(status, Status) and status.phase == "stopped":
        return False
    _forget(paths)
    return isinstance(guardian, GuardianStatus) and guardian.last_exit == -signal.SIGKILL


def _forget(paths: RuntimePaths) -> None:
    """Removes documents that say that it runs: what was stopped on purpose did not crash."""
    for document in (paths.status, paths.guardian_status):
        with contextlib.suppress(OSError):
            document.unlink()


def _ended(paths: RuntimePaths, number: signal.Signals, seconds: float) -> bool:
    """Sends the signal once to each holder that is known for certain, and waits for the locks."""
    signalled: set[ProcessName] = set()
    end = time.monotonic() + seconds
    while True:
        guardian_held, lock_held = is_held(paths.guardian_lock), is_held(paths.lock)
        if not (guardian_held or lock_held):
            return True
        for process in _holders(paths, guardian_held=guardian_held, lock_held=lock_held):
            # The guardian passes a request on by itself; a killed one cannot.
            if process not in signalled and (number == signal.SIGKILL or not (guardian_held and signalled)):
                signalled.add(process)
                with contextlib.suppress(PermissionError):
                    process.send(number)
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_SECONDS)


def _holders(paths: RuntimePaths, *, guardian_held: bool, lock_held: bool) -> list[ProcessName]:
    """The guardian first, so that it starts nothing again."""
    found = []
    guardian, status = read_guardian(paths.guardian_status), read_status(paths.status)
    if guardian_held and isinstance(guardian, GuardianStatus):
        found.append(guardian.process)
    if lock_held and isinstance(status, Status):
        found.append(status.process)
    return [process for process in found if process.is_alive]

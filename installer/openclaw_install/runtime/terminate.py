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
    places: RuntimePaths,
    invocation: str,
    ask_seconds: float = ASK_SECONDS,
    force_seconds: float = FORCE_SECONDS,
) -> bool:
    """Returns when both locks are free: whether it took force.

    Raises:
        ConflictError: `runtime.holder_unknown`: a lock stays held, and by whom is not certain.
    """
    ran = is_held(places.guardian_lock) or is_held(places.lock)
    if _ended(places, signal.SIGTERM, ask_seconds):
        return ran and _left_unsaid(places)
    if not _ended(places, signal.SIGKILL, force_seconds):
        raise ConflictError(
            f"the runtime does not end, and which process holds {places.lock} is unsure: none was killed",
            next_step=f"find it (fuser -v {places.lock}), end it, then: {invocation} runtime status",
            code="runtime.holder_unknown",
        )
    _forget(places)
    return True


def _left_unsaid(places: RuntimePaths) -> bool:
    """Tidies up after one that ended without saying so; whether its guardian had to use force."""
    status, guardian = read_status(places.status), read_guardian(places.guardian_status)
    if isinstance(status, Status) and status.phase == "stopped":
        return False
    _forget(places)
    return isinstance(guardian, GuardianStatus) and guardian.last_exit == -signal.SIGKILL


def _forget(places: RuntimePaths) -> None:
    """Removes documents that say that it runs: what was stopped on purpose did not crash."""
    for document in (places.status, places.guardian_status):
        with contextlib.suppress(OSError):
            document.unlink()


def _ended(places: RuntimePaths, number: signal.Signals, seconds: float) -> bool:
    """Sends the signal once to each holder that is known for certain, and waits for the locks."""
    told: set[ProcessName] = set()
    end = time.monotonic() + seconds
    while True:
        guardian_held, lock_held = is_held(places.guardian_lock), is_held(places.lock)
        if not (guardian_held or lock_held):
            return True
        for process in _holders(places, guardian_held=guardian_held, lock_held=lock_held):
            # The guardian passes a request on by itself; a killed one cannot.
            if process not in told and (number == signal.SIGKILL or not (guardian_held and told)):
                told.add(process)
                with contextlib.suppress(PermissionError):
                    process.send(number)
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_SECONDS)


def _holders(places: RuntimePaths, *, guardian_held: bool, lock_held: bool) -> list[ProcessName]:
    """The guardian first, so that it starts nothing again."""
    found = []
    guardian, status = read_guardian(places.guardian_status), read_status(places.status)
    if guardian_held and isinstance(guardian, GuardianStatus):
        found.append(guardian.process)
    if lock_held and isinstance(status, Status):
        found.append(status.process)
    return [process for process in found if process.is_alive]

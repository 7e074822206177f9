"""Boot-relative timestamps and process identities that are comparable across processes."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.common.boot import boot_id, output_of
from openclaw_install.common.clock import SYSTEM
from openclaw_install.common.jsonable import Timestamp


@dataclass(frozen=True)
class Moment:
    """A point in time of one machine.

    Attributes:
        boot: which run of the machine; monotonic times of two runs cannot be compared. Empty if not known.
        awake: seconds of the monotonic clock, which stands still while the machine sleeps and which nobody
            can set. All processes of the machine share it.
        at: the wall time, to be shown and never to be compared.
    """

    boot: str
    awake: float
    at: Timestamp

    def since(self, earlier: Moment) -> float | None:
        """Seconds awake since `earlier`; None when it is of another boot, or was not before this one."""
        age = self.awake - earlier.awake
        return age if self.boot == earlier.boot and age >= 0 else None


def now() -> Moment:
    """The present moment."""
    reading = SYSTEM.look().now
    return Moment(boot_id(), reading.awake, reading.wall)


def birth_of(pid: int) -> str:
    """When the process began, in the system's own words; empty when there is no such process.

    With the pid it names one process: a pid that was given out again has another birth. A process that has
    ended and was not yet collected counts as gone.
    """
    if pid <= 0:
        return ""
    if sys.platform == "darwin":
        return _ps_birth(pid)
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The program's name may hold blanks and brackets; what follows the last bracket does not.
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else f"{boot_id()}:{fields[19]}"


@dataclass(frozen=True)
class ProcessName:
    """One process, beyond doubt."""

    pid: int
    birth: str

    @classmethod
    def own(cls) -> ProcessName:
        return cls(os.getpid(), birth_of(os.getpid()))

    @property
    def is_alive(self) -> bool:
        return bool(self.birth) and birth_of(self.pid) == self.birth

    def send(self, signal_number: int) -> bool:
        """Sends a signal to this process and to no other; False when it has ended.

        Raises:
            PermissionError: it belongs to another user.
        """
        try:
            if not hasattr(os, "pidfd_open"):
                return self._send_by_pid(signal_number)
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            # The descriptor means one process for good, so the look comes after it was taken.
            if not self.is_alive:
                return False
            import signal

            signal.pidfd_send_signal(descriptor, signal_number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True

    def _send_by_pid(self, signal_number: int) -> bool:
        if not self.is_alive:
            return False
        os.kill(self.pid, signal_number)
        return True


def _ps_birth(pid: int) -> str:
    return output_of(["/bin/ps", "-o", "lstart=", "-p", str(pid)])

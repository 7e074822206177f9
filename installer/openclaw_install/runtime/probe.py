"""Reads the locks, documents and processes of a runtime; `status.py` derives its state from them."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from openclaw_install.host.locate import HostLocation
from openclaw_install.runtime.document import Status, read_guardian, read_status
from openclaw_install.runtime.locks import age_of, is_held
from openclaw_install.runtime.paths import RuntimePaths
from openclaw_install.runtime.process_id import now
from openclaw_install.runtime.status import ProbeResult


def probe(places: RuntimePaths, *, enabled: bool, invocation: str) -> ProbeResult:
    """Everything that the runtime's state follows from.

    Raises:
        FileError: this user may not look into the state folder.
    """
    # The lock comes first: what is written later tells of a holder at least as new.
    lock_held, guardian_held = is_held(places.lock), is_held(places.guardian_lock)
    status = read_status(places.status)
    return ProbeResult(
        lock_held=lock_held,
        lock_age=age_of(places.lock),
        guardian_held=guardian_held,
        status=status,
        holder_alive=isinstance(status, Status) and status.process.is_alive,
        guardian=read_guardian(places.guardian_status),
        enabled=enabled,
        disk_full=_is_full(places.folder),
        now=now(),
        log_path=str(places.log),
        invocation=invocation,
    )


def invocation_for(location: HostLocation) -> str:
    """How this program is called for this host."""
    words = ["openclaw-install"]
    if location.profile is not None:
        words += ["--profile", location.profile]
    elif not location.is_default_state:
        words += ["--state-dir", str(location.state_dir)]
    if location.config_path.parent != location.state_dir:
        words += ["--config", str(location.config_path)]
    return shlex.join(words)


def _is_full(folder: Path) -> bool:
    try:
        status = os.statvfs(folder)
    except OSError:
        return False
    # Some file systems count neither blocks nor files.
    return (status.f_blocks > 0 and status.f_bavail == 0) or (status.f_files > 0 and status.f_favail == 0)

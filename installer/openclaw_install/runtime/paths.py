"""Where the runtime of one host keeps its locks, its status, its log and its service's files.

Below our state folder (0700, files 0600)::

    runtime/<host id>/runtime.lock    held by the runtime as long as it lives
    runtime/<host id>/guardian.lock   held by what starts a detached runtime again
    runtime/<host id>/start.lock      held by a command that starts or stops it
    runtime/<host id>/status.json     what the runtime says, with its heartbeat
    runtime/<host id>/guardian.json   what the guardian says

The lock files stay when nobody holds them; they hold nothing and mean nothing by being there.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.common.errors import FileError
from openclaw_install.common.files import file_error, make_private_folder
from openclaw_install.host.locate import HostLocation

_PROGRAM = "openclaw-install"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class RuntimePaths:
    """The files of one host's runtime.

    Attributes:
        host_id: names the host: two hosts have two runtimes.
        folder: the state folder of this runtime.
        lock, guardian_lock, start_lock, status, guardian_status: the files in it.
        logs: the log folder that all runtimes share.
        log: what the runtime and its components say.
        crash_log: what the interpreter itself says on stderr; of the last start only.
        env_file: the service's variables.
        home: the account's home, for the service's files.
        unit_name: of the systemd unit.
        agent_label: of the launchd agent.
    """

    host_id: str
    folder: Path
    lock: Path
    guardian_lock: Path
    start_lock: Path
    status: Path
    guardian_status: Path
    logs: Path
    log: Path
    crash_log: Path
    env_file: Path
    home: Path
    unit_name: str
    agent_label: str

    @classmethod
    def of(cls, location: HostLocation) -> RuntimePaths:
        """The places of a host; nothing is made or read."""
        import platformdirs

        # A config's own link is not followed: pointed elsewhere, it is still the same host.
        config = os.path.join(os.path.realpath(location.config_path.parent), location.config_path.name)  # noqa: PTH118 - realpath gives a text
        names = f"{config}\0{os.path.realpath(location.state_dir)}"
        host_id = hashlib.sha256(names.encode(errors="surrogateescape")).hexdigest()[:16]
        folder = platformdirs.user_state_path(_PROGRAM) / "runtime" / host_id
        logs = platformdirs.user_log_path(_PROGRAM)
        return cls(
            host_id=host_id,
            folder=folder,
            lock=folder / "runtime.lock",
            guardian_lock=folder / "guardian.lock",
            start_lock=folder / "start.lock",
            status=folder / "status.json",
            guardian_status=folder / "guardian.json",
            logs=logs,
            log=logs / f"runtime-{host_id}.log",
            crash_log=logs / f"runtime-{host_id}.stderr",
            env_file=platformdirs.user_config_path(_PROGRAM) / f"runtime-{host_id}.env",
            home=Path.home(),
            unit_name=f"{_PROGRAM}-{host_id}.service",
            agent_label=f"invalid.{_PROGRAM}.{host_id}",
        )

    def make(self) -> None:
        """Makes the state folder, private.

        Raises:
            FileError: it cannot be made, or others can write in it: they could tell us which process to stop.
        """
        make_private_folder(self.folder)
        for place in (self.folder.parent, self.folder):
            _require_ours(place)

    def remove(self) -> tuple[str, ...]:
        """Removes what a stopped runtime has left: its logs and its state folder, when that is empty then.

        Raises:
            FileError: a file cannot be removed.
        """
        state = (self.status, self.guardian_status, self.lock, self.guardian_lock, self.start_lock)
        removed = []
        for path in (*self.logs.glob(f"runtime-{self.host_id}.*"), *self.folder.glob(".*.tmp"), *state):
            try:
                path.unlink()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise file_error(error, path, "remove") from error
            removed.append(str(path))
        for folder in (self.folder, self.folder.parent):
            try:
                folder.rmdir()
            except OSError:
                break  # not empty, or not there: somebody else's, or nothing to do
            removed.append(str(folder))
        return tuple(removed)


def invocation_for(location: HostLocation) -> str:
    """How this program is called for this host."""
    words = [_PROGRAM]
    if location.profile is not None:
        words += ["--profile", location.profile]
    # OPENCLAW_PROFILE alone moves no folder, and a state folder of the environment stays beside a profile.
    if not location.is_own_state:
        words += ["--state-dir", str(location.state_dir)]
    if location.config_path.parent != location.state_dir:
        words += ["--config", str(location.config_path)]
    return shlex.join(words)


def _require_ours(place: Path) -> None:
    try:
        status = place.stat()
    except OSError as error:
        raise file_error(error, place, "look at") from error
    name = shlex.quote(str(place))
    if status.st_uid != os.geteuid():
        raise FileError(
            f"{place} belongs to another user",
            next_step=f"move it away: mv {name} {shlex.quote(f'{place}.foreign')}",
            code="file.foreign_owner",
        )
    if status.st_mode & _OTHERS_WRITE:
        raise FileError(
            f"other users can write in {place}", next_step=f"chmod go-w {name}", code="file.not_private"
        )

"""The gateway's process: found by the lock in its state folder, with the environment that it was started in.

Source of the lock's form: `src/infra/gateway-lock-payload.ts` of OpenClaw 2026.9.6. The lock outlives its
owner, so its owner counts only where a process of that id, started at that time, is alive.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openclaw_install.host.config.document import ConfigDocument
from openclaw_install.host.config.env import gateway_env, with_config_env
from openclaw_install.host.locate import HostLocation
from openclaw_install.host.search_path import gateway_path

_LOCKS = "tmp/openclaw*/gateway.state.lock"
_MOST_BYTES = 1_048_576
_START_FIELD = 19
"""Place of the start time in `/proc/PID/stat`, counted after the program's name."""


@dataclass(frozen=True)
class RunningGateway:
    """The process that serves a state folder.

    Attributes:
        pid: its process id.
        port: the port that it took at its start; None where the lock does not say.
        user: the id of the user whom it runs as; None where the system does not tell.
        program: the interpreter that runs it; None where the system does not tell.
        folder: its working folder; None where the system does not tell.
        env: the environment that it was started in; None where this user may not read it, or the system has
            no `/proc`.
    """

    pid: int
    port: int | None = None
    user: int | None = None
    program: Path | None = None
    folder: Path | None = None
    env: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def is_ours(self) -> bool:
        """Whether it runs as the user of this process, so that what we start is as what it starts."""
        return self.user == os.geteuid()

    def environment(self, location: HostLocation, document: ConfigDocument) -> Mapping[str, str] | None:
        """The variables that the process works with, PATH as OpenClaw completes it at its start.

        Args:
            location: the host that it serves.
            document: the config of that host.

        Returns:
            None where its own environment cannot be read.
        """
        if self.env is None:
            return None
        env = with_config_env(gateway_env(location.config_path, self.env), document.as_written)
        return {**env, "PATH": gateway_path(env, location.home, sys.platform, self.program)}


def running_gateway(state_dir: Path, proc: Path = Path("/proc")) -> RunningGateway | None:
    """The gateway that serves a state folder; None where none does, or its lock cannot be read.

    Args:
        state_dir: the state folder.
        proc: where the system tells of its processes.
    """
    for lock in sorted(state_dir.glob(_LOCKS)):
        payload = _payload(lock)
        pid, started = payload.get("pid"), payload.get("startTime")
        is_gateway = payload.get("role", "gateway") == "gateway"
        if is_gateway and isinstance(pid, int) and pid > 0 and _is_alive(pid, started, proc):
            port = payload.get("port")
            return _look(pid, port if isinstance(port, int) else None, proc / str(pid))
    return None


def _payload(lock: Path) -> Mapping[str, Any]:
    try:
        with lock.open("rb") as stream:
            document = json.loads(stream.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _is_alive(pid: int, started: Any, proc: Path) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        pass  # alive, and somebody else's
    except (OSError, OverflowError):
        return False
    try:
        told = (proc / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
        return not isinstance(started, int) or int(told[_START_FIELD]) == started
    except (OSError, ValueError, IndexError):
        return True


def _look(pid: int, port: int | None, place: Path) -> RunningGateway:
    try:
        user: int | None = place.stat().st_uid
    except OSError:
        user = None
    program, folder = _link(place / "exe"), _link(place / "cwd")
    return RunningGateway(pid, port, user, program, folder, _environment(place / "environ"))


def _link(path: Path) -> Path | None:
    try:
        return path.readlink()
    except OSError:
        return None


def _environment(path: Path) -> Mapping[str, str] | None:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MOST_BYTES)
    except OSError:
        return None
    entries = (part.partition(b"=") for part in raw.split(b"\0") if b"=" in part)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in entries}

"""Service managers of a user's session, systemd and launchd, through their own commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from openclaw_install.common.errors import HostError
from openclaw_install.common.files import PRIVATE_FILE, file_error, make_private_folder, write_atomic
from openclaw_install.host.locate import HostLocation
from openclaw_install.runtime.component import Context
from openclaw_install.runtime.components import COMPONENTS
from openclaw_install.runtime.detached import runtime_command
from openclaw_install.runtime.paths import RuntimePaths
from openclaw_install.runtime.report import KeptBy
from openclaw_install.runtime.units import ServiceSpec, launchd_plist, systemd_unit

_SECONDS = 90.0
# A service finds our folders where the operator's commands find them; none of these is a secret.
_FOLDER_VARIABLES = ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")


class ServiceManager(Protocol):
    """What keeps services for a user."""

    @property
    def kind(self) -> KeptBy:
        """Its name."""

    @property
    def file(self) -> Path:
        """The file that describes our service; it is there exactly while the service is enabled."""

    def is_usable(self) -> bool:
        """Whether it answers for this user here and now."""

    def install(self, spec: ServiceSpec) -> None:
        """Writes the file and has the service started with each session."""

    def start(self) -> None:
        """Starts it."""

    def stop(self) -> None:
        """Stops it; it stays enabled."""

    def remove(self) -> None:
        """Stops it and removes the file."""


class Systemd:
    """systemd's user manager, by `systemctl --user`."""

    kind: KeptBy = "systemd"

    def __init__(self, paths: RuntimePaths, env: Mapping[str, str]) -> None:
        self._unit = paths.unit_name
        folder = env.get("XDG_CONFIG_HOME", "").strip() or str(paths.home / ".config")
        self.file = Path(folder) / "systemd" / "user" / self._unit
        self._env = dict(env)
        # A shell that came by `su` or cron lacks the variable, and the manager may be there all the same.
        self._env.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")

    def is_usable(self) -> bool:
        done = _try(["systemctl", "--user", "show", "--property=Version"], self._env)
        return done is not None and done.returncode == 0 and "Version=" in done.stdout

    def install(self, spec: ServiceSpec) -> None:
        _write(self.file, systemd_unit(spec).encode(errors="surrogateescape"))
        self._systemctl("daemon-reload")
        self._systemctl("enable", self._unit)

    def start(self) -> None:
        self._systemctl("start", self._unit)

    def stop(self) -> None:
        self._systemctl("stop", self._unit)

    def remove(self) -> None:
        if self.is_usable():
            self._systemctl("disable", "--now", self._unit)
        else:
            # `enable` made this link; without a manager nobody else removes it.
            (self.file.parent / "default.target.wants" / self._unit).unlink(missing_ok=True)
        _remove(self.file)
        if self.is_usable():
            self._systemctl("daemon-reload")

    def _systemctl(self, *words: str) -> None:
        _run(["systemctl", "--user", *words], self._env)


class Launchd:
    """launchd, by `launchctl` in the user's graphical session."""

    kind: KeptBy = "launchd"

    def __init__(self, paths: RuntimePaths, env: Mapping[str, str]) -> None:
        self._stderr = paths.crash_log
        self._domain = f"gui/{os.getuid()}"
        self._target = f"{self._domain}/{paths.agent_label}"
        self.file = paths.home / "Library" / "LaunchAgents" / f"{paths.agent_label}.plist"
        self._env = dict(env)

    def is_usable(self) -> bool:
        done = _try(["launchctl", "print", self._domain], self._env)
        return done is not None and done.returncode == 0

    def install(self, spec: ServiceSpec) -> None:
        _write(self.file, launchd_plist(spec, self._stderr))

    def start(self) -> None:
        if self._is_loaded():
            _run(["launchctl", "kickstart", self._target], self._env)
        else:
            _run(["launchctl", "bootstrap", self._domain, str(self.file)], self._env)

    def stop(self) -> None:
        if self._is_loaded():
            _run(["launchctl", "bootout", self._target], self._env)

    def remove(self) -> None:
        self.stop()
        _remove(self.file)

    def _is_loaded(self) -> bool:
        done = _try(["launchctl", "print", self._target], self._env)
        return done is not None and done.returncode == 0


def service_manager(
    paths: RuntimePaths, env: Mapping[str, str], platform: str = sys.platform
) -> ServiceManager:
    """The manager of this kind of machine; whether it answers is another question."""
    return Launchd(paths, env) if platform == "darwin" else Systemd(paths, env)


def service_spec(
    location: HostLocation, env: Mapping[str, str], paths: RuntimePaths, kind: KeptBy
) -> ServiceSpec:
    """The service; the folders that it may write in are made, for a unit can only open what exists.

    Args:
        location: the host.
        env: the operator's variables.
        paths: the runtime's files.
        kind: the service manager.
    """
    import platformdirs

    context = Context(location, lambda: env)
    writes = (
        platformdirs.user_state_path("openclaw-install"),
        paths.logs,
        *(folder for component in COMPONENTS for folder in component.writes(context)),
    )
    for folder in writes:
        make_private_folder(folder)
    home = env.get("HOME", "").strip() or str(paths.home)
    reads = (Path(home), location.state_dir, location.config_path, Path(sys.prefix), Path(__file__))
    return ServiceSpec(
        label=paths.unit_name if kind == "systemd" else paths.agent_label,
        description=f"openclaw-install runtime for {location.state_dir}",
        command=runtime_command(location, kind, paths.env_file),
        environment={name: env[name] for name in _FOLDER_VARIABLES if env.get(name, "").strip()},
        writes=writes,
        reads=(*reads, *(folder for component in COMPONENTS for folder in component.reads(context))),
    )


def no_user_session(manager: ServiceManager, invocation: str) -> HostError:
    """The error for a machine without a service manager for this user."""
    return HostError(
        f"{manager.kind} does not answer for this user here: there is no user session "
        "(a container, a plain `su`, or another init system)",
        next_step=f"{invocation} runtime start, which needs no service manager",
        code="runtime.no_user_session",
    )


def _run(command: Sequence[str], env: Mapping[str, str]) -> None:
    done = _try(command, env)
    if done is None or done.returncode:
        said = "it does not answer" if done is None else (done.stderr or done.stdout).strip()[-400:]
        raise HostError(
            f"`{' '.join(command)}` failed: {said}",
            next_step=f"run it yourself, or look at: {command[0]} --user status"
            if command[0] == "systemctl"
            else "run it yourself",
            code="runtime.service_manager",
        )


def _try(command: Sequence[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str] | None:
    program = shutil.which(command[0], path=env.get("PATH"))
    if program is None:
        return None
    try:
        return subprocess.run(
            [program, *command[1:]],
            env={**env, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def _write(path: Path, data: bytes) -> None:
    make_private_folder(path.parent)
    write_atomic(path, data, mode=PRIVATE_FILE)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise file_error(error, path, "remove") from error

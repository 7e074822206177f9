"""What others call: report on, start, stop, restart, enable, disable and remove the runtime of one host.

Every function takes the host (`host.locate`) and the environment that a started runtime is to have (as a rule
`os.environ`), returns a frozen result (`report.py`) and raises `InstallError` with a code and a next step.
None of them imports the MCP SDK. None asks anything; only `enable_runtime` needs consent, which it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from openclaw_install.host.locate import HostLocation
from openclaw_install.runtime.report import Result, RuntimeReport

START_SECONDS = 30.0


def runtime_report(location: HostLocation, env: Mapping[str, str]) -> RuntimeReport:
    """What the lock, the heartbeat and the service's files say; quick, writes nothing, never raises for a
    missing, damaged or newer status document."""
    raise NotImplementedError


def start_runtime(
    location: HostLocation, env: Mapping[str, str], *, wait_seconds: float = START_SECONDS
) -> Result:
    """Starts the service where it is enabled, else a detached process that is started again after a crash.

    Waits until the runtime says how its components are, at most `wait_seconds`. `changed` is False when it ran
    already.

    Raises:
        FileError: our state folder or the log folder cannot be used.
        HostError: `runtime.not_started`: the process ended, or said nothing in time.
    """
    raise NotImplementedError


def stop_runtime(location: HostLocation, env: Mapping[str, str]) -> Result:
    """Stops it and waits until its locks are free; by force after 8 s, if the holder is known for certain.

    `changed` is False when nothing ran. An enabled service stays enabled: it starts with the next session.

    Raises:
        ConflictError: `runtime.holder_unknown`: it does not end, and which process holds the lock is not
            certain.
    """
    raise NotImplementedError


def restart_runtime(location: HostLocation, env: Mapping[str, str]) -> Result:
    """`stop_runtime` and `start_runtime`; it then has the variables of `env`."""
    raise NotImplementedError


def enable_runtime(location: HostLocation, env: Mapping[str, str], confirm: Callable[[str], bool]) -> Result:
    """Installs and starts a systemd user unit or a launchd agent, and the 0600 file with its variables.

    Args:
        location: the host.
        env: where the allowed variables are taken from.
        confirm: asks the operator one question (a terminal, or `--yes`).

    Raises:
        HostError: `runtime.no_user_session`: this machine has no service manager for this user.
        UsageError: nobody can be asked, or the answer is no.
    """
    raise NotImplementedError


def disable_runtime(location: HostLocation, env: Mapping[str, str]) -> Result:
    """Stops the service and removes its unit and its environment file; `changed` is False without one."""
    raise NotImplementedError


def remove_runtime(location: HostLocation, env: Mapping[str, str]) -> Result:
    """Stops the runtime and removes all that it has: unit, environment file, state and logs.

    For `undo` and `uninstall`. `removed` names what is gone; doing it again changes nothing.

    Raises:
        ConflictError: as `stop_runtime`; nothing is removed then.
    """
    raise NotImplementedError

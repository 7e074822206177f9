"""What others call: report on, start, stop, restart, enable, disable and remove the runtime of one host.

Every function takes the host (`host.locate`) and the environment that a started runtime is to have (as a rule
`os.environ`), returns a frozen result (`report.py`) and raises `InstallError` with a code and a next step.
None of them imports the MCP SDK. None asks anything; only `enable_runtime` needs consent, which it is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace

from openclaw_install.common.errors import HostError, InstallError, UsageError
from openclaw_install.host.locate import HostLocation
from openclaw_install.runtime.detached import start_detached, tail_of
from openclaw_install.runtime.environment import allowed, environment_text, write_environment
from openclaw_install.runtime.locks import held
from openclaw_install.runtime.paths import RuntimePaths
from openclaw_install.runtime.probe import invocation_for, probe
from openclaw_install.runtime.removal import remove_files
from openclaw_install.runtime.report import Result, RuntimeReport
from openclaw_install.runtime.service_spec import service_spec
from openclaw_install.runtime.services import ServiceManager, no_user_session, service_manager
from openclaw_install.runtime.status import ProbeResult, runtime_status
from openclaw_install.runtime.terminate import end_processes

START_SECONDS = 30.0
_POLL_SECONDS = 0.05
# A command that starts or stops takes at most this long, so a second one waits for it.
_COMMAND_SECONDS = 60.0


def runtime_report(location: HostLocation, env: Mapping[str, str]) -> RuntimeReport:
    """What the lock, the heartbeat and the service's files say; quick, writes nothing.

    A missing, damaged or newer status document is told in the report, never raised.
    """
    places = RuntimePaths.of(location)
    return runtime_status(_facts(location, env, places))


def start_runtime(
    location: HostLocation, env: Mapping[str, str], *, wait_seconds: float = START_SECONDS
) -> Result:
    """Starts the service where it is enabled, else a detached process that restarts after a crash.

    Waits at most `wait_seconds` until it says how its components are. `changed` is False when it ran
    already.

    Raises:
        FileError: our state folder or the log folder cannot be used.
        HostError: `runtime.not_started`: the process ended, or said nothing in time.
        ConflictError: `conflict.runtime_busy`: another command starts or stops it.
    """
    places = RuntimePaths.of(location)
    with _only_command(places):
        return _start(location, env, places, wait_seconds)


def stop_runtime(location: HostLocation, env: Mapping[str, str]) -> Result:
    """Stops it and waits until its locks are free; by force after 8 s, if the holder is known for certain.

    `changed` is False when nothing ran. An enabled service stays enabled: it starts with the next session.

    Raises:
        ConflictError: `runtime.holder_unknown`: it does not end, and which process holds the lock is not
            certain; `conflict.runtime_busy`.
    """
    places = RuntimePaths.of(location)
    if not places.folder.exists() and not service_manager(places, env).file.exists():
        return Result(changed=False, runtime=runtime_report(location, env))
    with _only_command(places):
        return _stop(location, env, places)


def restart_runtime(
    location: HostLocation, env: Mapping[str, str], *, wait_seconds: float = START_SECONDS
) -> Result:
    """`stop_runtime` and `start_runtime`; a detached one then has the variables of `env`."""
    places = RuntimePaths.of(location)
    with _only_command(places):
        ended = _stop(location, env, places)
        started = _start(location, env, places, wait_seconds)
    return replace(started, killed=ended.killed, notes=(*ended.notes, *started.notes))


def enable_runtime(
    location: HostLocation,
    env: Mapping[str, str],
    confirm: Callable[[str], bool],
    *,
    wait_seconds: float = START_SECONDS,
) -> Result:
    """Installs and starts a systemd user unit or a launchd agent, and the 0600 file with its variables.

    Args:
        location: the host.
        env: where the allowed variables are taken from.
        confirm: asks the operator one question (a terminal, or `--yes`).
        wait_seconds: how long to wait for it.

    Raises:
        HostError: `runtime.no_user_session`: this machine has no service manager for this user;
            `runtime.not_started`: the service did not come up, and was removed again.
        UsageError: nobody can be asked, or the answer is no.
    """
    places = RuntimePaths.of(location)
    manager = service_manager(places, env)
    if not manager.is_usable():
        raise no_user_session(manager, invocation_for(location))
    variables = allowed(env)
    environment_text(variables)  # what cannot be written is said before anything is asked
    if not confirm(_enable_question(manager, places, variables)):
        raise UsageError(
            "the service was declined; nothing was changed",
            next_step=f"{invocation_for(location)} runtime start, which lasts until the machine restarts",
            code="runtime.declined",
        )
    with _only_command(places):
        _stop(location, env, places)
        write_environment(places.env_file, variables)
        try:
            started = _start_service(location, env, places, manager, wait_seconds)
        except InstallError:
            manager.remove()
            places.env_file.unlink(missing_ok=True)
            raise
    return replace(
        started,
        changed=True,
        service=str(manager.file),
        env_file=str(places.env_file),
        variables=tuple(variables),
        notes=(*started.notes, *_session_notes(manager)),
    )


def disable_runtime(location: HostLocation, env: Mapping[str, str]) -> Result:
    """Stops the service and removes its unit and its environment file; `changed` is False without one."""
    places = RuntimePaths.of(location)
    manager = service_manager(places, env)
    if not manager.file.exists() and not places.env_file.exists():
        return Result(changed=False, runtime=runtime_report(location, env))
    with _only_command(places):
        ended = _stop(location, env, places)
        removed = _remove_service(places, manager)
        report = runtime_report(location, env)
    return replace(ended, changed=True, runtime=report, removed=removed)


def remove_runtime(location: HostLocation, env: Mapping[str, str]) -> Result:
    """Stops the runtime and removes all that it has: unit, environment file, state and logs.

    For `undo` and `uninstall`. `removed` names what is gone; doing it again changes nothing.

    Raises:
        ConflictError: as `stop_runtime`; nothing is removed then.
    """
    places = RuntimePaths.of(location)
    ended = stop_runtime(location, env)
    removed = (*_remove_service(places, service_manager(places, env)), *remove_files(places))
    report = runtime_report(location, env)
    return replace(ended, changed=bool(removed) or ended.changed, runtime=report, removed=removed)


def _facts(location: HostLocation, env: Mapping[str, str], places: RuntimePaths) -> ProbeResult:
    return probe(
        places, enabled=service_manager(places, env).file.exists(), invocation=invocation_for(location)
    )


def _only_command(places: RuntimePaths) -> AbstractContextManager[None]:
    places.make()
    return held(
        places.start_lock,
        "another command starts or stops the runtime",
        "conflict.runtime_busy",
        seconds=_COMMAND_SECONDS,
    )


def _start(
    location: HostLocation, env: Mapping[str, str], places: RuntimePaths, wait_seconds: float
) -> Result:
    end = time.monotonic() + wait_seconds
    while True:
        facts = _facts(location, env, places)
        report = runtime_status(facts)
        if not (facts.lock_held or facts.guardian_held):
            break
        if report.state != "stopped":
            return Result(changed=False, runtime=_settled(location, env, places, end))
        if time.monotonic() > end:
            raise _not_started("the one before does not come to its end", location, places)
        time.sleep(_POLL_SECONDS)
    manager = service_manager(places, env)
    notes: tuple[str, ...] = ()
    if manager.file.exists():
        if manager.is_usable():
            manager.start()
            return Result(changed=True, runtime=_settled(location, env, places, end))
        notes = (f"{manager.kind} does not answer here, so it runs as a detached process until then",)
    start_detached(location, env, places)
    return Result(changed=True, runtime=_settled(location, env, places, end), notes=notes)


def _settled(
    location: HostLocation, env: Mapping[str, str], places: RuntimePaths, end: float
) -> RuntimeReport:
    """The report as soon as it says more than that it starts.

    Raises:
        HostError: `runtime.not_started`.
    """
    while True:
        facts = _facts(location, env, places)
        report = runtime_status(facts)
        if not (facts.lock_held or facts.guardian_held):
            raise _not_started("it ended at once", location, places)
        if report.state not in ("starting", "stopped") or time.monotonic() > end:
            return report
        time.sleep(_POLL_SECONDS)


def _not_started(what: str, location: HostLocation, places: RuntimePaths) -> HostError:
    said = tail_of(places.crash_log)
    return HostError(
        f"the runtime did not start: {what}" + (f"; it said:\n{said}" if said else ""),
        next_step=f"{invocation_for(location)} runtime run, which shows what is wrong",
        code="runtime.not_started",
    )


def _stop(location: HostLocation, env: Mapping[str, str], places: RuntimePaths) -> Result:
    facts = _facts(location, env, places)
    manager = service_manager(places, env)
    notes: list[str] = []
    if manager.file.exists() and manager.is_usable():
        try:
            manager.stop()
        except HostError as error:
            notes.append(error.message)
    killed = end_processes(places, invocation_for(location))
    ran = facts.lock_held or facts.guardian_held
    return Result(changed=ran, runtime=runtime_report(location, env), notes=tuple(notes), killed=killed)


def _start_service(
    location: HostLocation,
    env: Mapping[str, str],
    places: RuntimePaths,
    manager: ServiceManager,
    wait_seconds: float,
) -> Result:
    spec = service_spec(location, env, places, manager.kind)
    manager.install(spec)
    try:
        return _start(location, env, places, wait_seconds)
    except HostError:
        if manager.kind != "systemd":
            raise
        # Where the kernel forbids user namespaces, a service cannot have a view of its own.
        manager.stop()
        manager.install(replace(spec, own_view=False))
        started = _start(location, env, places, wait_seconds)
    note = (
        "this machine does not let a user's service have its own view of the file system, so the unit "
        "restricts privileges, but not where it may write"
    )
    return replace(started, notes=(*started.notes, note))


def _remove_service(places: RuntimePaths, manager: ServiceManager) -> tuple[str, ...]:
    removed = []
    if manager.file.exists():
        manager.remove()
        removed.append(str(manager.file))
    if places.env_file.exists():
        places.env_file.unlink()
        removed.append(str(places.env_file))
    return tuple(removed)


def _enable_question(manager: ServiceManager, places: RuntimePaths, variables: Mapping[str, str]) -> str:
    named = ", ".join(variables) or "no variables"
    return (
        f"Install {manager.file}, which runs the runtime in each of your sessions, "
        f"and write {named} to {places.env_file} (readable by you alone)?"
    )


def _session_notes(manager: ServiceManager) -> tuple[str, ...]:
    if manager.kind != "systemd":
        return ()
    return ("it ends with your last session; to keep it running without one: loginctl enable-linger",)

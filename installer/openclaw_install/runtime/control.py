"""What others call: report on, start, stop, restart, enable, disable and remove the runtime of one host."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_install.common.errors import HostError, InstallError, UsageError
from openclaw_install.host.locate import HostLocation
from openclaw_install.runtime.document import Status, read_guardian, read_status
from openclaw_install.runtime.environment import allowed, environment_text, write_environment
from openclaw_install.runtime.locks import age_of, held, is_held
from openclaw_install.runtime.paths import RuntimePaths, invocation_for
from openclaw_install.runtime.process_id import now
from openclaw_install.runtime.report import Result, RuntimeReport
from openclaw_install.runtime.status import ProbeResult, runtime_status

if TYPE_CHECKING:
    from openclaw_install.runtime.services import ServiceManager

START_SECONDS = 30.0
_POLL_SECONDS = 0.05
# A command that starts or stops takes at most this long, so a second one waits for it.
_COMMAND_SECONDS = 60.0


@dataclass(frozen=True)
class RuntimeControl:
    """The runtime of one host.

    Every method but `report` returns what it did. Errors are `InstallError` with a code and a next step. None
    imports the MCP SDK, and none asks anything but `enable`, which is given the one who asks.

    Attributes:
        location: the host.
        env: the environment that a started runtime gets (as a rule `os.environ`).
        wait_seconds: how long to wait for a started runtime to say how its components are.
    """

    location: HostLocation
    env: Mapping[str, str] = field(repr=False)
    wait_seconds: float = START_SECONDS

    @cached_property
    def paths(self) -> RuntimePaths:
        """Its files."""
        return RuntimePaths.of(self.location)

    @cached_property
    def invocation(self) -> str:
        """How this program is called for this host."""
        return invocation_for(self.location)

    @cached_property
    def manager(self) -> ServiceManager:
        """The service manager of this kind of machine."""
        from openclaw_install.runtime.services import service_manager

        return service_manager(self.paths, self.env)

    def wanted(self) -> tuple[str, ...]:
        """The components that are configured; with none of them the runtime has no work here.

        Raises:
            InstallError: one cannot tell, because something in its configuration is wrong.
        """
        from openclaw_install.runtime.components import configured_components

        return configured_components(self.location, self.env)

    def report(self) -> RuntimeReport:
        """What the lock, the heartbeat and the service's files say; quick, writes nothing.

        A missing, damaged or newer status document is told in the report, never raised.
        """
        return runtime_status(self._probe())

    def start(self) -> Result:
        """Starts the service where it is enabled, else a detached process that restarts after a crash.

        Waits until it says how its components are. `changed` is False when it ran already.

        Raises:
            FileError: our state folder or the log folder cannot be used.
            HostError: `runtime.not_started`: the process ended, or said nothing in time.
            ConflictError: `conflict.runtime_busy`: another command starts or stops it.
        """
        with self._only_command():
            return self._start()

    def stop(self) -> Result:
        """Stops it and waits until its locks are free; by force after 8 s, if the holder is certain.

        `changed` is False when nothing ran. An enabled service stays so: it starts with the next session.

        Raises:
            ConflictError: `runtime.holder_unknown`: it does not end, and which process holds the lock is not
                certain; `conflict.runtime_busy`.
        """
        if not self.paths.folder.exists() and not self.manager.file.exists():
            return Result("it did not run", changed=False, runtime=self.report())
        with self._only_command():
            return self._stop()

    def restart(self) -> Result:
        """`stop` and `start`; a detached one then has the variables of `env`."""
        with self._only_command():
            ended = self._stop()
            started = self._start()
        notes = (*ended.notes, *started.notes)
        return replace(started, message="restarted", killed=ended.killed, notes=notes)

    def enable(self, confirm: Callable[[str], bool]) -> Result:
        """Installs and starts a systemd user unit or a launchd agent, and the 0600 file with its variables.

        Args:
            confirm: asks the operator one question (a terminal, or `--yes`).

        Raises:
            HostError: `runtime.no_user_session`: this machine has no service manager for this user;
                `runtime.not_started`: the service did not come up, and was removed again.
            UsageError: nobody can be asked, or the answer is no.
        """
        from openclaw_install.runtime.services import no_user_session

        file, env_file = self.manager.file, self.paths.env_file
        if not self.manager.is_usable():
            raise no_user_session(self.manager, self.invocation)
        variables = allowed(self.env)
        environment_text(variables)  # what cannot be written is said before anything is asked
        question = (
            f"Install {file}, which runs the runtime in each of your sessions, "
            f"and write {', '.join(variables) or 'no variables'} to {env_file} (readable by you alone)?"
        )
        if not confirm(question):
            raise UsageError(
                "the service was declined; nothing was changed",
                next_step=f"{self.invocation} runtime start, which lasts until the machine restarts",
                code="runtime.declined",
            )
        with self._only_command():
            self._stop()
            write_environment(env_file, variables)
            try:
                started = self._start_service()
            except InstallError:
                self.manager.remove()
                env_file.unlink(missing_ok=True)
                raise
        return replace(
            started,
            message=f"enabled: {file}",
            changed=True,
            service=str(file),
            env_file=str(env_file),
            variables=tuple(variables),
        )

    def disable(self) -> Result:
        """Stops the service and removes its unit and its environment file; `changed` is False without one."""
        if not self.manager.file.exists() and not self.paths.env_file.exists():
            return Result("it was not enabled", changed=False, runtime=self.report())
        with self._only_command():
            ended = self._stop()
            removed = self._remove_service()
            report = self.report()
        return replace(ended, message="disabled", changed=True, runtime=report, removed=removed)

    def remove(self, *, forget: bool = False) -> Result:
        """Stops the runtime and removes all that it has: unit, environment file, state and logs.

        For `undo` and `uninstall`. `removed` names what is gone; doing it again changes nothing.

        Args:
            forget: also what its components were to do, else the next setup would start it again.

        Raises:
            ConflictError: as `stop`; nothing is removed then.
        """
        from openclaw_install.runtime.components import forget_configured

        ended = self.stop()
        removed = (*self._remove_service(), *self.paths.remove())
        if forget:
            forget_configured(self.location)
        changed = bool(removed) or ended.changed
        return replace(ended, message="removed", changed=changed, runtime=self.report(), removed=removed)

    def _probe(self) -> ProbeResult:
        """Everything that the runtime's state follows from.

        Raises:
            FileError: this user may not look into the state folder.
        """
        # The lock comes first: what is written later tells of a holder at least as new.
        lock_held, guardian_held = is_held(self.paths.lock), is_held(self.paths.guardian_lock)
        status = read_status(self.paths.status)
        return ProbeResult(
            lock_held=lock_held,
            lock_age=age_of(self.paths.lock),
            guardian_held=guardian_held,
            status=status,
            holder_alive=isinstance(status, Status) and status.process.is_alive,
            guardian=read_guardian(self.paths.guardian_status),
            enabled=self.manager.file.exists(),
            disk_full=_is_full(self.paths.folder),
            now=now(),
            log_path=str(self.paths.log),
            invocation=self.invocation,
        )

    @contextmanager
    def _only_command(self) -> Iterator[None]:
        self.paths.make()
        message, code = "another command starts or stops the runtime", "conflict.runtime_busy"
        with held(self.paths.start_lock, message, code, seconds=_COMMAND_SECONDS):
            yield

    def _start(self) -> Result:
        end = time.monotonic() + self.wait_seconds
        while True:
            probe = self._probe()
            if not probe.is_held:
                break
            if runtime_status(probe).state != "stopped":
                return Result("it already runs", changed=False, runtime=self._settled(end))
            if time.monotonic() > end:
                raise self._not_started("the one before does not come to its end")
            time.sleep(_POLL_SECONDS)
        notes: tuple[str, ...] = ()
        if self.manager.file.exists() and self.manager.is_usable():
            self.manager.start()
        else:
            if self.manager.file.exists():
                notes = (
                    f"{self.manager.kind} does not answer here, so it runs as a detached process until then",
                )
            from openclaw_install.runtime.detached import start_detached

            start_detached(self.location, self.env, self.paths)
        return Result("started", changed=True, runtime=self._settled(end), notes=notes)

    def _settled(self, end: float) -> RuntimeReport:
        """The report as soon as it says more than that it starts, or the time is over.

        Raises:
            HostError: `runtime.not_started`.
        """
        while True:
            probe = self._probe()
            report = runtime_status(probe)
            if not probe.is_held:
                raise self._not_started("it ended at once")
            if report.state not in ("starting", "stopped") or time.monotonic() > end:
                return report
            time.sleep(_POLL_SECONDS)

    def _not_started(self, what: str) -> HostError:
        from openclaw_install.runtime.detached import tail_of

        said = tail_of(self.paths.crash_log)
        return HostError(
            f"the runtime did not start: {what}" + (f"; it said:\n{said}" if said else ""),
            next_step=f"{self.invocation} runtime run, which shows what is wrong",
            code="runtime.not_started",
        )

    def _stop(self) -> Result:
        from openclaw_install.runtime.terminate import end_processes

        ran = self._probe().is_held
        notes: list[str] = []
        if self.manager.file.exists() and self.manager.is_usable():
            try:
                self.manager.stop()
            except HostError as error:
                notes.append(error.message)
        killed = end_processes(self.paths, self.invocation)
        message = "stopped" if ran else "it did not run"
        return Result(message, changed=ran, runtime=self.report(), notes=tuple(notes), killed=killed)

    def _start_service(self) -> Result:
        from openclaw_install.runtime.services import service_spec

        spec = service_spec(self.location, self.env, self.paths, self.manager.kind)
        is_systemd = self.manager.kind == "systemd"
        notes: list[str] = []
        self.manager.install(spec)
        try:
            started = self._start()
        except HostError:
            if not is_systemd:
                raise
            # Where the kernel forbids user namespaces, a service cannot have a view of its own.
            self.manager.stop()
            self.manager.install(replace(spec, own_view=False))
            started = self._start()
            notes.append(
                "this machine does not let a user's service have its own view of the file system, so the "
                "unit restricts privileges, but not where it may write"
            )
        if is_systemd:
            notes.append(
                "it ends with your last session; to keep it running without one: loginctl enable-linger"
            )
        return replace(started, notes=(*started.notes, *notes))

    def _remove_service(self) -> tuple[str, ...]:
        removed = []
        if self.manager.file.exists():
            self.manager.remove()
            removed.append(str(self.manager.file))
        if self.paths.env_file.exists():
            self.paths.env_file.unlink()
            removed.append(str(self.paths.env_file))
        return tuple(removed)


def _is_full(folder: Path) -> bool:
    try:
        status = os.statvfs(folder)
    except OSError:
        return False
    # Some file systems count neither blocks nor files.
    return (status.f_blocks > 0 and status.f_bavail == 0) or (status.f_files > 0 and status.f_favail == 0)

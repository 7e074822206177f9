"""The runtime process: takes the lock, runs the components, writes heartbeats, ends within five seconds."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from openclaw_install import __version__
from openclaw_install.common.clock import SYSTEM, wall_time
from openclaw_install.common.files import make_private_folder
from openclaw_install.host.locate import HostLocation
from openclaw_install.runtime.component import Component, Context
from openclaw_install.runtime.document import ProcessPhase, Status, write_document
from openclaw_install.runtime.environment import Variables
from openclaw_install.runtime.lifecycle import STALLED_EXIT, Watch, stalled, watched
from openclaw_install.runtime.locks import held, identity_of
from openclaw_install.runtime.log import LineLog, secrets_in, taken_over
from openclaw_install.runtime.paths import RuntimePaths
from openclaw_install.runtime.process_id import ProcessName, now
from openclaw_install.runtime.report import KeptBy
from openclaw_install.runtime.supervisor import Seams, Supervisor

BEAT_SECONDS = 3.0
GRACE_SECONDS = 4.0
_COALESCE_SECONDS = 0.1
_CLOSE_SECONDS = 0.5
# What one look at the workers can count, in beats.
_LOOKS = 2


@dataclass(frozen=True)
class Settings:
    """How a runtime is to run.

    Attributes:
        location: the host.
        components: the table.
        env: the variables of the process.
        env_file: a service's file of variables, read again when it changes.
        kept_by: who starts it again after a crash.
        beat_seconds: between two heartbeats.
        grace_seconds: for the components to end in.
        look_seconds: how often a blocked component's inputs are looked at.
        ready: is called once when it runs, with the log's path.
        abandon: ends the process with an exit code where a thread of a component would not let it end.
    """

    location: HostLocation
    components: Sequence[Component]
    env: Mapping[str, str]
    env_file: Path | None = None
    kept_by: KeptBy = "nobody"
    beat_seconds: float = BEAT_SECONDS
    grace_seconds: float = GRACE_SECONDS
    look_seconds: float = 3.0
    ready: Callable[[Path], None] = lambda _log: None
    abandon: Callable[[int], None] = os._exit


def run_runtime(settings: Settings) -> None:
    """Runs until SIGTERM, SIGINT or cancellation.

    Raises:
        ConflictError: `runtime.already_running`.
        FileError: our state folder, the log folder or the file of variables cannot be used.
    """
    paths = RuntimePaths.of(settings.location)
    paths.make()
    with held(paths.lock, "the runtime of this host runs already", "runtime.already_running"):
        make_private_folder(paths.logs)
        variables = Variables(settings.env, settings.env_file)
        log = LineLog(paths.log, lambda: secrets_in(variables.current()), clock=wall_time)
        # What a thread of a component still does is not waited for.
        late = threading.Timer(_CLOSE_SECONDS, settings.abandon, (0,))
        late.daemon = True
        try:
            with taken_over(log), asyncio.Runner() as runner:
                worker = _Worker(settings, paths, variables, log)
                left = runner.run(worker.run())
                if left or worker.stalled:
                    # Not zero where work stood still: whoever keeps this process starts it again.
                    settings.abandon(STALLED_EXIT if worker.stalled else 0)
                late.start()
        finally:
            late.cancel()
            log.close()


class _Worker:
    """One run: signals, heartbeat, components."""

    def __init__(self, settings: Settings, paths: RuntimePaths, variables: Variables, log: LineLog) -> None:
        self._settings = settings
        self._paths = paths
        self._log = log
        self._ending = asyncio.Event()
        self._news = asyncio.Event()
        self._write_failed = False
        self.stalled = False
        self._watch: Watch = {}
        self._stall_logged = False
        self._looked_at = SYSTEM.monotonic()
        self._lock_file = identity_of(paths.lock)
        beginning = now()
        self._status = Status(
            process=ProcessName.own(),
            phase="starting",
            heartbeat=beginning,
            every=settings.beat_seconds,
            started=beginning,
            kept_by=settings.kept_by,
            program=__version__,
            log=log.report(),
        )
        seams = Seams(log.write, self._news.set, look_seconds=settings.look_seconds)
        context = Context(settings.location, variables.current)
        self._supervisor = Supervisor(settings.components, context, seams)

    async def run(self) -> tuple[str, ...]:
        """Returns the names of the components that did not end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        self._beat("starting")
        self._log.write("started", pid=os.getpid(), program=__version__, kept_by=self._settings.kept_by)
        self._supervisor.start()
        self._beat("running")
        self._settings.ready(self._paths.log)
        notify_systemd("READY=1")
        beating = asyncio.create_task(self._beat_on())
        try:
            await self._ending.wait()
        finally:
            beating.cancel()
            left = await self._end()
        return left

    async def _end(self) -> tuple[str, ...]:
        notify_systemd("STOPPING=1")
        self._beat("stopping")
        left = await self._supervisor.stop(self._settings.grace_seconds)
        if left:
            self._log.write("left_behind", level="warning", components=list(left))
        self._log.write("stopped", pid=os.getpid())
        if not self.stalled:
            self._beat("stopped")
        return left

    async def _beat_on(self) -> None:
        """A heartbeat every few seconds, and soon after each change."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.beat_seconds):
                    await self._news.wait()
                    # Changes come in bunches; one document tells of all.
                    await asyncio.sleep(min(_COALESCE_SECONDS, self._settings.beat_seconds / 2))
            self._look_at_work()
            self._beat("running")
            if self.stalled:
                self._ending.set()
                return
            if self._has_lost_its_place():
                # It was removed, and another runtime could take its place: this one is not wanted any more.
                self._log.write("lock_lost", level="warning")
                self._ending.set()
                return

    def _look_at_work(self) -> None:
        """Notices workers that have done nothing for too long.

        Whoever keeps this process starts it again, so it ends; kept by nobody it stays, and is not ready.
        """
        before, self._looked_at = self._looked_at, SYSTEM.monotonic()
        most = _LOOKS * self._settings.beat_seconds
        self._watch = watched(self._watch, self._supervisor.progress(), self._looked_at - before, most)
        found = stalled(self._watch)
        self._supervisor.stalled(found)
        if found and not self._stall_logged:
            names = [f"{one.progress.component} {one.progress.worker}" for one in found]
            self._log.write("stalled", level="error", workers=names, kept_by=self._settings.kept_by)
        self._stall_logged = bool(found)
        self.stalled = self._stall_logged and self._settings.kept_by != "nobody"

    def _has_lost_its_place(self) -> bool:
        return identity_of(self._paths.lock) != self._lock_file

    def _beat(self, phase: ProcessPhase) -> None:
        self._news.clear()
        if self._has_lost_its_place():
            return  # the document is that of another runtime by now
        self._status = replace(
            self._status,
            phase=phase,
            heartbeat=now(),
            log=self._log.report(),
            components=self._supervisor.reports(),
        )
        try:
            write_document(self._paths.status, self._status)
        except OSError as error:
            # A full disk must not end what works; who asks finds no fresh heartbeat, and the disk full.
            if not self._write_failed:
                self._log.write("status_not_written", level="warning", error=error.strerror)
            self._write_failed = True
        else:
            self._write_failed = False
        if not self._stall_logged:
            # The watchdog is fed by work: a beat of the event loop alone says nothing of the rest.
            notify_systemd("WATCHDOG=1")


def notify_systemd(state: str) -> None:
    """Sends one state, such as `READY=1`, to the socket in NOTIFY_SOCKET (sd_notify(3)), if there is one."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    # An address that begins with @ is in the abstract namespace.
    target = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0)
        sender.sendto(state.encode(), target)

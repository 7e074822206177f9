"""What is known about the runtime, as frozen results for commands, setup and activation report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from openclaw_install.common.errors import ExitCode
from openclaw_install.common.jsonable import Timestamp
from openclaw_install.common.problems import Problem

RuntimeState = Literal["running", "starting", "stale", "stopped", "failing", "blocked"]
ComponentPhase = Literal["off", "starting", "ready", "degraded", "failing", "blocked", "stalled", "stopped"]
KeptBy = Literal["systemd", "launchd", "guardian", "nobody"]
Figure = str | int | float | bool | None


@dataclass(frozen=True)
class ComponentReport:
    """One component as it last said.

    Attributes:
        name: its name in the table of components.
        phase: `off` (not configured), `starting`, `ready`, `degraded` (works, with a limit that `message`
            names), `failing` (ended with an error; it is started again), `blocked` (needs a person),
            `stalled` (one of its workers has done nothing for too long), `stopped`.
        message: one sentence of the component's own; may be empty. Not yet safe for a terminal.
        since: when the phase began.
        failures: how often in a row it ended with an error.
        retry_seconds: the pause before the next start, where it is failing.
        problem: why it is blocked.
        figures: numbers and words of the component's own choice.
    """

    name: str
    phase: ComponentPhase
    message: str = ""
    since: Timestamp = 0.0
    failures: int = 0
    retry_seconds: float | None = None
    problem: Problem | None = None
    figures: Mapping[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True)
class LogReport:
    """The log: where it is, and how many lines it could not take since the runtime started."""

    path: str
    dropped_lines: int = 0
    last_error: str | None = None


@dataclass(frozen=True)
class RuntimeReport:
    """The runtime of one host (`schemas/runtime-status.schema.json`).

    Attributes:
        state: `running`, `starting`, `stale` (its lock is held, and no heartbeat comes
            or no work is done), `stopped`, `failing` (a component fails, or the whole process died and is
            started again), `blocked` (a component needs a person).
        message: one sentence for a person.
        problem: what is wrong and its next step; None when it runs.
        pid: the process that holds the lock; None when there is none or it is not known.
        kept_by: who starts it again after a crash; None when it does not run.
        enabled: whether a service of the user's session starts it.
        version: the version of the program that runs.
        started_at: when its process began to work.
        heartbeat_age: seconds since the last heartbeat, the time asleep not counted.
        restarts: how often it was started again after a crash.
        components: each as it last said; those of a process that has ended are not told.
        log: where it logs.
    """

    state: RuntimeState
    message: str
    log: LogReport
    problem: Problem | None = None
    pid: int | None = None
    kept_by: KeptBy | None = None
    enabled: bool = False
    version: str | None = None
    started_at: Timestamp | None = None
    heartbeat_age: float | None = None
    restarts: int = 0
    components: tuple[ComponentReport, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it runs, and every component is ready or not configured."""
        return self.state == "running" and all(part.phase in ("ready", "off") for part in self.components)

    @property
    def exit_code(self) -> ExitCode:
        return 0 if self.ok else 1


@dataclass(frozen=True)
class Result:
    """What a command did to the runtime.

    Attributes:
        message: what it did, in a few words.
        changed: whether it did something; False means that all was so already.
        runtime: how it is afterwards.
        notes: what a person should know besides.
        killed: `stop` had to end it by force.
        service: the unit or agent file that was written or removed.
        env_file: the environment file that was written or removed.
        variables: the names of the variables in it.
        removed: the files and folders that were removed.
    """

    message: str
    changed: bool
    runtime: RuntimeReport
    notes: tuple[str, ...] = ()
    killed: bool = False
    service: str | None = None
    env_file: str | None = None
    variables: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

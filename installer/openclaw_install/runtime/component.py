"""What a component of the runtime is: its name, whether it is configured, what it runs, how it reports."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from openclaw_install.common.errors import InstallError
from openclaw_install.host.locate import HostLocation
from openclaw_install.runtime.report import Figure


@dataclass(frozen=True)
class Context:
    """What a component is given.

    Attributes:
        location: the host.
        environment: gives the variables as they are now; a service's file of variables may change.
    """

    location: HostLocation
    environment: Callable[[], Mapping[str, str]]


def digest_of(env: Mapping[str, str], *prefixes: str) -> str:
    """Tells two sets of variables with these beginnings apart, and holds no value of them."""
    named = sorted((name, value) for name, value in env.items() if name.startswith(prefixes) and value)
    return hashlib.sha256(repr(named).encode(errors="surrogateescape")).hexdigest()


class Reporter(Protocol):
    """How a component says how it is; to be called on the event loop."""

    def ready(self, message: str = "") -> None:
        """It works."""

    def degraded(self, message: str) -> None:
        """It works, with a limit that one sentence names; `ready` ends it."""

    def blocked(self, error: InstallError) -> None:
        """It goes on running, and cannot do its work until a person acts; `ready` ends it."""

    def figures(self, **figures: Figure) -> None:
        """Sets some of its figures in the status document; the others stay."""

    def worked(self, worker: str, within: float) -> None:
        """One of its workers made a round trip through what it depends on, and will within so many seconds
        again. Whoever said this once and does not again is taken for stalled, until the component ends.
        """

    def event(self, event: str, /, **facts: object) -> None:
        """Writes a line to the log. Facts are data of any kind that JSON has; secrets are masked."""


@dataclass(frozen=True)
class Component:
    """One entry of the table in `components.py`.

    Attributes:
        name: a word of `[a-z_]`.
        purpose: one line for the operator.
        configured: whether there is anything for it to do; may read files, runs in a thread. It may raise
            `InstallError`, which blocks the component.
        run: works until it is cancelled. `InstallError` blocks the component until its inputs change; any
            other error, and an end of its own, is a failure after which it is started again.
        inputs: a value that changes when what it depends on does (keys, consents, config), and not by the
            component's own work; called every few seconds in a thread while the component does not run.
        reads: the folders that it reads besides the host's own, for a service with a view of its own.
        writes: the folders that it writes in besides our state and log folders, likewise.
    """

    name: str
    purpose: str
    configured: Callable[[Context], bool]
    run: Callable[[Context, Reporter], Awaitable[None]]
    inputs: Callable[[Context], object] = field(default=lambda _context: None)
    reads: Callable[[Context], tuple[Path, ...]] = field(default=lambda _context: ())
    writes: Callable[[Context], tuple[Path, ...]] = field(default=lambda _context: ())

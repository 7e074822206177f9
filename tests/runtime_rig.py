"""The rig of the runtime's tests: a host of its own, components of any behaviour, a scripted systemd.

As a program (`python -m tests.runtime_rig STATE_DIR KIND`) it is a runtime with one component of that kind.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from openclaw_install.host.locate import HostLocation, locate
from openclaw_install.messaging.store import opened_aside
from openclaw_install.runtime.component import Component, Context, Reporter
from openclaw_install.runtime.control import RuntimeControl
from openclaw_install.runtime.document import Status, read_status
from openclaw_install.runtime.paths import RuntimePaths
from openclaw_install.runtime.report import RuntimeReport
from openclaw_install.runtime.worker import Settings, run_runtime
from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.main import cli
from tests.schemas import assert_valid
from tests.support.waiting import PATIENCE, until

KEY = "mysta_" + "0123456789abcdef"
T = TypeVar("T")


@dataclass
class Bench:
    """An operator with a host of their own.

    Attributes:
        folder: everything of the host is below it.
        capture: what the commands said.
    """

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]
    texts: list[str] = field(default_factory=list)

    @property
    def location(self) -> HostLocation:
        return locate(os.environ)

    @property
    def places(self) -> RuntimePaths:
        return RuntimePaths.of(self.location)

    @property
    def report(self) -> RuntimeReport:
        return RuntimeControl(self.location, os.environ).report()

    def run(self, *words: str) -> tuple[int, str, str]:
        code = run_command(cli, ("runtime", *words))
        said = self.capture.readouterr()
        self.texts += [said.out, said.err]
        return code, said.out, said.err

    def ask(self, *words: str) -> dict[str, Any]:
        """A command's document, held against its schema."""
        code, out, _ = self.run(*words, "--json")
        document: dict[str, Any] = json.loads(out)
        assert_valid(document, "envelope")
        assert document["exit_code"] == code
        if document["result"] is not None:
            assert_valid(document["result"], "runtime-status" if words[0] == "status" else "runtime-result")
        return document

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """`openclaw-install runtime ...` as a process."""
        command = [sys.executable, "-m", "openclaw_install", "runtime", *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def worker(self, kind: str) -> subprocess.Popen[str]:
        """A runtime with one component of this kind, as a process that has begun to work."""
        command = [sys.executable, "-m", "tests.runtime_rig", str(self.location.state_dir), kind]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def pid(self) -> int:
        """Of the runtime, as soon as it runs."""
        return until(lambda: self.report.pid if self.report.state == "running" else None, "a running runtime")

    def document(self) -> Status:
        status = read_status(self.places.status)
        assert isinstance(status, Status)
        return status

    def log(self) -> list[dict[str, Any]]:
        lines = self.places.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line]

    def service_manager(self) -> Path:
        """Puts a `systemctl` on PATH that runs units as processes; returns the folder with its notes."""
        folder = self.folder / "manager"
        folder.mkdir()
        program = folder / "systemctl"
        program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m tests.systemctl_twin '{folder}' \"$@\"\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        self.monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
        return folder


@contextmanager
def bench_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
) -> Iterator[Bench]:
    """A bench; whatever runs at the end is stopped, and what it left is removed."""
    home = folder / "home"
    (home / ".openclaw").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("MYSTA_API_KEY", KEY)
    bench = Bench(folder, monkeypatch, capture)
    try:
        yield bench
    finally:
        RuntimeControl(bench.location, os.environ).remove()
    assert not any(KEY in text for text in bench.texts), "the key was shown"


Run = Callable[[Context, Reporter], Awaitable[None]]


def component(
    name: str,
    run: Run,
    *,
    configured: Callable[[Context], bool] = lambda _context: True,
    inputs: Callable[[Context], object] = lambda _context: None,
) -> Component:
    """A component of the test's own."""
    return Component(name, "is tested", configured, run, inputs)


async def steady(_context: Context, reporter: Reporter) -> None:
    """Is ready, and works until it is cancelled."""
    reporter.ready()
    await asyncio.Event().wait()


async def stubborn(_context: Context, reporter: Reporter) -> None:
    """Is ready, and takes no notice of being cancelled."""
    reporter.ready()
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            reporter.event("stubborn")


async def deaf(_context: Context, reporter: Reporter) -> None:
    """Is ready, and then holds the event loop, so that no signal comes through."""
    reporter.ready()
    await asyncio.sleep(0.5)
    time.sleep(600)


async def stuck(context: Context, reporter: Reporter) -> None:
    """Is ready, and has a store whose thread never comes back."""
    async with opened_aside(context.location.state_dir / "store.db") as store:
        reporter.ready()
        await store.run(threading.Event().wait)


def run_here(location: HostLocation, *components: Component, **settings: Any) -> None:
    """A runtime in this process, with short pauses; it ends when one of its components calls `end_here`."""
    chosen: dict[str, Any] = {"beat_seconds": 1.0, "grace_seconds": 0.5, "look_seconds": 0.02, **settings}
    # What never comes about must not hold the tests up.
    bound = threading.Timer(PATIENCE, end_here)
    bound.start()
    try:
        run_runtime(Settings(location, components, dict(os.environ), **chosen))
    finally:
        bound.cancel()
        bound.join()


def end_here() -> None:
    """Ends the runtime of this process, as an operator would."""
    os.kill(os.getpid(), signal.SIGTERM)


_KINDS: Mapping[str, Run] = {"steady": steady, "stubborn": stubborn, "deaf": deaf, "stuck": stuck}


def main() -> None:
    """The program."""
    state_dir, kind = sys.argv[1:]
    location = locate(os.environ, state_dir=Path(state_dir))
    run_here(location, component(kind, _KINDS[kind]), ready=lambda _log: print("ready", flush=True))


if __name__ == "__main__":
    main()

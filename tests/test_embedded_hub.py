"""The hub as a component of the runtime: a process of its own, which never outlives its parent."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from openclaw_install.common.errors import InstallError
from openclaw_install.common.ports import free_port
from openclaw_install.host.locate import locate
from openclaw_install.messaging.profile_settings import EmbeddedHub, ProfileSettings, save_settings
from openclaw_install.protocol.profile import profile_paths
from openclaw_install.runtime import embedded_hub
from openclaw_install.runtime.component import Context
from tests.support.async_waiting import until

_BOUND = 60.0


@dataclass
class Notes:
    """A reporter that keeps what it is told."""

    said: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    problems: list[InstallError] = field(default_factory=list)
    rounds: list[tuple[str, float]] = field(default_factory=list)

    def ready(self, message: str = "") -> None:
        self.said.append(message)

    def degraded(self, message: str) -> None:
        self.said.append(message)

    def blocked(self, error: InstallError) -> None:
        self.problems.append(error)

    def figures(self, **_figures: object) -> None: ...

    def worked(self, worker: str, within: float) -> None:
        self.rounds.append((worker, within))

    def event(self, event: str, /, **facts: object) -> None:
        self.events.append({"event": event, **facts})


@pytest.fixture
def context(tmp_path: Path) -> Context:
    env = {"HOME": str(tmp_path / "home"), "MYSTA_API_KEY": "mysta_not_for_the_hub"}
    return Context(locate(env), lambda: env)


def _agree(context: Context, data: Path) -> EmbeddedHub:
    hub = EmbeddedHub(data, free_port())
    paths = profile_paths(context.environment(), context.location.home)
    save_settings(paths, ProfileSettings(hub.url, "2026-01-01T00:00:00Z", hub))
    return hub


def test_without_settings_there_is_no_hub_to_run(context: Context) -> None:
    assert not embedded_hub.is_configured(context)
    assert embedded_hub.inputs(context) is None
    asyncio.run(embedded_hub.run(context, Notes()))


def test_it_serves_until_it_is_cancelled(context: Context, tmp_path: Path) -> None:
    hub, notes = _agree(context, tmp_path / "hub"), Notes()
    assert embedded_hub.is_configured(context)
    assert embedded_hub.inputs(context) == hub

    async def live() -> int:
        task = asyncio.create_task(embedded_hub.run(context, notes))
        await until(lambda: bool(notes.said))
        async with httpx.AsyncClient(trust_env=False) as client:
            status = (await client.get(f"{hub.url}/healthz")).status_code
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return status

    assert asyncio.run(live()) < 500
    assert notes.said == [f"serves at {hub.url}/api/v2/mcp"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{hub.url}/healthz", trust_env=False)


def test_a_folder_of_somebody_else_is_told_and_left_alone_until_it_is_free(
    context: Context, tmp_path: Path
) -> None:
    diary = tmp_path / "other" / "diary.txt"
    diary.parent.mkdir()
    diary.write_text("not a hub's")
    _agree(context, diary.parent)
    notes = Notes()
    _play(context, notes, "hub.foreign_folder", diary.unlink)
    assert notes.problems[0].next_step == f"move what is in {diary.parent} elsewhere"


def test_a_taken_port_is_told_with_its_number_and_taken_when_it_is_free(
    context: Context, tmp_path: Path
) -> None:
    hub, notes = _agree(context, tmp_path / "hub"), Notes()
    with socket.socket() as other:
        other.bind(("127.0.0.1", hub.port))
        other.listen()
        _play(context, notes, "hub.address", other.close)
    assert f"fuser -v {hub.port}/tcp" in notes.problems[0].next_step


def _play(context: Context, notes: Notes, code: str, cure: Callable[[], None]) -> None:
    """Runs the hub until it is blocked by `code`, cures that, and waits until it serves."""

    async def live() -> None:
        task = asyncio.create_task(embedded_hub.run(context, notes))
        await until(lambda: bool(notes.problems))
        assert not notes.said
        cure()
        await until(lambda: bool(notes.said))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(live())
    assert {problem.error_code for problem in notes.problems} == {code}


def test_a_hub_that_ends_without_a_word_is_a_failure(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _agree(context, tmp_path / "hub")
    monkeypatch.setattr(embedded_hub, "_command", lambda _hub: [sys.executable, "-c", "raise SystemExit(7)"])
    with pytest.raises(embedded_hub.HubEndedError, match="exit code 7"):
        asyncio.run(embedded_hub.run(context, Notes()))


def test_keys_of_other_services_do_not_reach_the_hub() -> None:
    env = {"MYSTA_API_KEY": "mysta_x", "HOME": "/h", "XDG_DATA_HOME": "/d", "PINGAGENT_PROFILE": "p"}
    assert {"HOME": "/h", "XDG_DATA_HOME": "/d"}.items() <= embedded_hub._environment(env).items()
    assert not {"MYSTA_API_KEY", "PINGAGENT_PROFILE"} & embedded_hub._environment(env).keys()


def test_the_hub_ends_when_its_parent_was_killed(tmp_path: Path) -> None:
    """No signal reaches it then: the end of its input does."""
    data, port = tmp_path / "hub", free_port()
    parent_code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stderr=subprocess.PIPE)\n"
        "print(child.pid, child.stderr.readline().decode(), flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-m", "openclaw_install", "hub", "run", "--json", "--until-eof"]
    with subprocess.Popen(
        [sys.executable, "-c", parent_code, *command, "--data", str(data), "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(tmp_path)},
    ) as parent:
        assert parent.stdout is not None
        pid, ready = parent.stdout.readline().split(" ", 1)
        assert json.loads(ready)["event"] == "ready"
        parent.kill()
        parent.wait()
        try:
            asyncio.run(until(lambda: not _serves(port)))
        except AssertionError:
            os.kill(int(pid), signal.SIGKILL)
            raise


def _serves(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False, timeout=5)
    except httpx.HTTPError:
        return False
    return True


def test_one_that_answers_nothing_any_more_is_told_ended_and_left_to_be_started_again(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_hub, "_PROBE_PAUSE", 0.05)
    monkeypatch.setattr(embedded_hub, "_PROBE_SECONDS", 0.2)
    monkeypatch.setattr(embedded_hub, "_END_SECONDS", 0.2)
    _agree(context, tmp_path / "hub")
    notes, pids = Notes(), list[int]()
    real = asyncio.create_subprocess_exec

    async def noted(*command: str, **more: Any) -> asyncio.subprocess.Process:
        process = await real(*command, **more)
        pids.append(process.pid)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)

    async def live() -> None:
        task = asyncio.create_task(embedded_hub.run(context, notes))
        await until(lambda: len(notes.rounds) >= 2)
        os.kill(pids[0], signal.SIGSTOP)
        await task

    with pytest.raises(embedded_hub.HubSilentError, match="6 requests"):
        asyncio.run(live())
    assert notes.events[-1] == {"event": "hub_silent", "probes": 6}
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_any_answer_shows_that_the_hub_works_and_none_does_not() -> None:
    async def ask(answer: bytes) -> bool:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(answer)
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            return await embedded_hub._answers(server.sockets[0].getsockname()[1])

    assert asyncio.run(ask(b"HTTP/1.1 503 Service Unavailable\r\n\r\n"))
    assert not asyncio.run(ask(b""))
    assert not asyncio.run(embedded_hub._answers(free_port()))

"""The component `hub`: the relay that ships with us, as a process that ends with the runtime."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_install.common.errors import HostError, InstallError
from openclaw_install.messaging.profile_settings import EmbeddedHub, load_settings
from openclaw_install.protocol.profile import profile_paths
from openclaw_install.runtime.component import Context, Reporter

if TYPE_CHECKING:
    import asyncio
    from asyncio.subprocess import Process

# What a program needs to find its files; keys of other services are not its business.
_PASSED_ON = frozenset(
    {
        *("HOME", "PATH", "LANG", "LC_ALL", "TMPDIR", "TZ"),
        *("PYTHONPATH", "PYTHONSAFEPATH", "COVERAGE_PROCESS_CONFIG"),
    }
)
_LINE_BYTES = 1 << 20
_END_SECONDS = 3.5
_FIRST_PAUSE, _MOST_PAUSE = 2.0, 30.0


_PROBE_SECONDS, _PROBE_PAUSE = 5.0, 10.0
# So many probes in a row without an answer: counted in tries, so that a machine that slept costs one at most.
_PROBES = 6


class HubEndedError(Exception):
    """The hub's process has ended, which it should not."""


class HubSilentError(Exception):
    """The hub's process runs, and answers no request any more."""


def is_configured(context: Context) -> bool:
    """Whether the operator chose the embedded hub for this profile."""
    return _hub(context) is not None


def inputs(context: Context) -> object:
    """The settings."""
    return _hub(context)


def writes(context: Context) -> tuple[Path, ...]:
    """The hub's folder."""
    hub = _hub(context)
    return () if hub is None else (hub.data,)


async def run(context: Context, reporter: Reporter) -> None:
    """Keeps the hub's process until it is cancelled; one that says why it cannot start is tried again.

    Raises:
        HubEndedError: it ended by itself, without a reason; the text has its last words.
    """
    import asyncio

    hub = _hub(context)
    pause = _FIRST_PAUSE
    while hub is not None:
        error = await _one_life(hub, context, reporter)
        # What is in the way (a taken port, a folder of somebody else) goes without that we are told.
        reporter.blocked(error)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _MOST_PAUSE)


async def _one_life(hub: EmbeddedHub, context: Context, reporter: Reporter) -> InstallError:
    """Runs the process to its end; the error that it ended with, in its own words."""
    import asyncio

    process = await asyncio.create_subprocess_exec(
        *_command(hub),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(context.environment()),
        limit=_LINE_BYTES,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        serves = asyncio.Event()
        probing = asyncio.create_task(_probe(hub.port, reporter, serves))
        saying = asyncio.gather(_follow(process, reporter, serves), process.stdout.read())
        try:
            both: set[asyncio.Future[Any]] = {probing, saying}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if probing.done():
                probing.result()
            last, document = await saying
        finally:
            probing.cancel()
            saying.cancel()
            await asyncio.gather(probing, saying, return_exceptions=True)
        code = await process.wait()
        if error := _stated_error(document, hub):
            return error
        raise HubEndedError(f"the hub ended with exit code {code}: {last}")
    finally:
        await _end(process)


def _stated_error(document: bytes, hub: EmbeddedHub) -> InstallError | None:
    """The first error of the document that the command ended with."""
    errors = _event(document.decode(errors="replace")).get("errors")
    if not isinstance(errors, list) or not errors or not isinstance(errors[0], dict):
        return None
    code, message = str(errors[0].get("code", "")), str(errors[0].get("message", ""))
    step = str(errors[0].get("next_step", ""))
    if code == "hub.address":
        step = f"stop what listens there; to see it: fuser -v {hub.port}/tcp"
    elif code == "hub.foreign_folder":
        step = f"move what is in {hub.data} elsewhere"
    return HostError(f"the hub does not start: {message}", next_step=step, code=code)


def _hub(context: Context) -> EmbeddedHub | None:
    settings = load_settings(profile_paths(context.environment(), context.location.home))
    return None if settings is None else settings.hub


def _command(hub: EmbeddedHub) -> list[str]:
    return [
        *(sys.executable, "-m", "openclaw_install", "hub", "run", "--json", "--until-eof"),
        *("--no-access-log", "--data", str(hub.data), "--port", str(hub.port)),
    ]


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    merged = {**os.environ, **env}
    return {name: value for name, value in merged.items() if name in _PASSED_ON or name.startswith("XDG_")}


async def _follow(process: Process, reporter: Reporter, serves: asyncio.Event) -> str:
    """Reads what the hub says until it says no more; returns its last line."""
    assert process.stderr is not None  # noqa: S101 - a pipe was asked for
    last = ""
    async for line in process.stderr:
        last = line.decode(errors="replace").strip() or last
        said = _event(last)
        if said.get("event") == "ready":
            serves.set()
            reporter.ready(f"serves at {said.get('url')}")
        elif said:
            reporter.event("hub", **{f"hub_{name}": value for name, value in said.items()})
    return last[:500]


async def _probe(port: int, reporter: Reporter, serves: asyncio.Event) -> None:
    """Asks the hub for its health now and then, until it has answered too often in a row with silence.

    Any answer counts, also a refusal: who is asked too much works.

    Raises:
        HubSilentError: the process is to be ended and started again.
    """
    import asyncio

    await serves.wait()
    silent = 0
    while silent < _PROBES:
        await asyncio.sleep(_PROBE_PAUSE)
        silent = 0 if await _answers(port) else silent + 1
        if silent == 0:
            reporter.worked("the relay's process", (_PROBES + 2) * (_PROBE_SECONDS + _PROBE_PAUSE))
    reporter.event("hub_silent", probes=silent)
    raise HubSilentError(f"the hub has not answered {silent} requests in a row")


async def _answers(port: int) -> bool:
    import asyncio

    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(
                    f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
                )
                return (await reader.readline()).startswith(b"HTTP/1.")
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return False


def _event(line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


async def _end(process: Process) -> None:
    """Ends the hub: the end of its input tells it to, and a signal as well; by force in the end."""
    import asyncio

    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _END_SECONDS)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

"""The component `hub`: the relay that ships with us, as a process that ends with the runtime."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_install.collab.profile_settings import EmbeddedHub, load_settings
from openclaw_install.protocol.profile_files import profile_paths
from openclaw_install.runtime.component import Context, Reporter

if TYPE_CHECKING:
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


class HubEndedError(Exception):
    """The hub's process has ended, which it should not."""


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
    """Keeps the hub's process until it is cancelled.

    Raises:
        HubEndedError: it ended by itself; the text has its last words.
    """
    import asyncio

    hub = _hub(context)
    if hub is None:
        return
    process = await asyncio.create_subprocess_exec(
        *_command(hub),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(context.environment()),
        limit=_LINE_BYTES,
        start_new_session=True,
    )
    try:
        last = await _follow(process, reporter)
        raise HubEndedError(f"the hub ended with exit code {await process.wait()}: {last}")
    finally:
        await _end(process)


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


async def _follow(process: Process, reporter: Reporter) -> str:
    """Reads what the hub says until it says no more; returns its last line."""
    assert process.stderr is not None  # noqa: S101 - a pipe was asked for
    last = ""
    async for line in process.stderr:
        last = line.decode(errors="replace").strip() or last
        said = _event(last)
        if said.get("event") == "ready":
            reporter.ready(f"serves at {said.get('url')}")
        elif said:
            reporter.event("hub", **{f"hub_{name}": value for name, value in said.items()})
    return last[:500]


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
